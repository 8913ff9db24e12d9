"""A right that an account has or lacks at the API server, in its own words, and what gives it.

What hands are refused, what the doctor asks for and what the generated Roles grant are all spelled like this.
"""

from dataclasses import dataclass

from controlplane.model.keys import MANAGER

ACCOUNT = f"system:serviceaccount:{MANAGER}:{MANAGER}"
"""Who the control plane is to the API server where it runs in the cluster, as the generated manifests run it."""

READING = "kubectl apply -k manifests/controlplane/overlays/observe"
"""Gives :data:`ACCOUNT` what reading takes."""
CHANGING = "kubectl apply -k manifests/controlplane/overlays/apply"
"""Gives it what hands take, besides."""

TO_ALLOW = "to allow it: "
"""Stands before the cure wherever a lack is told in one line: who reads such a line finds the cure by it."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Right:
    """One verb on one resource. ``patch scaledobjects.keda.sh llm/worker``."""

    verb: str
    group: str = ""
    """Of the API; empty for Kubernetes' own first one."""
    resource: str
    namespace: str = ""
    """Empty for what belongs to the whole cluster."""
    name: str = ""
    """Of one object; empty for all of them."""

    def __str__(self) -> str:
        return f"{self.verb} {self.what}"

    @property
    def what(self) -> str:
        """On what: ``ScaledObject llm/worker``, ``pods in llm``, ``nodes``."""
        if self.resource == "scaledobjects" and self.name:
            return f"ScaledObject {self.namespace}/{self.name}"
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        named = f"{kind} {self.name}" if self.name else kind
        return f"{named} in {self.namespace}" if self.namespace and self.namespace != self.name else named

    @property
    def rule(self) -> str:
        """As a Role says it, on one line."""
        names = f"resourceNames: [{self.name}], " if self.name else ""
        group = self.group or '""'
        return f"{{apiGroups: [{group}], resources: [{self.resource}], {names}verbs: [{self.verb}]}}"


def cure(right: Right, account: str, command: str) -> str:
    """What gives an account the right, on one line.

    Args:
        right: what it lacks.
        account: who the API server says it is; empty when it does not.
        command: what would do for :data:`ACCOUNT`.
    """
    if account in (ACCOUNT, ""):
        return command
    where = f"a Role in {right.namespace}" if right.namespace else "a ClusterRole"
    return f"bind {account} to {where} with the rule {right.rule}"
