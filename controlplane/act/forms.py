"""The two forms in which kustomize takes a patch.

A *strategic merge patch* states fields and is what people like to read. It cannot reach into a list, so a
change such as "one more argument of the first container" becomes a *JSON 6902 patch*: a list of operations
on what is in the repository. Taking such a change back takes its operation out of the list.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from controlplane.act import pointer
from controlplane.errors import ActError
from controlplane.model.keys import ObjectRef
from controlplane.model.patch import FieldChange

API_VERSIONS = {
    "ScaledObject": "keda.sh/v1alpha1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "RayService": "ray.io/v1",
    "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1",
}
"""Kinds we know how to name in a patch."""


class Form(Protocol):
    """How fields are written down. ``document`` is the parsed file, ``None`` when there is none."""

    suffix: str
    """End of the file's name."""

    def foreign(self, document: Any, field: FieldChange) -> str | None:
        """What stands where the field would go and is neither what was seen nor what is wished; in words."""
        ...

    def put(self, document: Any, target: ObjectRef, fields: Sequence[FieldChange]) -> Any:
        """The document that also asks for these fields. Raises ``ActError`` when it is not of this form."""
        ...

    def holds(self, document: Any, field: FieldChange) -> bool:
        """Whether the document asks for the field."""
        ...


class Merge:
    """A strategic merge patch of exactly the fields we own."""

    suffix = ".yaml"

    def foreign(self, document: Any, field: FieldChange) -> str | None:
        there = pointer.read(document, field.path)
        if there is pointer.ABSENT or pointer.same(there, field.before) or pointer.same(there, field.after):
            return None
        return f"{field.path} is {there!r} in the file, neither {field.before!r} (seen) nor {field.after!r} (wished)"

    def put(self, document: Any, target: ObjectRef, fields: Sequence[FieldChange]) -> Any:
        made = {} if document is None else document
        if not isinstance(made, dict):
            raise ActError("it is not a patch any more; repair or remove it")
        made["apiVersion"] = API_VERSIONS[target.kind]
        made["kind"] = target.kind
        pointer.write(made, "/metadata/name", target.name)
        pointer.write(made, "/metadata/namespace", target.namespace)
        for field in fields:
            pointer.write(made, field.path, field.after)
        return made

    def holds(self, document: Any, field: FieldChange) -> bool:
        return pointer.same(pointer.read(document, field.path), field.after)


class Operations:
    """A JSON 6902 patch: one operation per field, in the order in which they were asked for."""

    suffix = ".json6902.yaml"

    def foreign(self, document: Any, field: FieldChange) -> str | None:
        if _appends(field):
            return None
        for operation in _list(document):
            there = operation.get("value")
            if operation.get("path") == field.path and there not in (field.before, field.after):
                return f"{field.path} is set to {there!r} in the file, not to {field.before!r} or {field.after!r}"
        return None

    def put(self, document: Any, target: ObjectRef, fields: Sequence[FieldChange]) -> Any:  # noqa: ARG002  the file's name says it
        made = list(_list(document))
        for field in fields:
            made = [o for o in made if not _is(o, field, field.before) and not _is(o, field, field.after)]
            if field.after is not None:
                made.append({"op": "add" if _appends(field) else "replace", "path": field.path, "value": field.after})
        return made

    def holds(self, document: Any, field: FieldChange) -> bool:
        if field.after is None:
            return not any(_is(o, field, field.before) for o in _list(document))
        return any(_is(o, field, field.after) for o in _list(document))


def _appends(field: FieldChange) -> bool:
    return field.path.endswith("/-")


def _is(operation: dict[str, Any], field: FieldChange, value: Any) -> bool:
    """Whether the operation is about this field; two appends to one list differ by their value."""
    return operation.get("path") == field.path and (not _appends(field) or operation.get("value") == value)


def _list(document: Any) -> list[dict[str, Any]]:
    if document is None:
        return []
    if not isinstance(document, list) or not all(isinstance(o, dict) for o in document):
        raise ActError("it is not a list of operations any more; repair or remove it")
    return document
