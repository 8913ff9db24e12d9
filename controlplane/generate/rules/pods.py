"""Per pod: every engine and version under one set of names.

Renamed metrics are the main reason why LLM dashboards break. These rules are the only ones that know the
engines' own names, taken from the metric catalogue; everything after them uses the recorded names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from controlplane.generate.rules.rule import WINDOW, Group, Record, labelled
from controlplane.model.role import Engine
from controlplane.promql.catalogue import metrics
from controlplane.promql.expr import aggregate, call, either, quote, relabel, select
from controlplane.promql.metric import Signal
from controlplane.promql.queries import rows, source_of, wire_spellings
from controlplane.promql.recorded import LATENCIES, POD_MODEL
from controlplane.settings.schema import Settings

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
HISTOGRAMS = dict(zip(LATENCIES, (Signal.TTFT, Signal.ITL, Signal.E2E, Signal.QUEUE), strict=True))
"""Stem of the recorded name → the histogram."""
KV_USAGE = "llm_pod:kv_cache_usage:max"
FINISHED = "llm_pod:requests_finished:rate5m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """The pods of one engine, as its rules see them."""

    engine: Engine
    outside: bool
    """Some live outside Kubernetes: their address stands in for the pod they do not have."""

    def group(self, *, buckets: bool) -> Group:
        """All rules of the engine; without ``buckets`` its histograms are left to the rules of roles."""
        return Group(name=f"llm-pods-{self.engine}", rules=tuple(self._rules(buckets=buckets)))

    @property
    def labels(self) -> dict[str, str]:
        """On every series: bucket edges differ between engines."""
        return {"runtime": self.engine.value}

    def named(self, signal: Signal, window: timedelta | None = None) -> str:
        """Rows of a signal with our labels, in every spelling there is of its name."""
        return self._ours(rows(signal, (), self.engine, window, old_spellings=True))

    def _rules(self, *, buckets: bool) -> Iterator[Record]:
        for name, signal in GAUGES:
            yield self._record(name, "sum", self.named(signal))
        names = (
            select(name)
            for metric in metrics(source_of(self.engine), Signal.KV_USAGE)
            for name in wire_spellings(metric, self.engine)
        )
        yield self._record(KV_USAGE, "max", self._ours(either(tuple(names))))
        for name, signal in RATES:
            yield self._record(name, "sum", self.named(signal, WINDOW))
        yield self._record(FINISHED, "sum", self._ours(self._finished()), "reason")
        for stem, signal in HISTOGRAMS.items() if buckets else ():
            yield self._record(f"llm_pod:{stem}_seconds_bucket:rate5m", "sum", self.named(signal, WINDOW), "le")

    def _record(self, name: str, operator: str, expression: str, *also: str) -> Record:
        return Record(name=name, expr=aggregate(operator, expression, (*POD_MODEL, *also)), labels=self.labels)

    def _ours(self, expression: str) -> str:
        expression = relabel(expression, "model", "model_name")
        if not self.outside:
            return expression
        address = call("label_join", expression, quote("address"), quote("/"), quote("pod"), quote("instance"))
        return call("label_replace", address, quote("pod"), quote("$1"), quote("address"), quote("/(.+)"))

    def _finished(self) -> str:
        """By reason; SGLang counts those that were aborted apart."""
        done = rows(Signal.REQUESTS, (), self.engine, WINDOW, old_spellings=True)
        apart = metrics(source_of(self.engine), Signal.ABORTED)
        if not apart:
            return relabel(done, "reason", "finished_reason")
        aborted = either([call("rate", select(metric.name, window=WINDOW)) for metric in apart])
        return f"({labelled(done, reason='finished')} or {labelled(aborted, reason='abort')})"


def pods_of(settings: Settings) -> tuple[Pods, ...]:
    """The fleet's pods, per engine."""
    engines = sorted({role.engine for role in settings.roles.values()})
    return tuple(
        Pods(
            engine=engine,
            outside=any(r.namespace is None for r in settings.roles.values() if r.engine is engine),
        )
        for engine in engines
    )
