"""From tick-to-tick movement to the numbers of a window: rates of a minute, latencies of five.

A tick counts only when enough of the role's replicas are in it. So a replica that has just appeared takes that
one tick out of the window instead of bending the rate down, and a window that is mostly holes says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.observe.counters import Flow
from controlplane.observe.quantiles import Buckets, merge
from controlplane.promql.metric import Signal

SHORT = timedelta(minutes=1)
LONG = timedelta(minutes=5)

WHOLE = 0.9
"""Share of the expected replicas that a sum must be over: less is half data, and half a load reads as a low one."""
MOST = 0.5
"""Share of the expected replicas that a mean or a percentile must be over."""
SHORT_KNOWN = 0.7
"""Share of a one-minute window that must be known: one tick of four may be missing (0.75, with jitter)."""
LONG_KNOWN = 0.2
"""Share of a five-minute window that must be known. A percentile or ratio is not bent by a shorter window, as a
count would be; one minute of it is as good as a one-minute percentile."""


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """One tick of a role's past: what flowed since the tick before, and how many replicas were expected."""

    at: datetime
    flow: Flow
    expected: int


def recent(ticks: Sequence[Tick], now: datetime, window: timedelta, step: timedelta) -> Sequence[Tick]:
    """Ticks whose interval lies in the window that ends at ``now`` (at least the newest one)."""
    edge = now - max(window, step) + step / 2
    first = len(ticks)
    while first and ticks[first - 1].at > edge:
        first -= 1
    return ticks[first:]


def rate(ticks: Sequence[Tick], signal: Signal, window: timedelta, *, share: float, known: float) -> float | None:
    """Mean of a counter's rate over the ticks that had enough replicas, per second.

    ``ticks`` are those of the window; ``None`` when less than ``known`` of it could be seen. Each tick weighs what
    lay between its pages, not between it and the tick before: so what was counted is neither lost nor counted twice,
    however pages and ticks fall. Where pages are further apart than the window is long, the last rate goes on.
    """
    seconds = total = 0.0
    last: float | None = None
    for tick in ticks:
        found = tick.flow.rates.get(signal)
        last = None
        if found is not None and found[1] >= share * tick.expected:
            last = found[0]
            seconds += tick.flow.seconds
            total += found[0] * tick.flow.seconds
    if seconds <= 0:
        return last
    return total / seconds if seconds >= known * window.total_seconds() else None


def observations(
    ticks: Sequence[Tick], signal: Signal, window: timedelta, *, share: float, known: float
) -> Buckets | None:
    """What fell into a histogram's buckets in the window; ``None`` when too little of it could be seen."""
    seconds = 0.0
    parts: list[Buckets] = []
    for tick in ticks:
        found = tick.flow.buckets.get(signal)
        if found is not None and sum(count for _, count in found) >= share * tick.expected:
            seconds += tick.flow.seconds
            parts.extend(part for part, _ in found)
    if seconds <= 0 or seconds < known * window.total_seconds():
        return None
    return merge(parts)
