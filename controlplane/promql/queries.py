"""The query behind each number: PromQL over raw metrics that gives what the embedded path computes.

Every function takes ``by``: with labels in it one query answers for all roles at once (grouped by, say,
``model_name`` and ``namespace``), without it the query is for the series ``matchers`` choose.
Windows are those of the readings: one minute for rates, five for latencies and the hit ratio. ``rate()`` counts
only between the samples inside its window, so with ``step``, the distance of samples, each window reaches one
step further back: then it holds the same samples as the embedded path, which counts from the page before.
"""

from collections.abc import Sequence
from datetime import timedelta

from controlplane.model.page import Labels
from controlplane.model.reading import Reading
from controlplane.model.role import Engine, RoleSpec
from controlplane.promql.catalogue import metrics, signals
from controlplane.promql.dialects import Dialect, spoken, today
from controlplane.promql.exported import ROLE_DOLLARS
from controlplane.promql.expr import Match, Matchers, aggregate, call, either, quote, relabel, select, without
from controlplane.promql.metric import COUNTERS, HISTOGRAMS, QUANTILES, RATES, Fold, Metric, Signal, Source

SHORT = timedelta(minutes=1)
"""Window of token, request and preemption rates."""
LONG = timedelta(minutes=5)
"""Window of latencies, the prefix hit ratio and cost per token."""
NO_STEP = timedelta(0)

REPLICA = ("namespace", "pod", "instance")
"""Labels that tell replicas apart in Prometheus; what a setup lacks is simply empty."""
RAY_REPLICA = (*REPLICA, "ReplicaId", "WorkerId")
"""Ray serves a page per node, so its replicas are told apart by these."""
RANKS = ("tp_rank", "pp_rank", "moe_ep_rank")
"""Ranks that repeat one value; data-parallel ranks add up."""


def query(
    reading: Reading, matchers: Labels, engine: Engine, *, role: RoleSpec | None = None, step: timedelta = NO_STEP
) -> str:
    """PromQL for one reading of one role; empty when the reading cannot be asked of Prometheus.

    ``role`` adds what matchers cannot say: the workload, the ScaledObject, the price of a replica.
    """
    return batched(reading, matchers, (engine,), role=role, step=step)


def batched(
    reading: Reading,
    matchers: Labels,
    engines: Sequence[Engine],
    *,
    by: Sequence[str] = (),
    role: RoleSpec | None = None,
    step: timedelta = NO_STEP,
) -> str:
    """Like :func:`query` for several engines and, with ``by``, several roles in one answer."""
    short, long = SHORT + step, LONG + step
    said = spoken(engines)
    if reading in RATES:
        return total(RATES[reading], matchers, said, by=by, window=short)
    if reading in QUANTILES:
        signal, quantile = QUANTILES[reading]
        return call("histogram_quantile", f"{quantile:g}", total(signal, matchers, said, by=by, window=long))
    match reading:
        case Reading.RUNNING | Reading.WAITING:
            return total(signals(reading)[0], matchers, said, by=by)
        case Reading.WAITING_PER_REPLICA:
            return f"{total(Signal.WAITING, matchers, said, by=by)} / {answering(matchers, engines, by=by)}"
        case Reading.KV_USAGE:
            return either([aggregate("avg", _fullest(matchers, e, by), by) for e in engines])
        case Reading.KV_USAGE_MAX:
            return either([aggregate("max", _fullest(matchers, e, by), by) for e in engines])
        case Reading.PREFIX_QUERIED:
            return total(Signal.PREFIX_QUERIED, matchers, said, by=by, window=long)
        case Reading.PREFIX_HIT_RATIO:
            hits = total(Signal.PREFIX_HITS, matchers, said, by=by, window=long)
            return f"{hits} / ({total(Signal.PREFIX_LOOKUPS, matchers, said, by=by, window=long)} > 0)"
        case Reading.GPU_ACTIVITY | Reading.GPU_DRAM_ACTIVITY:
            return aggregate("avg", devices(signals(reading)[0], matchers, said, by), by)
        case Reading.GPU_MEMORY_USED:
            return aggregate("sum", devices(Signal.GPU_MEMORY_USED, matchers, said, by), by)
        case Reading.REPLICAS_READY | Reading.REPLICAS_PENDING | Reading.REPLICAS_DESIRED:
            return _replicas(reading, matchers, engines, by, role)
        case Reading.DOLLARS_PER_HOUR:
            return "" if role is None else select(ROLE_DOLLARS.name, (("role", str(role.name)),))
        case Reading.DOLLARS_PER_MTOK:
            return "" if role is None else _dollars_per_mtok(matchers, said, role, long)
        case _:
            return ""


def total(
    signal: Signal,
    matchers: Labels,
    dialects: Sequence[Dialect],
    *,
    by: Sequence[str] = (),
    window: timedelta | None = None,
) -> str:
    """Sum of a signal over replicas: of a gauge as it is, of a counter its rate, of a histogram its bucket rates.

    Bucket rates keep ``le``, so the answer can be fed to ``histogram_quantile`` or to our own quantile.
    """
    keep = (*by, "le") if signal in HISTOGRAMS else tuple(by)
    return either([aggregate("sum", rows(signal, matchers, dialect, window), keep) for dialect in dialects])


def answering(matchers: Labels, engines: Sequence[Engine], *, by: Sequence[str] = ()) -> str:
    """How many replicas have engine metrics right now."""
    counted = [
        aggregate("count", aggregate("group", rows(Signal.RUNNING, matchers, today(e), None), _replica(e, by)), by)
        for e in engines
    ]
    return either(counted)


def devices(signal: Signal, matchers: Labels, dialects: Sequence[Dialect], by: Sequence[str] = ()) -> str:
    """One series per GPU (or MIG slice) held by the pods that ``matchers`` choose, in the reading's base unit.

    ``exported_pod`` wins over ``pod``: behind a ServiceMonitor without honorLabels the latter is the exporter's.
    """
    fields = []
    for metric in metrics(Source.DCGM, signal):
        row = relabel(relabel(select(metric.name), "pod", "exported_pod"), "namespace", "exported_namespace")
        fields.append(row if metric.scale == 1 else f"{row} * {metric.scale:.15g}")
    device = aggregate("max", either(fields), ("namespace", "pod", "UUID", "GPU_I_ID"))
    pods = (*(Match(*pair) for pair in matchers), Match("pod", "", "!="))
    running = [rows(Signal.RUNNING, pods, dialect, None) for dialect in dialects]
    held = either([aggregate("group", row, _unique("namespace", "pod", *by)) for row in running])
    return f"{device} * on (namespace, pod) group_left ({', '.join(b for b in by if b != 'namespace')}) {held}"


def wire_name(metric: Metric, engine: Engine) -> str:
    """The name under which Prometheus holds a metric of ``engine``."""
    return today(engine).names(metric)[0]


def source_of(engine: Engine) -> Source:
    """Whose metrics an engine shows; under Ray they are vLLM's, unless somebody runs SGLang there."""
    return today(engine).source


def rows(signal: Signal, matchers: Matchers, dialect: Dialect, window: timedelta | None) -> str:
    """Rows that may be summed: one per data-parallel rank and label that splits a count."""
    if (signal in COUNTERS or signal in HISTOGRAMS) and window is None:
        raise ValueError(f"{signal} only means something over a window")
    chosen = metrics(dialect.source, signal)
    named = [(m, [_row(m, name, matchers, window, dialect) for name in dialect.names(m)]) for m in chosen]
    added = [text for metric, texts in named if metric.adds for text in texts]
    mains = [metric for metric in chosen if not metric.adds]
    held = either(_comparable([text for metric, texts in named if not metric.adds for text in texts], mains, dialect))
    return either([_marked(held, "main"), *added]) if added else held


def _comparable(rows: Sequence[str], chosen: Sequence[Metric], dialect: Dialect) -> list[str]:
    """Alternatives with the same labels, so that ``or`` takes one of them per pod and never both.

    SGLang's ``realtime_tokens_total`` and ``prompt_tokens_total`` count the same tokens under different labels.
    """
    if len({frozenset(metric.labels) for metric in chosen}) < 2:
        return list(rows)
    own = sorted({name for metric in chosen for name in metric.labels} - {"model_name"})
    return [without("sum", row, (*own, *dialect.processes, *dialect.replicas)) for row in rows]


def _row(metric: Metric, name: str, matchers: Matchers, window: timedelta | None, dialect: Dialect) -> str:
    where = []
    if metric.only is not None:
        label, values = metric.only
        pattern = "|".join(f".*{v[1:]}" if v.startswith("*") else v for v in values)
        where.append(Match(label, pattern, "=" if pattern == values[0] else "=~"))
    ranked = "tp_rank" in metric.labels
    if ranked:
        where.append(Match("priority", ""))
    row = select(name, matchers, window=window, where=where)
    if window is not None:
        row = call("rate", row)
    if metric.adds:
        row = _marked(row, metric.stem)
    return without("max", row, (*RANKS, *dialect.processes)) if ranked and metric.fold is Fold.SUM else row


def _marked(expression: str, queue: str) -> str:
    """Rows with a label that keeps them apart from the rows of another queue."""
    return call("label_replace", expression, quote("queue"), quote(queue), quote(""), quote(""))


def _fullest(matchers: Labels, engine: Engine, by: Sequence[str]) -> str:
    return aggregate("max", rows(Signal.KV_USAGE, matchers, today(engine), None), _replica(engine, by))


def _replica(engine: Engine, by: Sequence[str]) -> tuple[str, ...]:
    return _unique(*by, *(RAY_REPLICA if engine is Engine.RAY_SERVE else REPLICA))


def _unique(*names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _replicas(
    reading: Reading, matchers: Labels, engines: Sequence[Engine], by: Sequence[str], role: RoleSpec | None
) -> str:
    """Replica counts by kube-state-metrics; ready ones, without a workload, by counting who answers."""
    spec, ready = workload(Signal.KUBE_SPEC, role), workload(Signal.KUBE_READY, role)
    if reading is Reading.REPLICAS_READY:
        return ready or answering(matchers, engines, by=by)
    if reading is Reading.REPLICAS_PENDING:
        return f"clamp_min({spec} - {ready}, 0)" if spec and ready else ""
    wishes = [wish for wish in (workload(Signal.HPA_DESIRED, role), spec) if wish]
    return either([aggregate("max", wish) for wish in wishes]) if wishes else ""


def workload(signal: Signal, role: RoleSpec | None) -> str:
    """kube-state-metrics' series of a role's workload or HPA; empty when the role does not name one."""
    if role is None:
        return ""
    for metric in metrics(Source.KUBE, signal):
        kind = metric.labels[1]
        if kind == "horizontalpodautoscaler" and role.scaled_object is not None:
            ref = role.scaled_object
            return select(
                metric.name, (("horizontalpodautoscaler", f"keda-hpa-{ref.name}"), ("namespace", ref.namespace))
            )
        if role.workload is not None and role.workload.kind.lower() == kind:
            return select(metric.name, ((kind, role.workload.name), ("namespace", role.workload.namespace)))
    return ""


def _dollars_per_mtok(matchers: Labels, dialects: Sequence[Dialect], role: RoleSpec, window: timedelta) -> str:
    tokens = " + ".join(
        total(signal, matchers, dialects, window=window) for signal in (Signal.PROMPT_TOKENS, Signal.OUTPUT_TOKENS)
    )
    spend = select(ROLE_DOLLARS.name, (("role", str(role.name)),))
    return f"sum({spend}) / ((({tokens}) > 0) * 3600 / 1e6)"
