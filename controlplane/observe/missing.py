"""Why a reading is not there, in the words of somebody who wants to mend it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, RoleSpec
from controlplane.observe.replicas import ReplicaSeen
from controlplane.promql.catalogue import engine_reading, signals
from controlplane.promql.metric import QUANTILES, Signal

NO_GPU = "no DCGM page shows GPUs of this role's pods"
HALF_GPU = "not every replica's GPUs are seen"
NO_CLUSTER = "neither Kubernetes nor kube-state-metrics was read: name the role's workload or scaled_object"
NO_PRICE = "the price of this GPU type is not known: add it under prices"
NO_REPLICAS = "no replica is known: give the role targets, a pod selector or a Prometheus"

_LACKS: Mapping[Signal, str] = MappingProxyType(
    {
        Signal.ITL: "these engines do not show inter-token latency",
        Signal.QUEUE: "these engines do not show queue time: upgrade vLLM (0.6.4) or SGLang (0.5.4)",
        Signal.PREEMPTIONS: "these engines do not count preemptions: upgrade SGLang (0.5.8)",
        Signal.PREFIX_QUERIED: "these engines do not count prefix lookups in tokens: upgrade vLLM (0.9.2)",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is needed to say why something is missing."""

    spec: RoleSpec
    seen: Sequence[ReplicaSeen]
    answered: int
    expected: int
    values: Mapping[Reading, float]
    has: frozenset[Signal]
    """Engine signals that at least one replica's page can give."""
    gpus: bool
    """Some GPU rows of this role's pods were seen."""
    cluster: bool
    """The cluster said something about this role."""


def why(reading: Reading, facts: Facts) -> str:
    """One clause: why this reading is unknown now."""
    if reading in (Reading.GPU_ACTIVITY, Reading.GPU_DRAM_ACTIVITY, Reading.GPU_MEMORY_USED):
        return HALF_GPU if facts.gpus else NO_GPU
    if reading in (Reading.REPLICAS_DESIRED, Reading.REPLICAS_PENDING):
        return "the cluster does not say" if facts.cluster else NO_CLUSTER
    if reading is Reading.DOLLARS_PER_HOUR or (
        reading is Reading.DOLLARS_PER_MTOK and facts.spec.dollars_per_replica is None
    ):
        return NO_PRICE if facts.spec.dollars_per_replica is None else NO_REPLICAS
    if not facts.seen:
        return NO_REPLICAS
    if facts.answered < facts.expected or not facts.answered:
        return _silent(facts)
    if reading is Reading.DOLLARS_PER_MTOK:
        return "no tokens were delivered in the last 5 minutes, or their rate is not known yet"
    if engine_reading(reading):
        lacking = [signal for signal in signals(reading) if signal not in facts.has]
        if lacking:
            return _LACKS.get(lacking[0], f"these engines have no metric for {lacking[0].value.replace('_', ' ')}")
    if reading in QUANTILES:
        return "fewer than 5 observations in the last 5 minutes, or watched for too short a time"
    if reading is Reading.PREFIX_HIT_RATIO:
        return "nothing was looked up in the prefix cache in the last 5 minutes: no requests, or it is switched off"
    return "not watched for long enough since the first page, a restart or a hole"


def _silent(facts: Facts) -> str:
    lost = [replica for replica in facts.seen if replica.state is not ReplicaState.READY or replica.fault]
    reason = f" ({lost[0].name}: {lost[0].fault})" if lost and lost[0].fault else ""
    if not facts.answered:
        return f"no replica answered{reason}"
    return f"only {facts.answered} of {facts.expected} replicas answered{reason}: a sum over them would be half data"
