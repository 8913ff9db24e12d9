"""Who owns which field of an object, from ``metadata.managedFields``; and whether a GitOps tool stands behind it.

Pure. What is odd says nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.act import pointer
from controlplane.act.cluster import Object
from controlplane.act.patch_file import one_line
from controlplane.model.keys import MANAGER, ObjectRef


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of managedFields."""

    manager: str
    operation: str
    """``Apply`` (server side) or ``Update`` (everything else)."""
    at: str
    fields: Mapping[str, Any]

    @property
    def is_us(self) -> bool:
        """Whether it is what we applied."""
        return self.manager == MANAGER and self.operation == "Apply"

    def owns(self, path: str) -> bool:
        """Whether it owns the field."""
        here: Any = self.fields
        for step in pointer.parts(path):
            if not isinstance(here, Mapping) or f"f:{step}" not in here:
                return False
            here = here[f"f:{step}"]
        return True

    def __str__(self) -> str:
        return one_line(f"{self.manager} ({self.operation}{', ' + self.at if self.at else ''})", 120)


def owners(found: Object) -> tuple[Owner, ...]:
    """Everybody who owns something of the object's main part."""
    entries = pointer.read(found, "/metadata/managedFields")
    return tuple(
        Owner(
            str(entry.get("manager") or "?"),
            str(entry.get("operation") or "?"),
            str(entry.get("time") or ""),
            fields if isinstance(fields := entry.get("fieldsV1"), Mapping) else {},
        )
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping) and not entry.get("subresource")
    )


def ours(found: Object) -> frozenset[str]:
    """Paths of all fields we own, as JSON pointers; a list counts as one field."""
    return frozenset(path for owner in owners(found) if owner.is_us for path in _leaves(owner.fields))


def others(found: Object, path: str) -> tuple[Owner, ...]:
    """Everybody else who owns the field."""
    return tuple(owner for owner in owners(found) if not owner.is_us and owner.owns(path))


def who_changed(found: Object, path: str) -> Owner | None:
    """Who last wrote the field. Where nobody owns it (it was taken out), whoever wrote last."""
    theirs = others(found, path) or tuple(owner for owner in owners(found) if not owner.is_us)
    return max(theirs, key=lambda owner: owner.at, default=None)


TOOLS = {
    "argocd": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "flux": "Flux",
    "helm": "Helm",
    "pulumi": "Pulumi",
    "terraform": "Terraform",
}
"""Beginnings of the managers' names of tools that will write their own value again."""

MARKS = {
    "/metadata/annotations/argocd.argoproj.io~1tracking-id": "Argo CD",
    "/metadata/labels/argocd.argoproj.io~1instance": "Argo CD",
    "/metadata/labels/kustomize.toolkit.fluxcd.io~1name": "Flux",
    "/metadata/labels/helm.toolkit.fluxcd.io~1name": "Flux",
    "/metadata/annotations/meta.helm.sh~1release-name": "Helm",
}
"""What such tools leave on the objects they look after."""


def gitops_tool(found: Object, manager: str = "") -> str | None:
    """The tool that looks after the object, by the manager's name or by what it left there."""
    named = next((tool for start, tool in TOOLS.items() if manager.lower().startswith(start)), None)
    return named or next((tool for mark, tool in MARKS.items() if isinstance(pointer.read(found, mark), str)), None)


def let_us_write(ref: ObjectRef, tool: str | None) -> str:
    """What a person may change so that the field is written live; in one line."""
    if tool == "Argo CD":
        return (
            "to let it be written live, add to the Application: spec.ignoreDifferences: [{group: keda.sh, kind: "
            f"{ref.kind}, namespace: {ref.namespace}, name: {ref.name}, managedFieldsManagers: [{MANAGER}]}}], "
            "syncOptions: [RespectIgnoreDifferences=true], and leave the field out of Git"
        )
    if tool == "Flux":
        return "to let it be written live, leave the field out of Git"
    return f"to let it be written live, hand the field to the manager {MANAGER}: docs/hands.md"


def _leaves(fields: Mapping[str, Any], way: str = "") -> Iterator[str]:
    for key, inner in fields.items():
        if key == ".":
            continue
        step = f"{way}/{key.removeprefix('f:').replace('~', '~0').replace('/', '~1')}"
        if (
            isinstance(inner, Mapping)
            and inner
            and all(isinstance(k, str) and k.startswith("f:") for k in inner if k != ".")
        ):
            yield from _leaves(inner, step)
        else:
            yield step
