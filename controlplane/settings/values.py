"""How single values are written in fleet.yaml: with their unit, and refused with the fix when they are not.

Each kind reads the written form, writes it back (for ``config explain`` and the schema's defaults), and
describes itself to editors. A refusal always carries what to write instead.
"""

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,6})?(?:ms|s|m|h|d|w))+")
_DURATION_PART = re.compile(r"([0-9.]+)(ms|s|m|h|d|w)")
_SIZE_UNITS = {"B": 1, "KB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?(B|KB|KiB|MB|MiB|GB|GiB)")


def refuse(what: str, fix: str) -> PydanticCustomError:
    """An error that carries its own fix."""
    return PydanticCustomError("settings", "{what}; {fix}", {"what": what, "fix": fix})


def nearest(word: str, words: list[str]) -> str:
    """``did you mean queue-buildup?``, or the choices when nothing is near."""
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return "write one of " + ", ".join(words) if len(words) <= 40 else "see controlplane config schema"


def shown(value: object) -> str:
    """A wrong value as it is quoted in a message: one line, short."""
    text = value if isinstance(value, str) else "true" if value is True else "false" if value is False else str(value)
    text = "".join(c if c.isprintable() else "�" for c in text)
    return (text if len(text) <= 60 else text[:57] + "…") or '""'


class Written(ABC):
    """A kind of value: annotate a field with an instance to have it read this way."""

    @abstractmethod
    def read(self, value: object) -> Any:
        """The value; raises :func:`refuse` with what is wrong and the fix."""

    @abstractmethod
    def schema(self) -> JsonSchemaValue:
        """The written form, for editors."""

    def write(self, value: Any) -> object:
        """Write a value the way it would stand in the file."""
        return value

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.schema()


def duration_text(value: timedelta) -> str:
    """Write a duration as it stands in fleet.yaml: ``1h30m``, ``15s``, ``60ms``."""
    milliseconds = round(value.total_seconds() * 1000)
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


@dataclass(frozen=True, slots=True)
class Duration(Written):
    """A length of time with its unit: ``15s``, ``2m``, ``1h30m``, ``2d``. Read as ``timedelta``."""

    at_least: timedelta = timedelta(0)
    at_most: timedelta = timedelta(days=3660)

    def read(self, value: object) -> timedelta:
        if isinstance(value, timedelta):
            return self._within(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            raise refuse(f"{shown(value)} has no unit", f"write {shown(value)}s, or {shown(value)}m for minutes")
        if not isinstance(value, str) or not _DURATION.fullmatch(value):
            raise refuse(f"{shown(value)} is not a duration", "write one such as 15s, 2m or 1h30m")
        parts = _DURATION_PART.findall(value)
        sizes = [_DURATION_UNITS[unit] for _, unit in parts]
        if sizes != sorted(set(sizes), reverse=True):
            raise refuse(f"{value} has its units out of order", "write the largest unit first, each once")
        return self._within(timedelta(seconds=sum(float(n) * _DURATION_UNITS[unit] for n, unit in parts)))

    def _within(self, value: timedelta) -> timedelta:
        if value < self.at_least:
            what = f"{duration_text(value)} is shorter than {duration_text(self.at_least)}"
            raise refuse(what, f"write {duration_text(self.at_least)} or more")
        if value > self.at_most:
            what = f"{duration_text(value)} is longer than {duration_text(self.at_most)}"
            raise refuse(what, f"write {duration_text(self.at_most)} or less")
        return value

    def write(self, value: timedelta) -> str:
        return duration_text(value)

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["15s", "2m", "1h30m"]}


@dataclass(frozen=True, slots=True)
class Size(Written):
    """Bytes with their unit: ``16MiB``. Read as a whole number of bytes."""

    def read(self, value: object) -> int:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            raise refuse(f"{shown(value)} has no unit", f"write {shown(value)}MiB, or {shown(value)}B for bytes")
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        size = round(float(match[1]) * _SIZE_UNITS[match[2]]) if match else 0
        if not size:
            raise refuse(f"{shown(value)} is not a size", "write one such as 16MiB")
        return size

    def write(self, value: int) -> str:
        for unit in ("GiB", "MiB", "KiB"):
            if value % _SIZE_UNITS[unit] == 0:
                return f"{value // _SIZE_UNITS[unit]}{unit}"
        return f"{value}B"

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{_SIZE.pattern}$", "examples": ["16MiB"]}


@dataclass(frozen=True, slots=True)
class Number(Written):
    """A finite number without a unit. Read as ``float``, or as ``int`` when ``whole``."""

    at_least: float = -math.inf
    at_most: float = math.inf
    whole: bool = False
    words: str = "a number"
    example: str = "1"

    def read(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            stripped = value.strip("$ %") if isinstance(value, str) else ""
            fix = f"write {stripped}" if _is_number(stripped) else f"write {self.words} such as {self.example}"
            raise refuse(f"{shown(value)} is not {self.words}", fix)
        if not math.isfinite(value) or abs(value) > 1e15:
            raise refuse(f"{shown(value)} is not a usable number", f"write {self.words} such as {self.example}")
        if self.whole and value != int(value):
            raise refuse(f"{value} is not a whole number", f"write {math.floor(value)} or {math.ceil(value)}")
        if value < self.at_least:
            raise refuse(f"{value} is less than {self.at_least:g}", f"write {self.words} of {self.at_least:g} or more")
        if value > self.at_most:
            raise refuse(f"{value} is more than {self.at_most:g}", f"write {self.words} of {self.at_most:g} or less")
        return int(value) if self.whole else float(value)

    def schema(self) -> JsonSchemaValue:
        schema: JsonSchemaValue = {"type": "integer" if self.whole else "number"}
        if math.isfinite(self.at_least):
            schema["minimum"] = int(self.at_least) if self.at_least == int(self.at_least) else self.at_least
        if math.isfinite(self.at_most):
            schema["maximum"] = int(self.at_most) if self.at_most == int(self.at_most) else self.at_most
        return schema


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text) is not None


def count(at_least: int = 0, at_most: int = 1_000_000, example: str = "1") -> Number:
    """A whole number."""
    return Number(at_least=at_least, at_most=at_most, whole=True, words="a whole number", example=example)


DOLLARS = Number(at_least=0, at_most=1e6, words="an amount in dollars", example="2.50")
"""Dollars without the sign: ``2.50``."""


@dataclass(frozen=True, slots=True)
class Flag(Written):
    """true or false."""

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise refuse(f"{shown(value)} is not true or false", "write true or false")
        return value

    def schema(self) -> JsonSchemaValue:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice(Written):
    """One word of an enumeration."""

    of: type[StrEnum]

    def read(self, value: object) -> StrEnum:
        words = [str(m) for m in self.of]
        if not isinstance(value, str) or value not in words:
            raise refuse(f"{shown(value)} is not one of them", nearest(str(value), words))
        return self.of(value)

    def write(self, value: StrEnum) -> str:
        return str(value)

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "enum": [str(m) for m in self.of]}
