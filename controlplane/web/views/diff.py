"""A patch as people read one: the object's fields as YAML, what goes in red, what comes in green."""

import json
from dataclasses import dataclass
from typing import Any

from controlplane.model.patch import FieldChange, Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One line: ``ctx``, ``del`` or ``add``."""

    kind: str
    text: str


def diff(patch: Patch) -> tuple[DiffLine, ...]:
    """The lines of a patch; shared parents are written once."""
    lines: list[DiffLine] = []
    open_: list[str] = []
    for field in sorted(patch.fields, key=lambda f: segments(f.path)[:-1]):
        *parents, leaf = segments(field.path)
        shared = 0
        while shared < min(len(open_), len(parents)) and open_[shared] == parents[shared]:
            shared += 1
        lines.extend(
            DiffLine(kind="ctx", text=f"  {'  ' * depth}{key(parents[depth])}:")
            for depth in range(shared, len(parents))
        )
        open_ = parents
        lines.extend(_leaf(field, leaf, len(parents)))
    return tuple(lines)


def segments(path: str) -> list[str]:
    """The parts of a JSON pointer, unescaped."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]] or [path]


def key(segment: str) -> str:
    """A parent that is a place in a list is shown as such."""
    return f"[{segment}]" if in_list(segment) else segment


def in_list(segment: str) -> bool:
    """An index, or the place behind the last element (RFC 6901)."""
    return segment.isdecimal() or segment == "-"


def _leaf(field: FieldChange, leaf: str, depth: int) -> list[DiffLine]:
    name = f"{'  ' * depth}- " if in_list(leaf) else f"{'  ' * depth}{leaf}: "
    made = []
    if field.before is not None:
        made.append(DiffLine(kind="del", text=f"- {name}{_scalar(field.before)}"))
    if field.after is not None:
        made.append(DiffLine(kind="add", text=f"+ {name}{_scalar(field.after)}"))
    return made


def _scalar(value: Any) -> str:
    """Strings that could be read as something else keep their quotes."""
    if not isinstance(value, str):
        return json.dumps(value)
    risky = (
        not value
        or value != value.strip()
        or value[0] in "?:,[]{}#&*!|>'\"%@`0123456789"
        or value.startswith("- ")
        or "\n" in value
    )
    return json.dumps(value, ensure_ascii=False) if risky else value
