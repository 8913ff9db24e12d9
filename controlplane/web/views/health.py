"""Can these pages be trusted right now? Sources, our own loops, and what is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.loop.desk import Health, Lead
from controlplane.model.cycle import Cycle
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault
from controlplane.model.reading import Reading
from controlplane.model.right import READING, TO_ALLOW
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.units import seconds_text, text
from controlplane.verify.rights import Lacking
from controlplane.web import links
from controlplane.web.views import moments, wording
from controlplane.web.views.fleet import Tag
from controlplane.web.views.frame import starting

MOST_SOURCES = 200
"""Sources that are listed; those in trouble come first, the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """One place we read from."""

    name: str
    kind: str
    role: str
    role_href: str
    state: Tag
    detail: str
    fix: str
    last_good: str
    took: str
    series: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLine:
    """One of our own loops."""

    name: str
    state: Tag
    last: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RightLine:
    """A right that the hands lack."""

    words: str
    fix: str
    since: str
    tried: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """What cannot be known about a role, and why."""

    role: str
    href: str
    coverage: str
    unknown: tuple[tuple[str, str], ...]
    """Readings that share a reason, and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPage:
    """Everything on the page."""

    sources: tuple[SourceLine, ...]
    trouble: bool
    """Any source does not answer."""
    more: int
    """Sources that are not listed."""
    sources_words: str
    rights: tuple[RightLine, ...]
    lead: str
    """Who leads; empty where there can be only one process."""
    loops: tuple[LoopLine, ...]
    blind: tuple[Blind, ...]
    steps: tuple[tuple[str, str, float], ...]
    """Step of the walk, how long it took, its share in percent."""
    whole_tick: str
    unsure: tuple[str, ...]
    undelivered: str


LOOPS = {
    "tick": "look, decide, act",
    "deliver": "send messages",
    "sessions": "end sessions that are idle",
    "rollup": "condense readings for the charts",
    "prune": "forget what is past its time",
}
"""Name of a loop → what it does."""


def page(
    cycle: Cycle | None,
    health: Health,
    roles: tuple[RoleSpec, ...],
    *,
    rights: tuple[Lacking, ...],
    undelivered: timedelta | None,
    tick: timedelta,
    now: datetime,
) -> HealthPage:
    """Put the page together."""
    sources = cycle.fleet.sources if cycle else ()
    ordered = sorted(sources, key=lambda s: (s.ok, s.kind, s.role or "", s.name))
    views: Mapping[RoleName, RoleView] = cycle.fleet.roles if cycle else {}
    took = cycle.took_seconds if cycle else {}
    begun = starting(cycle)
    whole = sum(took.values())
    return HealthPage(
        sources=tuple(_source(s, begun, now) for s in ordered[:MOST_SOURCES]),
        trouble=any(not s.ok for s in sources),
        more=max(0, len(ordered) - MOST_SOURCES),
        sources_words=f"{sum(s.ok for s in sources)} of {len(sources)} answer",
        rights=tuple(_right(one, now) for one in rights),
        lead=lead(health.lead, now) if health.lead else "",
        loops=_loops(health, tick=tick, now=now),
        blind=tuple(b for spec in roles if (b := _blind(views.get(spec.name), spec))),
        steps=tuple((name, _short(s), round(s / whole * 100, 1) if whole else 0.0) for name, s in took.items()),
        whole_tick=_short(whole) if took else "",
        unsure=cycle.unsure if cycle else (),
        undelivered=moments.span(undelivered) if undelivered is not None else "",
    )


def _short(seconds: float) -> str:
    return seconds_text(seconds) if seconds >= 0.001 else "under 1 ms"


def _source(s: SourceHealth, begun: frozenset[str], now: datetime) -> SourceLine:
    if s.ok:
        state = Tag(words="fine", tone="ok")
    elif s.name in begun:
        state = Tag(words="starting", tone="warn")
    elif s.fault is not None:
        state = Tag(words=s.fault.value, tone="bad")
    else:
        state = Tag(words="not read yet")
    return SourceLine(
        name=s.name,
        kind=s.kind,
        role=s.role or "",
        role_href=links.role(s.role) if s.role else "",
        state=state,
        detail=s.detail,
        fix=_fix(s),
        last_good=moments.ago(s.last_good, now) if s.last_good else "never",
        took="" if s.took_seconds is None else _short(s.took_seconds),
        series="" if s.series is None else f"{s.series:,}",
    )


def _fix(s: SourceHealth) -> str:
    if s.kind == "kubernetes" and s.fault is Fault.UNAUTHORISED:
        return f"it does not let our account read that: {READING}; controlplane doctor names each missing right"
    return wording.FIXES.get(s.fault, "") if s.fault else ""


def _right(one: Lacking, now: datetime) -> RightLine:
    _, _, fix = one.said.partition(TO_ALLOW)
    return RightLine(
        words=f"may not {one.right}",
        fix=f"To allow it: {fix}" if fix else one.said,
        since=f"since {moments.minute(one.since, now)}",
        tried=f"{one.times} tries, last {moments.minute(one.last, now)}" if one.times > 1 else "tried once",
    )


def lead(told: Lead, now: datetime) -> str:
    """In a sentence: ``This process leads since 12:03 (fence 7)``."""
    if told.here:
        since = f" since {moments.minute(told.since, now)}" if told.since else ""
        return f"This process leads{since} (fence {told.fence})."
    if told.holder:
        return f"Another process leads ({told.holder}, fence {told.fence}); this one stands by."
    return f"No process is known to lead now (last fence {told.fence}); the next to reach the ledger takes over."


def _loops(health: Health, *, tick: timedelta, now: datetime) -> tuple[LoopLine, ...]:
    names = sorted({*health.last_success, *health.errors}, key=lambda n: (list(LOOPS).index(n) if n in LOOPS else 9, n))
    made = []
    for name in names:
        last, error = health.last_success.get(name), health.errors.get(name, "")
        late = name == "tick" and (last is None or now - last > 2 * tick)
        state = (
            Tag(words="failing", tone="bad")
            if error
            else Tag(words="late", tone="warn")
            if late
            else Tag(words="fine", tone="ok")
        )
        made.append(
            LoopLine(
                name=f"{name}: {LOOPS[name]}" if name in LOOPS else name,
                state=state,
                last=moments.ago(last, now) if last else "never",
                error=error,
            )
        )
    return tuple(made)


def _blind(view: RoleView | None, spec: RoleSpec) -> Blind | None:
    if view is None:
        return Blind(role=spec.name, href=links.role(spec.name), coverage="unknown", unknown=())
    reasons: dict[str, list[str]] = {}
    for reading, why in view.missing.items():
        reasons.setdefault(why, []).append(reading.about.words)
    coverage = view.now(Reading.COVERAGE)
    if not reasons and coverage == 1:
        return None
    return Blind(
        role=spec.name,
        href=links.role(spec.name),
        coverage=text(coverage, Reading.COVERAGE.unit),
        unknown=tuple((", ".join(words), why) for why, words in reasons.items()),
    )
