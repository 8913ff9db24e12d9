"""How fast an autoscaler may go: behaviours that forbid the maximum, or that shrink at the first quiet reading."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, inf

from controlplane.doctor.check import Check
from controlplane.doctor.plain import items, text
from controlplane.doctor.query import metric_names
from controlplane.doctor.row import Row
from controlplane.doctor.scaled_objects_read import WISH, Context, Scaled, real, spec
from controlplane.model.finding import Severity
from controlplane.model.units import seconds_text

NO_BEHAVIOR = Check(
    id="keda-no-behavior",
    severity=Severity.WARNING,
    title="no behaviour is set for the autoscaler",
    why="The default takes any number of replicas away at once after five quiet minutes; each takes minutes to start.",
    fix="Set behavior.scaleDown with a window and a policy, and scaleUp without a window.",
)
SLOW_UP = Check(
    id="keda-slow-up",
    severity=Severity.WARNING,
    title="the behaviour forbids reaching the maximum within a surge",
    why="One pod each few minutes, on top of minutes of loading: the surge is over before the fleet is there.",
    fix="Let scaleUp double every 15 s, and set no window.",
)
HASTY_DOWN = Check(
    id="keda-hasty-down",
    severity=Severity.WARNING,
    title="the behaviour takes replicas away on the first quiet reading",
    why="Without a window a gap in traffic, or in scraping, costs replicas that take minutes to come back.",
    fix="Set scaleDown.stabilizationWindowSeconds to 300, or a policy of a few pods a minute.",
)
DEAD_ZONE = Check(
    id="keda-tolerance-dead-zone",
    severity=Severity.WARNING,
    title="a wish for replicas is passed through with the usual tolerance",
    why="The autoscaler ignores what is within 10 %: from 11 replicas on, one more or one fewer never happens.",
    fix='Set tolerance: "0" both ways (Kubernetes 1.34 and newer), else pin the bounds.',
)
CHECKS = (NO_BEHAVIOR, SLOW_UP, HASTY_DOWN, DEAD_ZONE)

SOUND_DOWN: Mapping[str, object] = {
    "stabilizationWindowSeconds": 300,
    "policies": [{"type": "Percent", "value": 34, "periodSeconds": 60}],
}
SOUND_UP: Mapping[str, object] = {
    "stabilizationWindowSeconds": 0,
    "policies": [
        {"type": "Percent", "value": 100, "periodSeconds": 15},
        {"type": "Pods", "value": 4, "periodSeconds": 15},
    ],
}
DEFAULT_UP = (("Percent", 100.0, 15.0), ("Pods", 4.0, 15.0))
DEFAULT_DOWN = (("Percent", 100.0, 15.0),)
FROM_HERE_ON = 11
"""Replicas from which a change by one is within 10 %."""
MOST_PERCENT, MOST_STEPS = 10_000.0, 60.0
"""Growth beyond these is as good as any: numbers come from anywhere."""
QUIET = 60.0
"""Seconds a window must have, unless a policy is slow enough to be one."""


def check(so: Scaled, context: Context) -> Iterator[Row]:
    """Rows about behaviour."""
    yield from _behavior(so, context)
    yield from _dead_zone(so, context)


def _behavior(so: Scaled, context: Context) -> Iterator[Row]:
    if not so.side("scaleUp") and not so.side("scaleDown"):
        fix = spec(
            advanced={
                "horizontalPodAutoscalerConfig": {
                    "behavior": {"scaleUp": dict(SOUND_UP), "scaleDown": dict(SOUND_DOWN)}
                }
            }
        )
        said = "shrinks by any number at once after five minutes: no behaviour is set"
        yield NO_BEHAVIOR.row(so.subject, said, evidence=("behavior is not set",), fix=fix)
        return
    yield from _up(so, context)
    yield from _down(so)


def _up(so: Scaled, context: Context) -> Iterator[Row]:
    least, most = max(1, so.min or 1), so.max or 100
    side, limit = so.side("scaleUp"), context.surge.total_seconds()
    took = (real(side.get("stabilizationWindowSeconds")) or 0) + _seconds_up(side, least, most)
    if took > limit:
        long = "never" if took == inf else f"after {seconds_text(took)}"
        said = f"reaches its maximum of {most} {long}, replicas' own start not counted"
        evidence = (f"behavior.scaleUp = {_shown(side)}",)
        fix = spec(advanced={"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": dict(SOUND_UP)}}})
        yield SLOW_UP.row(so.subject, said, evidence=evidence, fix=fix)


def _down(so: Scaled) -> Iterator[Row]:
    side = so.side("scaleDown")
    window = side.get("stabilizationWindowSeconds", 300)
    if text(side, "selectPolicy") == "Disabled" or not isinstance(window, int) or window >= QUIET:
        return
    most = so.max or 100
    if most > 1 and _left_after(side, most, QUIET) < most / 2:
        said = f"takes more than half of its replicas away within a minute of quiet (window {window} s)"
        fix = spec(advanced={"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": dict(SOUND_DOWN)}}})
        yield HASTY_DOWN.row(so.subject, said, evidence=(f"behavior.scaleDown = {_shown(side)}",), fix=fix)


def _policies(
    side: Mapping[str, object], usual: Sequence[tuple[str, float, float]]
) -> Sequence[tuple[str, float, float]]:
    found = [
        (text(p, "type"), min(real(p.get("value")) or 0, MOST_PERCENT), real(p.get("periodSeconds")) or 0)
        for p in items(side, "policies")
    ]
    return [p for p in found if p[1] > 0 and p[2] > 0] or usual


def _seconds_up(side: Mapping[str, object], least: int, most: int) -> float:
    """Seconds from the least to the most replicas if everything is asked for at once."""
    if text(side, "selectPolicy") == "Disabled" and most > least:
        return inf
    policies, best = _policies(side, DEFAULT_UP), min if text(side, "selectPolicy") == "Min" else max
    period = max(p[2] for p in policies)
    count, steps = float(least), 0
    while count < most and steps < 10_000:
        count = best(_grown(count, kind, value, period / every) for kind, value, every in policies)
        steps += 1
    return max(0, steps - 1) * period


def _grown(count: float, kind: str, value: float, times: float) -> float:
    return ceil(count * (1 + value / 100) ** min(times, MOST_STEPS)) if kind == "Percent" else count + value * times


def _left_after(side: Mapping[str, object], most: int, within: float) -> float:
    """Replicas left of the most after so many seconds of quiet."""
    policies, best = _policies(side, DEFAULT_DOWN), max if text(side, "selectPolicy") == "Min" else min
    return max(0.0, best(_shrunk(most, kind, value, max(1.0, within / every)) for kind, value, every in policies))


def _shrunk(count: float, kind: str, value: float, times: float) -> float:
    return count * max(0.0, 1 - value / 100) ** min(times, MOST_STEPS) if kind == "Percent" else count - value * times


def _dead_zone(so: Scaled, context: Context) -> Iterator[Row]:
    passed = [t for t in so.triggers if t.prometheus and any(WISH.search(n) for n in metric_names(t.query))]
    if not passed or (so.max or 100) < FROM_HERE_ON or (so.min is not None and so.min == so.max):
        return
    if any(t.metric_type == "Value" for t in passed) and not so.formula:
        return  # worse than that
    exact = all(str(so.side(side).get("tolerance")) in {"0", "0.0", "0m"} for side in ("scaleUp", "scaleDown"))
    if exact and context.keeps_tolerance:
        return
    zero = {side: {"tolerance": "0"} for side in ("scaleUp", "scaleDown")}
    said = f"follows a wish for replicas, and from {FROM_HERE_ON} on ignores changes by one"
    if exact:
        said += ": the cluster is too old for the tolerance it sets"
    fix = spec(advanced={"horizontalPodAutoscalerConfig": {"behavior": zero}}) if not exact else DEAD_ZONE.fix
    evidence = tuple(f"behavior.{side}.tolerance = {so.side(side).get('tolerance', 'not set (10 %)')}" for side in zero)
    yield DEAD_ZONE.row(so.subject, said, evidence=evidence, fix=fix)


def _shown(side: Mapping[str, object]) -> str:
    policies = [f"{value:g} {kind} each {every:g} s" for kind, value, every in _policies(side, ())]
    window = side.get("stabilizationWindowSeconds", "not set")
    chosen = text(side, "selectPolicy")
    return f"window {window}, {' or '.join(policies) or 'the default policies'}{f', {chosen}' if chosen else ''}"
