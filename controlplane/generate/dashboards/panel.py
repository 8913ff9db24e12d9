"""Panels as values: what is asked, in which unit, and what it means. How Grafana wants it is not known here."""

from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = 24
"""Width of Grafana's grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One PromQL expression and how its series are called."""

    expr: str
    legend: str = ""
    """``{{role}}``; in a table, the column's title."""
    unit: str = ""
    """Only in a table: the column's unit."""
    promise: bool = False
    """Drawn dashed: what is promised, not what is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. ``description`` is for somebody who sees it for the first time, at night."""

    title: str
    description: str
    unit: str
    """Grafana's unit id: ``s``, ``percentunit``, ``currencyUSD``, ``short``…"""
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    """``stat``, ``timeseries`` or ``table``."""
    width: int = 8
    height: int = 8
    limit: float | None = None
    """Drawn as a line: the detectors' own limit."""
    stacked: bool = False
    most: float | None = None
    """Upper end of the axis where it is known: 1 for shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands on the grid."""

    x: int
    y: int
    width: int
    height: int


def places(panels: Sequence[Panel], top: int) -> list[Place]:
    """Left to right, a new line where the next one does not fit. Nothing overlaps."""
    found: list[Place] = []
    x = y = tallest = 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        found.append(Place(x, top + y, panel.width, panel.height))
        x, tallest = x + panel.width, max(tallest, panel.height)
    return found
