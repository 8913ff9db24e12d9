"""Names of things: who a reading, a finding or a change is about."""

from dataclasses import dataclass
from typing import NewType

MANAGER = "llm-controlplane"
"""Who we are in Kubernetes: our field manager, and the name of everything that is ours."""

ANNOTATIONS = "controlplane.llm-fleet.dev"
"""Prefix of the annotations that are ours: hands write them, the admission policy lets them through."""

RoleName = NewType("RoleName", str)
"""Name of a role inside one fleet, as written in fleet.yaml."""

FindingId = NewType("FindingId", str)
RecommendationId = NewType("RecommendationId", str)
DecisionId = NewType("DecisionId", str)
ChangeId = NewType("ChangeId", str)


@dataclass(frozen=True, slots=True, order=True)
class ReplicaKey:
    """One serving instance of a role. ``name`` is the pod name where known, else host:port."""

    role: RoleName
    name: str

    def __str__(self) -> str:
        return f"{self.role}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """A Kubernetes object, as people write it: ``kind namespace/name``."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"
