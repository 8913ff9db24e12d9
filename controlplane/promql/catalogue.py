"""Every metric we read, in one place: everything that must know a metric's name asks here.

The lists live beside this file, one per source. ``docs/metrics.md`` is generated from them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from controlplane.model.reading import Reading
from controlplane.promql.metric import ENGINE_SIGNALS, MADE_FROM, Kind, Metric, Signal, Source
from controlplane.promql.metrics_cluster import DCGM, KUBE, OPENCOST
from controlplane.promql.metrics_keda import KEDA
from controlplane.promql.metrics_litellm import LITELLM
from controlplane.promql.metrics_prometheus import PROMETHEUS
from controlplane.promql.metrics_sglang import SGLANG
from controlplane.promql.metrics_vllm import VLLM

CATALOGUE: tuple[Metric, ...] = VLLM + SGLANG + DCGM + KUBE + OPENCOST + KEDA + LITELLM + PROMETHEUS
"""All metrics; of those that feed the same signal of a source, the first that a page has is used."""

PROCESS_START = "process_start_time_seconds"
"""Unix time a process began; absent where several API servers share a page."""


def metrics(source: Source, signal: Signal) -> tuple[Metric, ...]:
    """Metrics of ``source`` that feed ``signal``, most wanted first."""
    return _FEEDING.get((source, signal), ())


def signals(reading: Reading) -> tuple[Signal, ...]:
    """Signals a reading is made of; empty where it is made of replicas and prices."""
    return MADE_FROM.get(reading, ())


def engine_reading(reading: Reading) -> bool:
    """Whether the reading comes from the engines' own pages."""
    made_from = signals(reading)
    return bool(made_from) and all(signal in ENGINE_SIGNALS for signal in made_from)


def wire_names(metric: Metric) -> tuple[str, ...]:
    """Sample names of a metric on the wire, in every spelling; of a histogram only what we use."""
    if metric.kind is Kind.HISTOGRAM:
        suffix = "_bucket" if metric.feeds else "_count"
        return tuple(name + suffix for name in metric.spellings)
    return metric.spellings


def _feeding() -> Mapping[tuple[Source, Signal], tuple[Metric, ...]]:
    table: dict[tuple[Source, Signal], tuple[Metric, ...]] = {}
    for metric in CATALOGUE:
        for signal in metric.feeds:
            table[metric.source, signal] = (*table.get((metric.source, signal), ()), metric)
    return MappingProxyType(table)


_FEEDING = _feeding()

KNOWN: Mapping[str, tuple[Metric, ...]] = MappingProxyType(
    {
        name: tuple(metric for metric in CATALOGUE if name in wire_names(metric))
        for metric in CATALOGUE
        for name in wire_names(metric)
    }
)
"""Sample name on the wire → its metrics (several where a label decides which signal a row feeds)."""

WANTED: frozenset[str] = frozenset(
    {PROCESS_START, *(name for name, held in KNOWN.items() if any(metric.scraped for metric in held))}
)
"""Sample names a scraper needs to keep."""
