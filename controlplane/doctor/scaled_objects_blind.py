"""What a ScaledObject does when its numbers are missing: by default it takes them for zero, and shrinks."""

from collections.abc import Iterator

from controlplane.doctor.check import Check
from controlplane.doctor.row import Row
from controlplane.doctor.scaled_objects_read import RESOURCES, Scaled, Trigger, spec, trigger_fix, whole
from controlplane.model.finding import Severity

NULL_IS_ZERO = Check(
    id="keda-no-data-is-zero",
    severity=Severity.CRITICAL,
    title="a Prometheus trigger reads no data as 0",
    why="ignoreNullValues is true unless it is set: an empty answer, NaN and infinity all become 0, so a lost scrape "
    "target or a renamed metric scales the fleet to its minimum at peak, and no fallback ever fires.",
    fix='Set ignoreNullValues: "false" in the trigger\'s metadata, and a fallback.',
)
NO_FALLBACK = Check(
    id="keda-no-fallback",
    severity=Severity.WARNING,
    title="nothing is said about what to do when the triggers fail",
    why="With Prometheus gone the autoscaler has no metric: the fleet can neither grow nor shrink, whatever happens.",
    fix="Add a fallback that holds what is there: behavior: currentReplicasIfHigher.",
)
FALLBACK_ZERO = Check(
    id="keda-fallback-zero",
    severity=Severity.CRITICAL,
    title="the fallback is 0 replicas",
    why="When the triggers fail, serving stops. With minReplicaCount 0 or unset KEDA scales to zero at once.",
    fix="Set fallback.replicas to at least one, and behavior: currentReplicasIfHigher.",
)
FALLBACK_LOW = Check(
    id="keda-fallback-low",
    severity=Severity.WARNING,
    title="the fallback is a fixed number below what may be running",
    why="When Prometheus goes down at peak, the fleet is cut to that number: one outage becomes two.",
    fix="Set fallback.behavior: currentReplicasIfHigher (KEDA 2.17 and newer).",
)
FALLBACK_INERT = Check(
    id="keda-fallback-inert",
    severity=Severity.WARNING,
    title="the fallback can never fire",
    why="KEDA ignores it: scalingModifiers.target must be a whole number above 0, and cpu and memory have no fallback.",
    fix='Set scalingModifiers.target: "1" and scale the formula instead; add a trigger that can fail over.',
)
CHECKS = (NULL_IS_ZERO, NO_FALLBACK, FALLBACK_ZERO, FALLBACK_LOW, FALLBACK_INERT)

HOLDING = ("currentReplicas", "currentReplicasIfHigher", "scalingModifiers")
"""Behaviours that keep what is there; with ``scalingModifiers`` the formula says what to do."""
_HOLD = "currentReplicasIfHigher"


def check(so: Scaled, running: int | None) -> Iterator[Row]:
    """Rows about missing data. ``running``: replicas there now, where that is known."""
    asked = [t for t in so.triggers if t.prometheus]
    for trigger in asked:
        yield from _null_is_zero(so, trigger)
    failing = [t for t in so.triggers if t.type not in RESOURCES and t.type != "cron"]
    if so.fallback:
        yield from _fallback(so, running, can_fail=bool(failing))
    elif failing:
        least = max(1, so.min or 1)
        hold = {"failureThreshold": 3, "replicas": least, "behavior": _HOLD}
        said = "has no fallback: when its triggers fail, the fleet stays as it is and cannot grow"
        yield NO_FALLBACK.row(so.subject, said, evidence=("spec.fallback is not set",), fix=spec(fallback=hold))


def _null_is_zero(so: Scaled, trigger: Trigger) -> Iterator[Row]:
    said = trigger.metadata.get("ignoreNullValues")
    if str(said).lower() in {"false", "0", "f"}:
        return
    value = "not set (true by default)" if said is None else repr(said)
    never = "; its fallback never fires for it" if so.fallback else ""
    yield NULL_IS_ZERO.row(
        so.subject,
        f"reads an empty answer as 0: a lost target scales it to {_down_to(so)}{never}",
        evidence=(f"{trigger.path}.metadata.ignoreNullValues is {value}",),
        fix=trigger_fix(trigger, ignoreNullValues="false"),
    )


def _down_to(so: Scaled) -> str:
    return "its minimum" if so.min is None else f"{so.min}"


def _fallback(so: Scaled, running: int | None, *, can_fail: bool) -> Iterator[Row]:
    count, behavior = whole(so.fallback, "replicas"), so.fallback.get("behavior", "static")
    evidence = (f"spec.fallback.replicas = {so.fallback.get('replicas')}", f"spec.fallback.behavior = {behavior}")
    hold = {"replicas": max(1, so.min or 1), "behavior": _HOLD}
    target = so.modifiers.get("target")
    if not can_fail or (so.formula and not _whole_target(target)):
        why = f"scalingModifiers.target = {target!r} is no whole number above 0" if can_fail else "no trigger can fail"
        fix = FALLBACK_INERT.fix if can_fail else spec(fallback=None)
        yield FALLBACK_INERT.row(so.subject, f"has a fallback that never fires: {why}", evidence=evidence, fix=fix)
    elif count == 0:
        less = " and its minimum is not set" if so.min is None else " and its minimum is 0" if so.min == 0 else ""
        said = f"stops serving when its triggers fail: the fallback is 0{less}"
        yield FALLBACK_ZERO.row(so.subject, said, evidence=evidence, fix=spec(fallback=hold))
    elif behavior not in HOLDING and count is not None:
        most = running if running is not None else so.max if so.max is not None else 100
        if count < most:
            now = f"{running} are running" if running is not None else f"{most} may be running"
            said = f"falls to {count} when Prometheus fails, and {now}"
            yield FALLBACK_LOW.row(so.subject, said, evidence=evidence, fix=spec(fallback=hold))


def _whole_target(target: object) -> bool:
    return isinstance(target, str | int) and str(target).isascii() and str(target).isdigit() and int(str(target)) > 0
