"""Detectors, recommenders and guardrails under their own keys in fleet.yaml.

Each of them is a frozen dataclass whose fields are its settings, each with a docstring. From that, the
section, its defaults, its help and its place in the JSON schema follow; nothing is written twice.
"""

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, TypeVar, Union, get_args, get_type_hints

from pydantic import Field, create_model, model_validator

from controlplane.settings.names import Text
from controlplane.settings.part import Part
from controlplane.settings.values import Duration, Flag, Number, count, refuse

T = TypeVar("T")

ENABLED = "enabled"


def section_for(title: str, things: Sequence[Any], *, may_be_off: bool) -> type[Part]:
    """One section with a key per thing that has settings (its ``id``), holding them."""
    keys: dict[str, Any] = {}
    for thing in things:
        part = part_of(thing, may_be_off=may_be_off)
        if not part.model_fields:
            continue
        keys[thing.id.replace("-", "_")] = (part, Field(default=part(), alias=thing.id, description=_first_line(thing)))
    made: type[Part] = create_model(title, __base__=Part, __doc__=f"Settings of {title.lower()}.", **keys)
    return made


def with_overrides(things: Sequence[T], given: Part) -> tuple[T, ...]:
    """The things with the settings of ``given``; those switched off are left out."""
    result: list[T] = []
    for thing in things:
        part = getattr(given, thing.id.replace("-", "_"), None)  # type: ignore[attr-defined]
        if part is None:
            result.append(thing)
        elif getattr(part, ENABLED, True):
            result.append(overridden(thing, part))
    return tuple(result)


def part_of(thing: Any, *, may_be_off: bool = False) -> type[Part]:
    """The section that holds the settings of one thing."""
    keys: dict[str, Any] = {}
    hints, docs = get_type_hints(type(thing)), docstrings(type(thing))
    for field in fields(thing):
        default = getattr(thing, field.name)
        kind = _kind(hints[field.name], default)
        if kind is not None:
            keys[field.name] = (kind, Field(default=default, description=docs.get(field.name)))
    if may_be_off:
        words = "Whether it runs at all; on by default."
        keys[ENABLED] = (Annotated[bool, Flag()], Field(default=True, description=words))
    checked: Any = model_validator(mode="after")(partial(_fits, thing))
    made: type[Part] = create_model(
        type(thing).__name__,
        __base__=Part,
        __doc__=inspect.getdoc(type(thing)),
        __validators__={"fits": checked},
        **keys,
    )
    return made


def _fits(thing: Any, part: Part) -> Part:
    """Refuse settings that the thing itself refuses, in its own words."""
    try:
        overridden(thing, part)
    except ValueError as error:
        raise refuse(str(error), f"see controlplane config explain FILE {thing.id}") from None
    return part


def overridden(thing: T, part: Part) -> T:
    """The thing with those settings that ``part`` was given."""
    values = {name: getattr(part, name) for name in sorted(part.model_fields_set) if name != ENABLED}
    return replace(thing, **values) if values else thing  # type: ignore[type-var]


def _kind(hint: Any, default: object) -> Any:
    """How a dataclass field of this type is written; ``None`` when it is not a setting."""
    inner = [a for a in get_args(hint) if a is not type(None)]
    if inner and len(inner) < len(get_args(hint)):
        kind = _kind(inner[0], default) if len(inner) == 1 else None
        return None if kind is None else Union[kind, None]  # noqa: UP007 - made at run time
    positive = not isinstance(default, (int, float)) or default >= 0
    if hint is bool:
        return Annotated[bool, Flag()]
    if hint is int:
        return Annotated[int, count(0 if positive else -1_000_000)]
    if hint is float:
        return Annotated[float, Number(at_least=0) if positive else Number()]
    if hint is str:
        return Annotated[str, Text()]
    return Annotated[timedelta, Duration()] if hint is timedelta else None


def docstrings(cls: type) -> Mapping[str, str]:
    """The docstring under each field of a class."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, str] = {}
    lines = body.body if isinstance(body, ast.ClassDef) else []
    for field, after in pairwise(lines):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            found[field.target.id] = inspect.cleandoc(after.value.value)
    return found


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(type(thing)) or "").partition("\n\n")[0].replace("\n", " ")
