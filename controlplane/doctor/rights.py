"""What the account of the control plane may not do at the API server, before a change fails for it at night.

Each row has what gives the right: the command that applies the generated Roles where the account is theirs, else a
Role and its binding for exactly what is missing.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controlplane.doctor.check import Check
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity
from controlplane.model.right import ACCOUNT, CHANGING, READING, Right

MAY_NOT_CHANGE = Check(
    id="rights-changing",
    severity=Severity.CRITICAL,
    title="the account of the hands lacks a right that hands.mode: kubernetes takes",
    why="Every change of that object is refused by the API server: approved ones, too, and undos. A namespace whose "
    "annotations cannot be read counts as stopped.",
    fix="Apply the overlay `apply` of the generated manifests, or bind the account to the Role in the row.",
)
MAY_NOT_READ = Check(
    id="rights-reading",
    severity=Severity.WARNING,
    title="the account lacks a right that sources.kubernetes takes",
    why="What cannot be listed is unknown: replicas, bounds and pods of the roles in that namespace, and no change is "
    "made on what is not known.",
    fix="Apply the overlay `observe` of the generated manifests, or bind the account to the Role in the row.",
)
CHECKS = (MAY_NOT_CHANGE, MAY_NOT_READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """A right that fleet.yaml takes."""

    right: Right
    changing: bool
    """Whether hands take it; else reading does."""


def check(missing: Sequence[Needed], account: str) -> tuple[Row, ...]:
    """A row for each object, or list of objects, on which a right is missing."""
    verbs: dict[tuple[str, bool], list[Right]] = {}
    for needed in missing:
        verbs.setdefault((needed.right.what, needed.changing), []).append(needed.right)
    return tuple(_row(what, rights, account, changing=changing) for (what, changing), rights in verbs.items())


def fact(needed: Sequence[Needed], missing: Sequence[Needed], account: str) -> tuple[str, str]:
    """Who was asked about, and how it went: no row must not look like no look."""
    return "Account", f"{account or 'unknown'}; has {len(needed) - len(missing)} of the {len(needed)} rights it takes"


def _row(what: str, rights: Sequence[Right], account: str, *, changing: bool) -> Row:
    verbs = ", ".join(right.verb for right in rights)
    leads, severity = _bites(rights, changing=changing)
    return (MAY_NOT_CHANGE if changing else MAY_NOT_READ).row(
        account or "the account",
        f"may not {verbs} {what}: {leads}",
        fix=(CHANGING if changing else READING) if account in (ACCOUNT, "") else "\n".join(_grant(rights, account)),
        evidence=tuple(f"kubectl auth can-i {_asked(right)} = no" for right in rights),
        severity=severity,
    )


def _bites(rights: Sequence[Right], *, changing: bool) -> tuple[str, Severity | None]:
    """What the lack leads to, and how bad that is where it is milder than usual."""
    if changing and rights[0].resource == "namespaces":
        return "whether somebody has stopped us there is not known, which counts as stop", None
    if changing:
        return "every change of it is refused", None
    if rights[0].resource == "nodes":
        return "what GPUs a node has is known from fleet.yaml alone", Severity.INFO
    if {right.verb for right in rights} == {"watch"}:
        return "they are listed anew at each tick instead", Severity.INFO
    return "what they say is unknown, which holds changes of the roles there", None


def _asked(right: Right) -> str:
    kind = f"{right.resource}.{right.group}" if right.group else right.resource
    named = f"{kind}/{right.name}" if right.name else kind
    return f"{right.verb} {named}" + (f" -n {right.namespace}" if right.namespace else "")


def _grant(rights: Sequence[Right], account: str) -> Iterator[str]:
    """A Role for the missing rights, and its binding; names from outside are quoted."""
    first = rights[0]
    kind = "Role" if first.namespace else "ClusterRole"
    name = "-".join(filter(None, ("llm-controlplane", *sorted({r.verb for r in rights}), first.resource, first.name)))
    where = f", namespace: {first.namespace}" if first.namespace else ""
    api = "apiVersion: rbac.authorization.k8s.io/v1"
    names = f", resourceNames: [{json.dumps(first.name)}]" if first.name else ""
    yield from (api, f"kind: {kind}", f"metadata: {{name: {name}{where}}}", "rules:")
    verbs = ", ".join(right.verb for right in rights)
    yield f"  - {{apiGroups: [{json.dumps(first.group)}], resources: [{first.resource}]{names}, verbs: [{verbs}]}}"
    yield from ("---", api, f"kind: {kind}Binding", f"metadata: {{name: {name}{where}}}")
    yield f"roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {name}}}"
    yield f"subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {json.dumps(account)}}}]"
