"""All that a tick asks of Prometheus: one query per quantity, whatever the number of roles and replicas.

Each query is grouped by the labels that tell roles apart and, where replicas matter, by those that tell
replicas apart; whose series is whose is settled afterwards. Next to the readings stand the questions that
decide whether the readings may be believed: how old, how complete, how many that should be there are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from controlplane.collect.prometheus_owners import Chosen
from controlplane.model.page import Labels
from controlplane.model.role import Engine
from controlplane.promql.catalogue import metrics
from controlplane.promql.dialects import Dialect, spoken
from controlplane.promql.expr import aggregate, call, duration, either, relabel, select
from controlplane.promql.metric import COUNTERS, HISTOGRAMS, Signal, Source
from controlplane.promql.queries import LONG, NO_STEP, RAY_REPLICA, REPLICA, SHORT, devices, total

NOW = "vector(time())"
"""Prometheus' own clock: all other questions are about this instant, so ours need not agree with it."""

REMEMBERED = timedelta(minutes=10)
"""A replica that was seen within this time and whose target still exists is missed when it does not answer."""

SHORT_COUNTERS = (
    Signal.PREEMPTIONS,
    Signal.REQUESTS,
    Signal.PROMPT_TOKENS,
    Signal.CACHED_TOKENS,
    Signal.OUTPUT_TOKENS,
)
LONG_COUNTERS = (
    Signal.PREFIX_LOOKUPS,
    Signal.PREFIX_HITS,
    Signal.PREFIX_QUERIED,
    Signal.PROMPT_TOKENS,
    Signal.OUTPUT_TOKENS,
)
DEVICES = (Signal.GPU_ACTIVITY, Signal.GPU_DRAM_ACTIVITY, Signal.GPU_MEMORY_USED)
OBJECTS = (
    Signal.KUBE_SPEC,
    Signal.KUBE_READY,
    Signal.HPA_DESIRED,
    Signal.HPA_MIN,
    Signal.HPA_MAX,
    Signal.HPA_TARGET,
)
assert {*SHORT_COUNTERS, *LONG_COUNTERS} == set(COUNTERS)


class Evidence:
    """Names of the questions about the data itself."""

    AGE = "age"
    """Seconds since the newest sample of each replica."""
    SHORT = "samples at the beginning of the last minute"
    LONG = "samples at the beginning of the last five minutes"
    COUNT = "samples in the last five minutes"
    BEFORE = "samples in the five minutes before those"
    UP = "up"
    """1 or 0 for each replica seen lately whose target still exists."""
    GPU_AGE = "age of GPU samples"
    """Seconds, by the pod that holds them."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a query is about: evidence, a signal over a window, or a kind of object in the cluster."""

    about: str
    window: timedelta | None = None
    kind: str = ""
    edges: bool = False
    """How many series each bucket edge has, instead of what fell into it."""


def questions(
    roles: Sequence[Chosen], *, interval: timedelta, fresh: timedelta, rewritten: bool = False
) -> dict[Question, str]:
    """All queries of one tick but :data:`NOW`, by what they are about.

    Args:
        roles: the fleet.
        interval: distance of samples; windows of rates reach that much further back.
        fresh: an object's sample in the cluster's own exporter older than this is not used.
        rewritten: the server may hold engines' names as a pipeline has rewritten them.
    """
    engines = tuple(dict.fromkeys(r.spec.engine for r in roles))
    common = _common(roles)
    owners = tuple(sorted({name for role in roles for name, _ in role.matchers}))
    replicas = replica_labels(engines)
    each = tuple(dict.fromkeys((*owners, *replicas)))
    dialects = spoken(engines, rewritten=rewritten)
    asked = _evidence(common, dialects, each, interval)
    for signal in (Signal.RUNNING, Signal.WAITING):
        asked[Question(signal)] = total(signal, common, dialects, by=each)
    asked[Question(Signal.KV_USAGE)] = aggregate("max", rows(Signal.KV_USAGE, common, dialects), each)
    for signal in SHORT_COUNTERS:
        asked[Question(signal, SHORT)] = total(signal, common, dialects, by=owners, window=SHORT + interval)
    for signal in (*LONG_COUNTERS, *HISTOGRAMS):
        asked[Question(signal, LONG)] = total(signal, common, dialects, by=owners, window=LONG + interval)
    for signal in HISTOGRAMS:
        asked[Question(signal, LONG, edges=True)] = aggregate("count", rows(signal, common, dialects), (*owners, "le"))
    for signal in DEVICES:
        asked[Question(signal)] = devices(signal, common, dialects, by=owners)
    asked[Question(Evidence.GPU_AGE)] = _gpu_age()
    return asked | _objects(roles, fresh)


def replica_labels(engines: Sequence[Engine]) -> tuple[str, ...]:
    """Labels that tell the replicas of these engines apart."""
    return RAY_REPLICA if Engine.RAY_SERVE in engines else REPLICA


def rows(signal: Signal, matchers: Labels, dialects: Sequence[Dialect], *, window: timedelta | None = None) -> str:
    """The raw series of a signal under all its names, not folded."""
    return either(
        [
            select(name, matchers, window=window)
            for dialect in dialects
            for metric in metrics(dialect.source, signal)
            if not metric.adds
            for name in dialect.names(metric)
        ]
    )


def _common(roles: Sequence[Chosen]) -> Labels:
    """What all roles ask for alike goes into the selectors, so that others' series are not even sent."""
    first, *rest = (set(role.matchers) for role in roles)
    return tuple(sorted(first.intersection(*rest)))


def _evidence(
    common: Labels, dialects: Sequence[Dialect], each: Sequence[str], interval: timedelta
) -> dict[Question, str]:
    names = [
        name
        for dialect in dialects
        for metric in metrics(dialect.source, Signal.RUNNING)
        if not metric.adds
        for name in dialect.names(metric)
    ]

    def over(function: str, window: timedelta, back: timedelta = NO_STEP) -> str:
        offset = f" offset {duration(back)}" if back else ""
        return either([call(function, select(name, common, window=window) + offset) for name in names])

    def counted(window: timedelta, back: timedelta = NO_STEP) -> str:
        return aggregate("max", over("count_over_time", window, back), each)

    seen = either([call("timestamp", select(name, common)) for name in names])
    up = "max by (instance, job) (up)"
    known = f"0 * {over('last_over_time', REMEMBERED)} + on (instance, job) group_left () {up}"
    slack = interval / 20  # scrapes are not punctual to the millisecond
    return {
        Question(Evidence.AGE): f"time() - {aggregate('max', seen, each)}",
        Question(Evidence.SHORT): counted(interval + slack, SHORT - slack),
        Question(Evidence.LONG): counted(interval + slack, LONG - slack),
        Question(Evidence.COUNT): counted(LONG),
        Question(Evidence.BEFORE): counted(LONG, LONG),
        Question(Evidence.UP): aggregate("max", known, each),
    }


def _gpu_age() -> str:
    seen = [
        relabel(
            relabel(call("timestamp", select(metric.name)), "pod", "exported_pod"), "namespace", "exported_namespace"
        )
        for metric in metrics(Source.DCGM, Signal.GPU_MEMORY_USED)
    ]
    return f"time() - {aggregate('min', either(seen), ('namespace', 'pod'))}"


def _objects(roles: Sequence[Chosen], fresh: timedelta) -> dict[Question, str]:
    """What kube-state-metrics says of the workloads and autoscalers that roles name."""
    kinds = {role.spec.workload.kind.lower() for role in roles if role.spec.workload}
    if any(role.spec.scaled_object for role in roles):
        kinds.add("horizontalpodautoscaler")
    if any(role.spec.scaled_object and not role.spec.workload for role in roles):
        kinds |= {"deployment", "statefulset"}
    asked = {}
    for signal in OBJECTS:
        for metric in metrics(Source.KUBE, signal):
            kind = metric.labels[1]
            if kind in kinds:
                current = f"{metric.name} and (time() - timestamp({metric.name}) <= {fresh.total_seconds():g})"
                own = relabel(f"({current})", "namespace", "exported_namespace")  # scraped without honor_labels
                asked[Question(signal, kind=kind)] = aggregate("max", own, metric.labels)
    return asked
