"""What stands around every page: the fleet's name, how fresh the data is, whether changes are stopped."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.loop.desk import Health
from controlplane.model.cycle import Cycle, Stop
from controlplane.model.role import Mode, ReplicaState, RoleSpec
from controlplane.web import links
from controlplane.web.views import moments

STALE_TICKS = 2
"""Older than this many ticks, and every page says so on top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    """One entry of the main navigation."""

    words: str
    href: str
    current: bool
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A line across the top of the page."""

    tone: str
    """``bad``, ``warn`` or ``note``."""
    title: str
    words: str
    href: str = ""
    link: str = ""
    stale: bool = False
    """Says that the numbers below are old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Everything around the content."""

    fleet: str
    nav: tuple[NavItem, ...]
    bars: tuple[Bar, ...]
    modes: str
    tick: str
    """``tick 6 s ago``."""
    tick_at: str
    """The newest tick as an ISO instant, empty before the first."""
    targets: str
    """``41 of 41 targets``."""
    fresh: bool
    """The newest tick is recent and every source answered."""
    stale: bool
    stopped: bool
    user: str


def frame(
    *,
    fleet: str,
    roles: tuple[RoleSpec, ...],
    tick: timedelta,
    cycle: Cycle | None,
    stop: Stop | None,
    health: Health,
    waiting: int,
    note: str,
    path: str,
    user: str,
    now: datetime,
) -> Frame:
    """Put the frame together. ``waiting`` is how many recommendations wait for a person."""
    stale = cycle is not None and now - cycle.at > STALE_TICKS * tick
    sources = cycle.fleet.sources if cycle else ()
    expected = starting(cycle)
    good, begun = sum(s.ok for s in sources), sum(not s.ok and s.name in expected for s in sources)
    return Frame(
        fleet=fleet,
        nav=_nav(path, waiting),
        bars=_bars(cycle, stop, health, note=note, stale=stale, now=now),
        modes=modes(roles),
        tick="no tick yet" if cycle is None else f"tick {moments.ago(cycle.at, now)}",
        tick_at="" if cycle is None else moments.iso(cycle.at),
        targets=(f"{good} of {len(sources)} targets" if sources else "no targets")
        + (f", {begun} starting" * (begun > 0)),
        fresh=cycle is not None and not stale and good + begun == len(sources) > 0,
        stale=stale,
        stopped=stop is not None,
        user=user,
    )


def starting(cycle: Cycle | None) -> frozenset[str]:
    """Replicas that do not answer because they have only just been asked for: no cause for alarm."""
    roles = cycle.fleet.roles.values() if cycle else ()
    return frozenset(r.key.name for role in roles for r in role.replicas if r.state is ReplicaState.STARTING)


def modes(roles: tuple[RoleSpec, ...]) -> str:
    """The rung of the ladder of trust: one word, or how many roles stand on which."""
    counted = Counter(spec.mode for spec in roles)
    if len(counted) == 1:
        return next(iter(counted)).value
    return " · ".join(f"{counted[m]} {m}" for m in Mode if counted[m])


def _nav(path: str, waiting: int) -> tuple[NavItem, ...]:
    def item(words: str, href: str, *, also: str = "", count: int = 0) -> NavItem:
        below = also or f"{href}/"
        return NavItem(words=words, href=href, current=path == href or path.startswith(below), count=count)

    return (
        item("Fleet", links.FLEET, also="/roles/"),
        item("Recommendations", links.RECOMMENDATIONS, count=waiting),
        item("Activity", links.ACTIVITY),
        item("Sessions", links.SESSIONS),
        item("Health", links.HEALTH),
    )


def _bars(
    cycle: Cycle | None, stop: Stop | None, health: Health, *, note: str, stale: bool, now: datetime
) -> tuple[Bar, ...]:
    bars = []
    if stop is not None:
        bars.append(
            Bar(
                tone="bad",
                title="All changes are stopped.",
                words=f"By {stop.by} at {moments.clock(stop.at, now)}: {stop.reason}",
                href=links.STOP,
                link="Resume…",
            )
        )
    if cycle is not None and stale:
        why = health.errors.get("tick", "")
        bars.append(
            Bar(
                tone="warn",
                title=f"These numbers are {moments.span(now - cycle.at)} old.",
                words=f"The last complete tick was at {moments.clock(cycle.at, now)}"
                + (f"; since then: {why}" if why else ""),
                href=links.HEALTH,
                link="Health",
                stale=True,
            )
        )
    elif cycle is not None and (down := [s for s in cycle.fleet.sources if not s.ok and s.name not in starting(cycle)]):
        known = [s.last_good for s in down if s.last_good]
        since = f", the first since {moments.clock(min(known), now)}" if known else ""
        names = ", ".join(s.name for s in down[:3]) + (f" and {len(down) - 3} more" if len(down) > 3 else "")
        do = "does" if len(down) == 1 else "do"
        bars.append(
            Bar(
                tone="warn",
                title=f"{len(down)} of {len(cycle.fleet.sources)} targets {do} not answer{since}.",
                words=f"What they would say is shown as unknown: {names}",
                href=links.HEALTH,
                link="Health",
            )
        )
    if note:
        bars.append(Bar(tone="note", title="", words=note))
    return tuple(bars)
