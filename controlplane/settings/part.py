"""What every section of fleet.yaml has in common: frozen, no unknown keys, a docstring under each key."""

from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema


class Part(BaseModel):
    """One section. A key with nothing behind it is the same as a key left out."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, arbitrary_types_allowed=True, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_left_out(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {k: v for k, v in given.items() if v is not None}
        return {} if given is None else given


@dataclass(frozen=True, slots=True)
class As:
    """Reads a field as ``part``: a section made at run time, which no annotation can name."""

    part: type[Part]

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(self.part)


def fields(part: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a section as they are written, with what they hold."""
    return {info.alias or name: info for name, info in part.model_fields.items()}


def section(held: Any) -> type[Part] | None:
    """The section that a field, or a type, holds, if it holds one."""
    if isinstance(held, FieldInfo):
        made = [m.part for m in held.metadata if isinstance(m, As)]
        return made[0] if made else section(held.annotation)
    if get_origin(held) in {dict, tuple}:
        return None
    for kind in (held, *get_args(held)):
        if isinstance(kind, type) and issubclass(kind, Part):
            return kind
    return None


def inside(annotation: Any) -> Any:
    """What a mapping or list field holds: the type of its values; ``None`` for other fields."""
    if get_origin(annotation) in {dict, tuple}:
        inner = get_args(annotation)
        return inner[1] if get_origin(annotation) is dict else inner[0]
    return None
