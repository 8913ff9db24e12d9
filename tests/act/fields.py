"""Fields of an object as the API server counts them, and the lines of managedFields that say who owns which."""

from collections.abc import Iterator, Mapping
from typing import Any

from controlplane.clock import SystemClock

FIXED = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}
Path_ = tuple[str, ...]


def leaves(value: Any, way: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Fields of a body; a list counts as one."""
    for key, inner in value.items():
        path = (*way, key)
        if isinstance(inner, dict) and inner:
            yield from leaves(inner, path)
        elif path not in FIXED:
            yield path, inner


def entry(manager: str, operation: str, paths: set[Path_], at: str = "") -> dict[str, Any]:
    """One line of managedFields."""
    fields: dict[str, Any] = {}
    for path in sorted(paths):
        here = fields
        for step in path:
            here = here.setdefault(f"f:{step}", {})
    time = at or f"{SystemClock().now():%Y-%m-%dT%H:%M:%SZ}"
    return {"manager": manager, "operation": operation, "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields}


def owned(e: Mapping[str, Any]) -> set[Path_]:
    """The paths of one line of managedFields."""

    def walk(fields: Any, way: Path_) -> Iterator[Path_]:
        for key, inner in fields.items():
            path = (*way, key[2:])
            if inner:
                yield from walk(inner, path)
            else:
                yield path

    return set(walk(e["fieldsV1"], ()))


def get(there: Any, path: Path_) -> Any:
    for step in path:
        there = there.get(step) if isinstance(there, dict) else None
    return there


def put(made: Any, path: Path_, value: Any) -> None:
    for step in path[:-1]:
        made = made.setdefault(step, {})
    made[path[-1]] = value


def drop(made: Any, path: Path_) -> None:
    for step in path[:-1]:
        made = made.get(step, {})
    made.pop(path[-1], None)
