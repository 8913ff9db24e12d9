"""How many series a query can give, told from its outside in: an autoscaler wants exactly one.

Not a whole PromQL: what it cannot follow it calls many, as Prometheus may. Bounded in length and depth, since queries
come from anywhere.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from controlplane.doctor.query import tokens

LONGEST, DEEPEST = 20_000, 40
"""Characters and brackets of a query that is looked at; a longer one is called many."""

AGGREGATIONS = frozenset(
    {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"}
    | {"limitk", "limit_ratio"}
)
_SCALARS = frozenset({"scalar", "time", "pi", "minute", "hour", "month", "year", "day_of_week", "day_of_month"})
_ONES = frozenset({"vector", "absent", "absent_over_time"})
_RELABELS = frozenset({"label_replace", "label_join"})
_BINARY: tuple[frozenset[str], ...] = (
    frozenset({"or"}),
    frozenset({"and", "unless"}),
    frozenset({"==", "!=", "<=", "<", ">=", ">"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%", "atan2"}),
    frozenset({"^"}),
)
"""Operators from the loosest to the tightest."""
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a query gives."""

    keys: frozenset[str] | None
    """Labels that tell its series apart; none of them: one series at most. ``None``: many, or nobody knows."""
    scalar: bool = False
    bare: bool = False
    """Whether the one series has no labels: only such ones replace each other behind ``or``."""
    outer: str = ""
    """The function or aggregation it ends with."""
    fixed: frozenset[str] = frozenset()
    """Labels that every selector in it asks to be equal to something."""

    @property
    def one(self) -> bool:
        """Whether it can give one series at most."""
        return self.scalar or self.keys == frozenset()


MANY = Shape(keys=None)
_SCALAR = Shape(keys=frozenset(), scalar=True)
_BARE = Shape(keys=frozenset(), bare=True)


Found = TypeVar("Found")


class _LostError(Exception):
    """The text cannot be followed."""


def shape(query: str) -> Shape:
    """What a query can give; :data:`MANY` where it cannot be followed."""
    if len(query) > LONGEST:
        return MANY
    try:
        reader = _Reader(tokens(query))
        found = reader.expression()
    except _LostError:
        return MANY
    return found if reader.at_end else MANY


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        self._parts, self._at, self._depth = parts, 0, 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._parts)

    def expression(self, loosest: int = 0) -> Shape:
        if loosest == len(_BINARY):
            return self._signed()
        left = self.expression(loosest + 1)
        while self._next().lower() in _BINARY[loosest]:
            operator = self._take().lower()
            grouped = self._matching()
            left = _joined(operator, left, self.expression(loosest + 1), grouped)
        return left

    def _signed(self) -> Shape:
        while self._next() in {"+", "-"}:
            self._take()
        return self._postfixed(self._atom())

    def _atom(self) -> Shape:
        word = self._take()
        if word == "(":
            return self._deeper(self.expression)
        if word == "{":
            return self._selected()
        if word.startswith('"') or not _NAME.fullmatch(word) or word.lower() in {"inf", "nan"}:
            if word in {")", "}", "]", ",", ""}:
                raise _LostError
            return _SCALAR
        if word.lower() in AGGREGATIONS and self._next().lower() in {"(", "by", "without"}:
            return self._aggregation(word.lower())
        if self._next() == "(":
            self._take()
            return self._deeper(lambda: _applied(word.lower(), self._arguments()), closes=False)
        if self._next() == "{":
            self._take()
            return self._selected()
        return MANY

    def _selected(self) -> Shape:
        """The matchers of a selector: a label that must be equal tells no series apart."""
        parts = self._skip("}")
        equal = {name for name, operator in pairwise(parts) if operator == "="}
        return replace(MANY, fixed=frozenset(equal))

    def _aggregation(self, operator: str) -> Shape:
        by = self._grouping()
        self._expect("(")
        first = self._next()
        arguments = self._deeper(self._arguments, closes=False)
        by = self._grouping() if by is _ALL else by
        inner = arguments[-1] if arguments else MANY
        if operator in {"topk", "bottomk", "limitk"}:
            single = first in {"1", "1.0"} and by is _ALL
            return Shape(keys=frozenset(), outer=operator) if single else MANY
        if operator in {"count_values", "limit_ratio"} or by is None:
            return replace(inner, bare=False, outer=operator) if inner.one else MANY
        if by is _ALL or inner.one:
            return Shape(keys=frozenset(), bare=by is _ALL, outer=operator)
        return Shape(keys=by - inner.fixed, outer=operator, fixed=inner.fixed)

    def _grouping(self) -> frozenset[str] | None:
        """Labels behind ``by``; all of them away when it is not there; ``None`` for ``without``."""
        word = self._next().lower()
        if word not in {"by", "without"}:
            return _ALL
        self._take()
        self._expect("(")
        names = frozenset(self._skip(")")) - {","}
        if word == "by":
            return names or _ALL
        return None

    def _arguments(self) -> tuple[Shape, ...]:
        found = []
        while self._next() != ")":
            found.append(self.expression())
            if self._next() == ",":
                self._take()
        self._take()
        return tuple(found)

    def _postfixed(self, held: Shape) -> Shape:
        while self._next() in {"[", "offset", "@"}:
            if self._take() == "[":
                self._skip("]")
            elif self._next() == "-":
                self._take()
                self._take()
            elif self._take() in {"start", "end"}:
                self._skip(")")
        return held

    def _matching(self) -> bool:
        """Skip ``bool``, ``on (…)``, ``group_left (…)``; whether there is a group."""
        grouped = False
        while self._next().lower() in {"bool", "on", "ignoring", "group_left", "group_right"}:
            word = self._take().lower()
            grouped |= word.startswith("group")
            if self._next() == "(" and (word in {"on", "ignoring"} or word.startswith("group")):
                self._take()
                self._skip(")")
        return grouped

    def _deeper(self, read: Callable[[], Found], *, closes: bool = True) -> Found:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _LostError
        found = read()
        if closes:
            self._expect(")")
        self._depth -= 1
        return found

    def _skip(self, until: str) -> tuple[str, ...]:
        start = self._at
        while self._next() != until:
            self._take()
        self._take()
        return self._parts[start : self._at - 1]

    def _expect(self, word: str) -> None:
        if self._take() != word:
            raise _LostError

    def _next(self) -> str:
        return self._parts[self._at] if self._at < len(self._parts) else ""

    def _take(self) -> str:
        if self.at_end:
            raise _LostError
        self._at += 1
        return self._parts[self._at - 1]


_ALL: frozenset[str] = frozenset({""})
"""Nothing is grouped by: all labels go."""


def _applied(function: str, arguments: tuple[Shape, ...]) -> Shape:
    """A function of its arguments."""
    if function in _SCALARS:
        return _SCALAR
    if function in _ONES:
        return replace(_BARE, outer=function)
    vectors = [a for a in arguments if not a.scalar]
    if not vectors:
        return _SCALAR
    held = vectors[0]
    if function == "histogram_quantile" and held.keys is not None:
        return replace(held, keys=held.keys - {"le"}, bare=held.keys <= {"le"}, outer=function)
    if function in _RELABELS:
        return replace(held, bare=False)
    passes = function in {"clamp", "clamp_min", "clamp_max", "ceil", "floor", "round", "sort", "sort_desc", "abs"}
    return held if passes else replace(held, outer=function)


def _joined(operator: str, left: Shape, right: Shape, grouped: bool) -> Shape:  # noqa: FBT001  read from the text
    """Two expressions with an operator between them."""
    if operator == "or":
        both = left.one and right.one and left.bare and right.bare
        return left if both else replace(MANY, fixed=left.fixed & right.fixed)
    if operator in {"and", "unless"} or right.scalar:
        return left
    if left.scalar:
        return right
    if grouped:
        return left
    if left.one or right.one:
        return replace(left if left.one else right, bare=left.bare and right.bare)
    return left if left.keys == right.keys else MANY
