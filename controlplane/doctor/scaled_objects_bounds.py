"""How far a ScaledObject may go: bounds nobody meant, roles that never wake, knobs that do nothing."""

from collections.abc import Iterator

from controlplane.doctor.check import Check
from controlplane.doctor.query import metric_names
from controlplane.doctor.row import Row
from controlplane.doctor.scaled_objects_behavior import SOUND_DOWN
from controlplane.doctor.scaled_objects_query import engine_metrics
from controlplane.doctor.scaled_objects_read import Context, Scaled, Trigger, spec, whole, written
from controlplane.model.finding import Severity

MAX_UNSET = Check(
    id="keda-max-unset",
    severity=Severity.WARNING,
    title="maxReplicaCount is not set",
    why="KEDA's default is 100 replicas: a broken query may ask for 100 GPUs.",
    fix="Set maxReplicaCount to what you can pay for.",
)
MIN_UNSET = Check(
    id="keda-min-unset",
    severity=Severity.WARNING,
    title="minReplicaCount is not set",
    why="KEDA's default is 0: the role is turned off when its triggers are quiet, and takes minutes to come back.",
    fix="Set minReplicaCount: 1, or 0 where that is meant.",
)
NEVER_WAKES = Check(
    id="keda-never-wakes",
    severity=Severity.CRITICAL,
    title="a role that may go to zero is woken only by its own engine",
    why="The engine's metrics go with the last pod: after that nothing can say that somebody calls.",
    fix="Add a trigger on the router's demand, or set minReplicaCount: 1.",
)
INERT = Check(
    id="keda-inert-knobs",
    severity=Severity.WARNING,
    title="cooldownPeriod or pollingInterval with at least one replica",
    why="Both only matter for going to zero and back. How fast a fleet shrinks is the autoscaler's behaviour.",
    fix="Remove them; set advanced.horizontalPodAutoscalerConfig.behavior.scaleDown instead.",
)
BAD_BOUNDS = Check(
    id="keda-bounds-refused",
    severity=Severity.CRITICAL,
    title="bounds that contradict each other",
    why="KEDA's webhook refuses min > max and idle ≥ min; where the webhook was skipped, scaling is in error.",
    fix="Write min ≤ max, and idleReplicaCount: 0 below min.",
)
IDLE = Check(
    id="keda-idle-replicas",
    severity=Severity.WARNING,
    title="idleReplicaCount is not 0",
    why="KEDA only supports 0: between idle and minimum the autoscaler and KEDA pull in two directions.",
    fix="Set idleReplicaCount: 0, or remove it.",
)
CHECKS = (
    MAX_UNSET,
    MIN_UNSET,
    NEVER_WAKES,
    INERT,
    BAD_BOUNDS,
    IDLE,
)


def check(so: Scaled, context: Context) -> Iterator[Row]:
    """Rows about bounds and behaviour."""
    yield from _bounds(so, context)
    yield from _zero(so)
    yield from _inert(so)


def _bounds(so: Scaled, context: Context) -> Iterator[Row]:
    role = so.role(context)
    if so.spec.get("maxReplicaCount") is None:
        most = role.replicas.max if role else 8
        said = "may grow to 100 replicas: its maximum is not set"
        yield MAX_UNSET.row(
            so.subject, said, evidence=("spec.maxReplicaCount is not set",), fix=spec(maxReplicaCount=most)
        )
    if so.spec.get("minReplicaCount") is None:
        said = "may be turned off: its minimum is not set, which is 0"
        yield MIN_UNSET.row(
            so.subject, said, evidence=("spec.minReplicaCount is not set",), fix=spec(minReplicaCount=1)
        )
    idle, least, most_ = whole(so.spec, "idleReplicaCount"), so.min, so.max
    if least is not None and most_ is not None and least > most_:
        evidence = (f"spec.minReplicaCount = {least}", f"spec.maxReplicaCount = {most_}")
        fix = spec(minReplicaCount=min(least, most_), maxReplicaCount=max(least, most_))
        yield BAD_BOUNDS.row(
            so.subject, f"has a minimum of {least} above its maximum of {most_}", evidence=evidence, fix=fix
        )
    if idle is not None and idle >= (least or 0):
        evidence = (f"spec.idleReplicaCount = {idle}", f"spec.minReplicaCount = {so.spec.get('minReplicaCount')}")
        said = f"rests at {idle}, which is not below its minimum"
        yield BAD_BOUNDS.row(so.subject, said, evidence=evidence, fix=spec(idleReplicaCount=None))
    elif idle:
        said = f"rests at {idle} replicas; KEDA only supports 0"
        yield IDLE.row(so.subject, said, evidence=(f"spec.idleReplicaCount = {idle}",), fix=spec(idleReplicaCount=0))


def _zero(so: Scaled) -> Iterator[Row]:
    if (so.min or 0) > 0 or not so.triggers:
        return
    if all(_own(trigger) for trigger in so.triggers):
        evidence = tuple(f"{t.path}: {t.type} {' '.join(t.query.split())[:120]}" for t in so.triggers)
        said = "never comes back from zero: every trigger asks the engines that are then gone"
        asks = {"query": "sum(litellm_in_flight_requests)", "threshold": "1", "ignoreNullValues": "false"}
        fix = (
            "either "
            + spec(minReplicaCount=1)
            + "\nor add "
            + written({"triggers": [{"type": "prometheus", "name": "wake", "metadata": asks}]})
        )
        yield NEVER_WAKES.row(so.subject, said, evidence=evidence, fix=fix)


def _own(trigger: Trigger) -> bool:
    """Whether a trigger is silent once the last replica is gone."""
    if trigger.type in {"cpu", "memory", "kubernetes-workload"}:
        return True
    names = metric_names(trigger.query)
    ours = engine_metrics(trigger.query) | {n for n in names if n.startswith(("llm_role:", "llm_pod:", "DCGM_"))}
    return trigger.prometheus and bool(names) and ours == names


def _inert(so: Scaled) -> Iterator[Row]:
    idles = whole(so.spec, "idleReplicaCount") == 0
    if not so.min or idles:
        return
    cached = any(t.raw.get("useCachedMetrics") is True for t in so.triggers)
    knobs = [k for k in ("cooldownPeriod", "pollingInterval") if so.spec.get(k) is not None]
    knobs = [k for k in knobs if k != "pollingInterval" or not cached]
    if not knobs:
        return
    severity = INERT.severity if "cooldownPeriod" in knobs else Severity.INFO
    evidence = (*(f"spec.{k} = {so.spec.get(k)}" for k in knobs), f"spec.minReplicaCount = {so.min}")
    said = f"sets {' and '.join(knobs)}, which do nothing with a minimum of {so.min}"
    fix = spec(
        **dict.fromkeys(knobs),
        advanced={"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": dict(SOUND_DOWN)}}},
    )
    yield INERT.row(so.subject, said, evidence=evidence, fix=fix, severity=severity)
