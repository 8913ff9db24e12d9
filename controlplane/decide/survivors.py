"""Whether the replicas that would remain can carry what those that go carry now.

n replicas' load on m makes each one's share n/m of what it is, and with it its queue and its KV use. The part of the
first token that no replica can shorten, its own prefill, is left out where the queue's part is measured. The time
between tokens grows along the line that was measured on this role's own last minutes; where the load never varied
enough to draw one, in proportion.
"""

from collections.abc import Sequence
from datetime import timedelta
from math import fsum

from controlplane.decide.law import ScalingLaw
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView
from controlplane.model.units import seconds_text

PERCENTILES_OVER = timedelta(minutes=5)
"""Window of the percentiles; the load that made them is the mean of the same time."""
LEAST_POINTS = 20
"""Ticks needed to draw a line: five minutes of them."""
VARIED = 0.7
"""The least load must be below this share of the highest, or a line says nothing."""


def objection(role: RoleView, law: ScalingLaw, left: int) -> str | None:
    """Why ``left`` replicas would not do, with the number; ``None`` when they would."""
    ready = role.now(Reading.REPLICAS_READY)
    if ready is None:
        return "how many replicas serve is unknown"
    grows = max(1.0, ready / max(left, 1))
    fullest = role.now(Reading.KV_USAGE_MAX)
    if fullest is not None and fullest * grows > 1:
        return f"the fullest KV cache would need {fullest * grows:.0%} with {left}"
    return _first_token(role, law, left, grows) or _next_tokens(role, law, left, grows)


def _first_token(role: RoleView, law: ScalingLaw, left: int, grows: float) -> str | None:
    promised, ttft = role.spec.slo.ttft_p95, role.now(Reading.TTFT_P95)
    if promised is None:
        return None
    if ttft is None:
        return None if _hardly_asked(role) else "TTFT p95 is unknown"
    queued = role.now(Reading.QUEUE_P95)
    queued = ttft if queued is None else min(queued, ttft)
    own = ttft - queued
    if queued * grows <= (promised - own) * law.survivors:
        return None
    said = seconds_text(own + queued * grows)
    return f"TTFT p95 would come near {said} of {seconds_text(promised)} with {left}"


def _next_tokens(role: RoleView, law: ScalingLaw, left: int, grows: float) -> str | None:
    promised, itl = role.spec.slo.itl_p95, role.now(Reading.ITL_P95)
    if promised is None:
        return None
    if itl is None:
        return None if _hardly_asked(role) else "ITL p95 is unknown"
    after = itl + _slowing(role, itl) * (grows - 1)
    if after <= promised * law.survivors:
        return None
    return f"ITL p95 would come near {seconds_text(after)} of {seconds_text(promised)} with {left}"


def _slowing(role: RoleView, itl: float) -> float:
    """Seconds of the time between tokens that come from the load of now: the slope of a line times that load."""
    running, ready = role.series(Reading.RUNNING).values, role.series(Reading.REPLICAS_READY).values
    share = [None if r is None or not n else r / n for r, n in zip(running, ready, strict=True)]
    window = max(1, round(PERCENTILES_OVER / role.step))
    points = [
        (fsum(seen) / len(seen), y)
        for i, y in enumerate(role.series(Reading.ITL_P95).values)
        if y is not None and len(seen := [s for s in share[max(0, i - window + 1) : i + 1] if s is not None]) == window
    ]
    loads = [x for x, _ in points]
    if len(points) < LEAST_POINTS or max(loads) <= 0 or min(loads) > VARIED * max(loads):
        return itl
    return min(itl, max(0.0, _slope(points)) * loads[-1])


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line that fits best."""
    x = fsum(x for x, _ in points) / len(points)
    y = fsum(y for _, y in points) / len(points)
    return fsum((a - x) * (b - y) for a, b in points) / fsum((a - x) ** 2 for a, _ in points)


def _hardly_asked(role: RoleView) -> bool:
    """Whether so little is asked that a percentile cannot be had: no queue, and not one request per replica."""
    ready, running = role.now(Reading.REPLICAS_READY) or 0, role.now(Reading.RUNNING)
    return role.now(Reading.WAITING) == 0 and running is not None and running <= ready
