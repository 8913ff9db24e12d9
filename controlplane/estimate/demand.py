"""How many requests a second arrive, and how many will when a replica asked for now begins to serve.

Engines count what they finish, not what they are given. What arrived in a minute is what was finished in it plus
what is in the engine now and was not a minute before: under overload that is more than is finished, and it is the
number a fleet must be sized for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from math import fsum, isfinite, sqrt

from controlplane.model.reading import Reading
from controlplane.model.role import RoleView

MINUTE = timedelta(minutes=1)
DISPERSION_MINUTES = 10
"""Minutes whose counts tell how bursty arrivals are."""
LEAST_DISPERSION, MOST_DISPERSION = 1.0, 30.0
"""1 is Poisson; what looks calmer than chance is chance. Agents that fan out reach 30."""
ONE_CHANGE = 2
"""Largest steps left out of it: load that fell once is one change, not bursts, and must not raise the reserve."""
CALM_RISE = 1.5
"""A rise of fewer standard deviations of chance than this is no trend."""
MOST_GROWTH = 2.0
"""No forecast is more than this multiple of what arrives now."""

Column = Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Arrivals at one tick."""

    now: float
    """Requests per second: the mean of three minutes, or of the last one when it is higher beyond chance."""
    trend: float
    """Requests per second that will have been added after the lead time; 0 while nothing rises beyond chance."""

    @property
    def expected(self) -> float:
        """Requests per second after the lead time."""
        return self.now + self.trend


def minute(role: RoleView) -> int:
    """Ticks in a minute, at least one."""
    return max(1, round(MINUTE / role.step))


def finite(column: Column, i: int) -> float | None:
    """The value at one tick; ``None`` when it is unknown or before memory begins."""
    value = column[i] if 0 <= i < len(column) else None
    return value if value is not None and isfinite(value) else None


def arrivals(role: RoleView) -> tuple[float | None, ...]:
    """Requests per second that arrived in the minute before each tick; ``None`` where that cannot be told."""
    requests = role.series(Reading.REQUESTS).values
    running, waiting = role.series(Reading.RUNNING).values, role.series(Reading.WAITING).values
    lag, longest = minute(role), MINUTE + 1.5 * role.step
    inside = [None if r is None or w is None else r + w for r, w in zip(running, waiting, strict=True)]
    found: list[float | None] = []
    for i, done in enumerate(requests):
        held, before = inside[i], inside[i - lag] if i >= lag else None
        if done is None or held is None or before is None or role.ticks[i] - role.ticks[i - lag] > longest:
            found.append(None)
            continue
        value = max(0.0, done + (held - before) / (role.ticks[i] - role.ticks[i - lag]).total_seconds())
        found.append(value if isfinite(value) else None)
    return tuple(found)


def dispersion(column: Column, lag: int) -> float:
    """Variance over mean of the counts of the minutes *before* the newest (1 when too few are known).

    From differences between neighbours, so that a trend is not taken for bursts. The newest minute is left out:
    a burst that begins now must not hide itself by looking like noise.
    """
    newest = len(column) - 1 - lag
    known = [finite(column, newest - k * lag) for k in range(DISPERSION_MINUTES)]
    counts = [v * MINUTE.total_seconds() for v in known if v is not None]
    mean = fsum(counts) / len(counts) if counts else 0.0
    steps = sorted((b - a) ** 2 for a, b in pairwise(counts))[:-ONE_CHANGE]
    if not steps or mean <= 0:
        return LEAST_DISPERSION
    return min(MOST_DISPERSION, max(LEAST_DISPERSION, fsum(steps) / (2 * len(steps)) / mean))


def demand_at(column: Column, i: int, lag: int, burst: float, lead: timedelta) -> Demand | None:
    """Arrivals at tick ``i`` and their trend over ``lead``; ``None`` when the last minute is unknown."""
    last = finite(column, i)
    if last is None:
        return None
    now = _mean(column, (i, i - lag, i - 2 * lag)) or 0.0
    usual = _mean(column, (i - lag, i - 2 * lag, i - 3 * lag))
    if usual is None:
        return Demand(now=last, trend=0.0)
    noise = sqrt(burst * usual / MINUTE.total_seconds())
    level = max(now, last) if last - now > noise else now
    before = _mean(column, (i - 3 * lag, i - 4 * lag, i - 5 * lag))
    rise = 0.0 if before is None else now - before
    trend = rise / (3 * MINUTE.total_seconds()) * lead.total_seconds() if rise > CALM_RISE * noise else 0.0
    return Demand(now=level, trend=min(trend, max(0.0, MOST_GROWTH * max(last, now) - level)))


def _mean(column: Column, at: Sequence[int]) -> float | None:
    known = [v for i in at if (v := finite(column, i)) is not None]
    return fsum(known) / len(known) if known else None
