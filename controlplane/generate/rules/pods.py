"""Per pod: every engine and version under one set of names.

Renamed metrics are the main reason why LLM dashboards break. These rules are the only ones that know the
engines' own names, taken from the metric catalogue; everything after them uses the recorded names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from controlplane.generate.rules.rule import WINDOW, Group, Record, labelled
from controlplane.model.role import Engine
from controlplane.promql.catalogue import metrics
from controlplane.promql.dialects import Dialect, dialects
from controlplane.promql.expr import aggregate, call, either, quote, relabel, select
from controlplane.promql.metric import Signal
from controlplane.promql.queries import rows
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
    rewritten: bool
    """Something between them and Prometheus may have rewritten their names."""

    def group(self, *, buckets: bool) -> Group:
        """All rules of the engine; without ``buckets`` its histograms are left to the rules of roles."""
        return Group(name=f"llm-pods-{self.engine}", rules=tuple(self._rules(buckets=buckets)))

    @property
    def labels(self) -> dict[str, str]:
        """On every series: bucket edges differ between engines."""
        return {"runtime": self.engine.value}

    def buckets(self, signal: Signal) -> str:
        """A histogram's rows with our labels, to be summed by roles: per pod only where names may be there twice."""
        several = self._told("sum", _rows(signal, WINDOW), "le")
        return f"({several})" if len(self._dialects) > 1 else self._ours(rows(signal, (), self._dialects[0], WINDOW))

    def _rules(self, *, buckets: bool) -> Iterator[Record]:
        for name, signal in GAUGES:
            yield self._record(name, self._told("sum", _rows(signal)))
        yield self._record(KV_USAGE, self._told("max", _fullest))
        for name, signal in RATES:
            yield self._record(name, self._told("sum", _rows(signal, WINDOW)))
        yield self._record(FINISHED, self._told("sum", _finished, "reason"))
        for stem, signal in HISTOGRAMS.items() if buckets else ():
            told = self._told("sum", _rows(signal, WINDOW), "le")
            yield self._record(f"llm_pod:{stem}_seconds_bucket:rate5m", told)

    def _record(self, name: str, expression: str) -> Record:
        return Record(name=name, expr=expression, labels=self.labels)

    @property
    def _dialects(self) -> tuple[Dialect, ...]:
        return dialects(self.engine, rewritten=self.rewritten)

    def _told(self, operator: str, of: Callable[[Dialect], str], *also: str) -> str:
        """Per pod and model what the first dialect says that it speaks: under two names nothing counts twice."""
        by = (*POD_MODEL, *also)
        return " or ".join(aggregate(operator, self._ours(of(dialect)), by) for dialect in self._dialects)

    def _ours(self, expression: str) -> str:
        expression = relabel(expression, "model", "model_name")
        if not self.outside:
            return expression
        address = call("label_join", expression, quote("address"), quote("/"), quote("pod"), quote("instance"))
        return call("label_replace", address, quote("pod"), quote("$1"), quote("address"), quote("/(.+)"))


def _rows(signal: Signal, window: timedelta | None = None) -> Callable[[Dialect], str]:
    return lambda dialect: rows(signal, (), dialect, window)


def _fullest(dialect: Dialect) -> str:
    """Rows of the KV cache, of every rank."""
    names = [select(name) for metric in metrics(dialect.source, Signal.KV_USAGE) for name in dialect.names(metric)]
    return either(names)


def _finished(dialect: Dialect) -> str:
    """By reason; SGLang counts those that were aborted apart."""
    done = rows(Signal.REQUESTS, (), dialect, WINDOW)
    apart = metrics(dialect.source, Signal.ABORTED)
    if not apart:
        return relabel(done, "reason", "finished_reason")
    aborted = either([call("rate", select(n, window=WINDOW)) for metric in apart for n in dialect.names(metric)])
    return f"({labelled(done, reason='finished')} or {labelled(aborted, reason='abort')})"


def pods_of(settings: Settings) -> tuple[Pods, ...]:
    """The fleet's pods, per engine."""
    engines = sorted({role.engine for role in settings.roles.values()})
    return tuple(
        Pods(
            engine=engine,
            rewritten=settings.rules.rewritten_names,
            outside=any(r.namespace is None for r in settings.roles.values() if r.engine is engine),
        )
        for engine in engines
    )
