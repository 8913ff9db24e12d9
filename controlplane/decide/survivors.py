"""Whether the replicas that would remain can carry what those that go carry now.

Everything a replica does grows with its share of the load, and we assume in proportion: n replicas' load on m makes
each one's queue, KV use and time per token n/m of what they are. The part of the first token that no replica can
shorten, its own prefill, is left out where the queue's part is measured.
"""

from controlplane.decide.law import ScalingLaw
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView
from controlplane.model.units import seconds_text


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
    if itl * grows <= promised * law.survivors:
        return None
    return f"ITL p95 would come near {seconds_text(itl * grows)} of {seconds_text(promised)} with {left}"


def _hardly_asked(role: RoleView) -> bool:
    """Whether so little is asked that a percentile cannot be had: no queue, and not one request per replica."""
    ready, running = role.now(Reading.REPLICAS_READY) or 0, role.now(Reading.RUNNING)
    return role.now(Reading.WAITING) == 0 and running is not None and running <= ready
