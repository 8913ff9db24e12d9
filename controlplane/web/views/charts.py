"""A chart as data: the lines, the limit across, findings as shade, changes as marks; gaps stay gaps.

The same value feeds the picture (as JSON, drawn by uPlot), the legend and the table behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controlplane.model.change import ChangeRecord
from controlplane.model.finding import FindingRecord
from controlplane.model.history import RoleHistory
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.series import GAP_FACTOR
from controlplane.model.units import Unit, text
from controlplane.web.views import moments
from controlplane.web.views.quantity import short

TABLE_ROWS = 36
"""Rows of the table behind a chart; the rest is one link away as CSV."""

Column = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart."""

    label: str
    colour: str
    """One of the tokens ``c1`` to ``c4``."""
    values: Column
    query: str = ""
    dash: bool = False
    step: bool = False
    why: str = ""
    """Why nothing of it is known."""

    @property
    def latest(self) -> float | None:
        """The newest value."""
        return self.values[-1] if self.values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """A threshold line."""

    value: float
    words: str
    tone: str = "bad"
    """``bad`` when trouble lies above it, ``idle`` when it lies below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shade:
    """A stretch of time that a finding held."""

    begin: datetime
    end: datetime
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The moment a change was sent."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart."""

    id: str
    title: str
    unit: Unit
    begin: datetime
    end: datetime
    """The time axis, whether or not something is known at its ends."""
    at: tuple[datetime, ...]
    lines: tuple[Line, ...]
    across: tuple[Across, ...] = ()
    shades: tuple[Shade, ...] = ()
    marks: tuple[Mark, ...] = ()
    top: float | None = None
    """Fixed top of the scale: 1.0 for a ratio."""
    note: str = ""

    @property
    def empty(self) -> str:
        """Why there is nothing to draw; empty when there is something."""
        if any(v is not None for line in self.lines for v in line.values):
            return ""
        said = dict.fromkeys(line.why for line in self.lines if line.why)
        return "; ".join(said) or "nothing was read in this time"

    @property
    def legend(self) -> tuple[tuple[Line, str], ...]:
        """Each line with its newest value in words."""
        return tuple((line, brief(line.latest, self.unit)) for line in self.lines)

    def rows(self, now: datetime) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The table behind the chart, newest first, thinned to :data:`TABLE_ROWS`."""
        picked = range(len(self.at) - 1, -1, -max(1, -(-len(self.at) // TABLE_ROWS)))
        return tuple(
            (moments.clock(self.at[i], now), tuple(text(x.values[i], self.unit) for x in self.lines)) for i in picked
        )

    def data(self) -> dict[str, Any]:
        """What the browser draws from."""
        return {
            "id": self.id,
            "unit": self.unit.value,
            "span": [int(self.begin.timestamp()), int(self.end.timestamp())],
            "at": [int(t.timestamp()) for t in self.at],
            "lines": [
                {"label": x.label, "colour": x.colour, "dash": x.dash, "step": x.step, "values": _rounded(x.values)}
                for x in self.lines
            ],
            "across": [[a.value, a.words, a.tone] for a in self.across],
            "shades": [[int(s.begin.timestamp()), int(s.end.timestamp()), s.words] for s in self.shades],
            "marks": [[int(m.at.timestamp()), m.words] for m in self.marks],
            "top": self.top,
        }


def brief(value: float | None, unit: Unit) -> str:
    """A value without what the chart's title already says; the legend keeps its width."""
    if value is None:
        return "unknown"
    if unit in {Unit.TOKENS_PER_SECOND, Unit.TOKENS}:
        return short(value)
    if unit in {Unit.DOLLARS_PER_HOUR, Unit.DOLLARS_PER_MILLION_TOKENS}:
        return f"${value:,.2f}"
    return short(value) if unit is Unit.COUNT else text(value, unit)


def _rounded(values: Column) -> list[float | None]:
    return [None if v is None else float(f"{v:.5g}") for v in values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which readings a chart draws, and how."""

    id: str
    title: str
    unit: Unit
    lines: tuple[tuple[Reading, str, str, str], ...]
    """Reading, label, colour, and style: ``""``, ``dash``, ``step`` or ``dash step``."""
    top: float | None = None
    note: str = ""


def draw(
    plan: Plan,
    past: RoleHistory,
    *,
    begin: datetime,
    end: datetime,
    limits: Sequence[Limit] = (),
    findings: Sequence[FindingRecord] = (),
    changes: Sequence[ChangeRecord] = (),
    sources: Mapping[Reading, str] | None = None,
    missing: Mapping[Reading, str] | None = None,
    columns: Mapping[Reading, Column] | None = None,
) -> Chart:
    """Draw a plan over the past of a role. ``columns`` replaces readings that are made of others."""
    sources, missing, columns = sources or {}, missing or {}, columns or {}
    at, holes = with_holes(past.at, past.step)
    readings = {reading for reading, *_ in plan.lines}
    lines = []
    for reading, label, colour, style in plan.lines:
        column = columns.get(reading, past.columns.get(reading, (None,) * len(past.at)))
        lines.append(
            Line(
                label=label,
                colour=colour,
                values=_spread(column, holes),
                query=sources.get(reading, ""),
                dash="dash" in style,
                step="step" in style,
                why=missing.get(reading, ""),
            )
        )
    return Chart(
        id=plan.id,
        title=plan.title,
        unit=plan.unit,
        begin=begin,
        end=end,
        at=at,
        lines=tuple(lines),
        across=_across(limits, readings, plan.unit),
        shades=shades(findings, readings, begin=begin, end=end),
        marks=tuple(Mark(at=c.change.at, words=_arrow(c)) for c in changes if begin <= c.change.at <= end),
        top=plan.top,
        note=plan.note,
    )


def _across(limits: Sequence[Limit], readings: set[Reading], unit: Unit) -> tuple[Across, ...]:
    """One line per value: two detectors with the same limit draw it once."""
    made = {
        x.value: Across(
            value=x.value,
            words=f"{text(x.value, unit)} {x.words}".strip(),
            tone="bad" if x.comparison == ">" else "idle",
        )
        for x in reversed(limits)
        if x.reading in readings
    }
    return tuple(made.values())


def shades(
    findings: Sequence[FindingRecord], readings: set[Reading], *, begin: datetime, end: datetime
) -> tuple[Shade, ...]:
    """When findings held that name one of ``readings`` among their evidence, cut to the chart."""
    made = []
    for r in findings:
        named = {e.reading for e in r.finding.evidence} - {None}
        until = r.closed or end
        since = min(r.finding.since, r.opened)
        if (named & readings) and until > begin and since < end:
            made.append(Shade(begin=max(since, begin), end=min(until, end), words=r.finding.summary))
    return tuple(sorted(made, key=lambda s: s.begin))


def _arrow(record: ChangeRecord) -> str:
    field = record.change.patch.fields[0] if record.change.patch.fields else None
    if field is None or len(f"{field.before}{field.after}") > 12:
        return record.change.kind.value
    return f"{'none' if field.before is None else field.before} → {field.after}"


def with_holes(at: tuple[datetime, ...], step: timedelta) -> tuple[tuple[datetime, ...], tuple[int, ...]]:
    """Instants with one more inside every hole, and the positions of those: nobody was there to look."""
    made: list[datetime] = []
    holes: list[int] = []
    for moment in at:
        if made and moment - made[-1] > step * GAP_FACTOR:
            holes.append(len(made))
            made.append(made[-1] + step)
        made.append(moment)
    return tuple(made), tuple(holes)


def _spread(column: Column, holes: tuple[int, ...]) -> Column:
    values: list[float | None] = list(column)
    for position in holes:
        values.insert(position, None)
    return tuple(values)
