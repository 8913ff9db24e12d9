"""PromQL put together from parts that cannot break out of their place.

Label values come from the outside, so nothing here is a template: values are quoted, names are checked, and a
name that the classic grammar does not allow is written the quoted way Prometheus 3 reads.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from controlplane.model.page import Labels

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SPECIAL = re.compile(r"[.+*?()|\[\]{}^$\\]")
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


@dataclass(frozen=True, slots=True)
class Match:
    """One matcher: ``name op value``, where op is ``=``, ``!=``, ``=~`` or ``!~``."""

    name: str
    value: str
    op: str = "="

    def __post_init__(self) -> None:
        if self.op not in ("=", "!=", "=~", "!~"):
            raise ValueError(f"no such matcher: {self.op!r}")

    def __str__(self) -> str:
        return f"{label(self.name)}{self.op}{quote(self.value)}"


Matchers = Labels | Sequence[Match]
"""Label pairs that must be equal, or matchers of any kind."""


def quote(value: str) -> str:
    """A PromQL string that stands for exactly ``value``."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def label(name: str) -> str:
    """A label name, quoted where the classic grammar does not allow it."""
    return name if _LABEL.fullmatch(name) else quote(name)


def one_of(name: str, values: Iterable[str]) -> Match:
    """A matcher that takes any of ``values``, each literally (sorted, so the text is stable)."""
    ordered = sorted(set(values))
    if len(ordered) == 1:
        return Match(name, ordered[0])
    return Match(name, "|".join(_SPECIAL.sub(r"\\\g<0>", value) for value in ordered), "=~")


def duration(span: timedelta) -> str:
    """``90 s`` as ``1m30s``; at least one millisecond."""
    left = round(span.total_seconds() * 1000)
    if left < 1:
        raise ValueError(f"not a range: {span}")
    out = ""
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            out += f"{count}{unit}"
    return out


def select(name: str, matchers: Matchers = (), *, window: timedelta | None = None, where: Sequence[Match] = ()) -> str:
    """A selector: ``name{matchers}`` and, with ``window``, its range. Without a name the matchers alone choose."""
    parts = [str(m if isinstance(m, Match) else Match(*m)) for m in (*matchers, *where)]
    if name and not _METRIC.fullmatch(name):
        parts.insert(0, quote(name))
        name = ""
    inner = f"{{{','.join(parts)}}}" if parts else ""
    return f"{name}{inner}" + (f"[{duration(window)}]" if window else "")


def call(function: str, *arguments: str) -> str:
    """``function(a, b)``."""
    return f"{function}({', '.join(arguments)})"


def aggregate(operator: str, expression: str, by: Sequence[str] = ()) -> str:
    """``operator by (labels) (expression)``; over everything without labels."""
    return f"{operator} by ({', '.join(label(b) for b in by)}) ({expression})" if by else f"{operator}({expression})"


def without(operator: str, expression: str, labels: Sequence[str]) -> str:
    """``operator without (labels) (expression)``: all other labels stay."""
    return f"{operator} without ({', '.join(label(b) for b in labels)}) ({expression})"


def either(expressions: Sequence[str]) -> str:
    """The first of several expressions that has a series for a label set: old and new names count once."""
    kept = tuple(dict.fromkeys(expressions))
    return kept[0] if len(kept) == 1 else f"({' or '.join(kept)})"


def relabel(expression: str, target: str, source: str) -> str:
    """Copy label ``source`` to ``target`` where it is not empty."""
    return call("label_replace", expression, quote(target), quote("$1"), quote(source), quote("(.+)"))
