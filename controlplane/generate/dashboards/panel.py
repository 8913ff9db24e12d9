"""Panels as values: what is asked, in which unit, and what it means. How Grafana wants it is not known here."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from controlplane.generate.dashboards.names import metric_names

COLUMNS = 24
"""Width of Grafana's grid."""

NO_DATA = "no data"
NO_TRAFFIC = "No traffic"
"""For whatever is divided by requests or tokens: nothing is broken, nobody asked."""


class Kind(StrEnum):
    """How a panel shows what it asks, by Grafana's name for it."""

    STAT = "stat"
    TIMESERIES = "timeseries"
    TABLE = "table"
    BARGAUGE = "bargauge"
    HEATMAP = "heatmap"
    STATES = "state-timeline"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Step:
    """From ``value`` on it is ``colour``; the first step has no value: it holds from below."""

    colour: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What a value of a state timeline means."""

    value: int
    words: str
    colour: str


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click leads. ``${__data.fields.Role}`` is the row's role, ``${__field.labels.role}`` the series'."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One PromQL expression and how its series are called."""

    expr: str
    legend: str = ""
    """``{{role}}``; in a table, the column's title."""
    promise: bool = False
    """Drawn dashed: what is promised or allowed, not what is measured."""
    unit: str = ""
    """Of a table's column."""
    steps: tuple[Step, ...] = ()
    """Colours of a table's cells."""
    states: tuple[State, ...] = ()
    """Words for a table's numbers."""
    decimals: int | None = None
    """Of a table's column."""
    hidden: bool = False
    """A table's column that is only there for the names it brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A label that names a table's rows, and its column."""

    label: str
    title: str
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. ``words`` are for somebody who sees it for the first time, at night."""

    title: str
    words: str
    unit: str = "short"
    """Grafana's unit id: ``s``, ``percentunit``, ``currencyUSD``, ``short``…"""
    queries: tuple[Query, ...] = ()
    kind: Kind = Kind.TIMESERIES
    keys: tuple[Key, ...] = ()
    """Of a table: what its rows are called by; every query is aggregated by these."""
    width: int = 8
    height: int = 8
    limit: float | None = None
    """Drawn as a line: the detectors' own limit."""
    steps: tuple[Step, ...] = ()
    """Colours of a stat's or a bar's value. Without them it carries no judgement."""
    states: tuple[State, ...] = ()
    """Of a state timeline; of a stat, words for its numbers."""
    colours: tuple[tuple[str, str], ...] = ()
    """Series → its colour, where it means something."""
    stacked: bool = False
    least: float | None = 0
    """Lower end of the axis; ``None`` where a value may be negative."""
    most: float | None = None
    """Upper end of the axis where it is known: 1 for shares."""
    decimals: int | None = None
    links: tuple[Link, ...] = ()
    nothing: str = NO_DATA
    """What stands there without a sample."""
    quiet: str = ""
    """Why it is fine that it shows nothing in a healthy fleet; empty when it must show something."""
    text: str = ""
    """Of a text panel: Markdown."""

    @property
    def description(self) -> str:
        """The words, and the metrics behind them."""
        names = sorted({name for query in self.queries for name in metric_names(query.expr)})
        if not names:
            return self.words
        return f"{self.words}\n\nMetric{'s' if len(names) > 1 else ''}: " + ", ".join(f"`{name}`" for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A choice at the top of a dashboard: values of ``label`` on series of ``query``. Any number of them, or all."""

    label: str
    title: str
    query: str
    all_of: str = ".+"
    """What "All" stands for; ``.*`` where series without the label are meant, too."""
    name: str = ""
    """What expressions call it; the label by default."""

    @property
    def called(self) -> str:
        """Its name in expressions, without the dollar."""
        return self.name or self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Marks on every chart: one per series and instant at which ``expr`` has a value."""

    name: str
    expr: str
    colour: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard. Its uid is its address: other dashboards, alerts and people's bookmarks use it."""

    uid: str
    title: str
    words: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...]
    annotations: tuple[Annotation, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, top to bottom."""
        return tuple(panel for row in self.rows for panel in row.panels)


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
