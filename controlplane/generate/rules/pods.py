"""Per pod: every engine and version under one set of names.

Renamed metrics are the main reason why LLM dashboards break. These rules are the only ones that know the
engines' own names, taken from the metric catalogue; everything after them uses the recorded names.
"""

from collections.abc import Iterator

from controlplane.generate.rules.rule import POD, POD_MODEL, WINDOW, Group, Record
from controlplane.model.role import Engine
from controlplane.promql.catalogue import metrics
from controlplane.promql.expr import aggregate, either, relabel, select
from controlplane.promql.metric import Signal
from controlplane.promql.queries import source_of, total, wire_name

GAUGES = (
    ("llm_pod:requests_running:sum", Signal.RUNNING),
    ("llm_pod:requests_waiting:sum", Signal.WAITING),
)
RATES = (
    ("llm_pod:preemptions:rate5m", Signal.PREEMPTIONS),
    ("llm_pod:prompt_tokens:rate5m", Signal.PROMPT_TOKENS),
    ("llm_pod:prompt_tokens_cached:rate5m", Signal.CACHED_TOKENS),
    ("llm_pod:prefix_cache_queried_tokens:rate5m", Signal.PREFIX_LOOKUPS),
    ("llm_pod:prefix_cache_hit_tokens:rate5m", Signal.PREFIX_HITS),
    ("llm_pod:output_tokens:rate5m", Signal.OUTPUT_TOKENS),
)
HISTOGRAMS = (
    ("ttft", Signal.TTFT),
    ("itl", Signal.ITL),
    ("e2e", Signal.E2E),
    ("queue_time", Signal.QUEUE),
)
KV_USAGE = "llm_pod:kv_cache_usage:max"
FINISHED = "llm_pod:requests_finished:rate5m"

_WIRE = (*POD, "model_name")


def pod_group(engine: Engine) -> Group:
    """All rules of one engine. ``runtime`` stays on every series: bucket edges differ between engines."""
    return Group(name=f"llm-pods-{engine}", rules=tuple(_rules(engine)))


def _rules(engine: Engine) -> Iterator[Record]:
    labels = {"runtime": engine.value}
    for name, signal in GAUGES:
        expr = _summed(total(signal, (), (engine,), by=_WIRE))
        yield Record(name=name, expr=expr, labels=labels)
    yield Record(name=KV_USAGE, expr=_kv_usage(engine), labels=labels)
    for name, signal in RATES:
        expr = _summed(total(signal, (), (engine,), by=_WIRE, window=WINDOW))
        yield Record(name=name, expr=expr, labels=labels)
    yield Record(name=FINISHED, expr=_finished(engine), labels=labels)
    for stem, signal in HISTOGRAMS:
        expr = _summed(total(signal, (), (engine,), by=_WIRE, window=WINDOW), "le")
        yield Record(name=f"llm_pod:{stem}_seconds_bucket:rate5m", expr=expr, labels=labels)


def _summed(expression: str, *also: str) -> str:
    return aggregate("sum", relabel(expression, "model", "model_name"), (*POD_MODEL, *also))


def _kv_usage(engine: Engine) -> str:
    names = [select(wire_name(metric, engine)) for metric in metrics(source_of(engine), Signal.KV_USAGE)]
    return aggregate("max", relabel(either(names), "model", "model_name"), POD_MODEL)


def _finished(engine: Engine) -> str:
    """By reason; SGLang counts finished requests without one."""
    by = (*_WIRE, "finished_reason")
    rows = total(Signal.REQUESTS, (), (engine,), by=by, window=WINDOW)
    return _summed(relabel(rows, "reason", "finished_reason"), "reason")
