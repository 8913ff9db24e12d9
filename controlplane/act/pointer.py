"""Fields of an object by JSON pointer (RFC 6901), in nested mappings."""

from typing import Any

from controlplane.errors import ActError
from controlplane.model.patch import Scalar

ABSENT = object()
"""What :func:`read` gives for a field that is not there."""


def parts(pointer: str) -> tuple[str, ...]:
    """The steps of a pointer, unescaped. Raises ``ActError`` for one that leads nowhere."""
    if not pointer.startswith("/") or pointer == "/":
        raise ActError(f"{pointer!r} is not a path to a field")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))


def into_list(pointer: str) -> bool:
    """Whether it leads into a list: a number as a step, or ``-`` for the end."""
    return any(step == "-" or (step.isdecimal() and step.isascii()) for step in parts(pointer))


def read(document: Any, pointer: str) -> Any:
    """The field's value, or :data:`ABSENT`."""
    for step in parts(pointer):
        if not isinstance(document, dict) or step not in document:
            return ABSENT
        document = document[step]
    return document


def write(document: dict[str, Any], pointer: str, value: Scalar) -> None:
    """Set the field, making the mappings on the way. Raises ``ActError`` where something else is in the way."""
    *way, last = parts(pointer)
    for step in way:
        inner = document.setdefault(step, {})
        if not isinstance(inner, dict):
            raise ActError(f"{pointer}: {step} holds a value, not fields")
        document = inner
    document[last] = value


def same(there: Any, wished: Scalar) -> bool:
    """Equal, and of the same type: 1 is not true."""
    return type(there) is type(wished) and bool(there == wished)
