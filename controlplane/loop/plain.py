"""Settings values as plain JSON and back, by the types of their dataclass fields.

Only what settings are made of: numbers, text, durations (in seconds), enums, tuples of these, dataclasses.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


def to_plain(value: object) -> Plain:
    """Any settings value as JSON would hold it.

    Raises:
        TypeError: it is of a kind that settings are not made of.
    """
    if isinstance(value, Enum):
        return to_plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} is no settings value")


def from_plain(kind: type[T], plain: Mapping[str, Any]) -> T:
    """A dataclass from its plain form. A field that is absent keeps its default.

    Raises:
        KeyError: the plain form has a field the dataclass does not.
        TypeError: a field without default is absent.
        ValueError: a value does not fit its type.
    """
    types = get_type_hints(kind)
    made: T = kind(**{name: _read(types[name], value) for name, value in plain.items()})
    return made


def _read(kind: Any, plain: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if plain is None:
            return None
        return _read(next(part for part in get_args(kind) if part is not type(None)), plain)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in plain)
    kind = getattr(kind, "__supertype__", kind)
    if kind is timedelta:
        return timedelta(seconds=plain)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    if is_dataclass(kind) and isinstance(kind, type):
        return from_plain(kind, plain)
    return float(plain) if kind is float else plain
