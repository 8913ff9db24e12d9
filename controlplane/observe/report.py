"""One metrics page, understood: whose it is, what it says in our words and units, what it lacks and what that costs.

A single page knows gauges of this moment and totals since the process began; rates need a second page. Every line
says which of the three it is, because a lifetime mean looks like a current value and is not one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from controlplane.model.page import MetricKey, Page
from controlplane.model.reading import Reading
from controlplane.model.role import Engine
from controlplane.model.units import Unit
from controlplane.observe.counters import Trace, advance, flow, fold, gauges
from controlplane.observe.dialect import dialect
from controlplane.observe.identify import Identity, PageKind, identify
from controlplane.observe.others import others
from controlplane.observe.plan import PagePlan, ReplicaPlan, plan_page
from controlplane.observe.quantiles import Buckets, merge, quantile
from controlplane.promql.catalogue import signals
from controlplane.promql.metric import QUANTILES, RATES, Signal


class When(StrEnum):
    """What stretch of time a number is about."""

    NOW = "now"
    SINCE_START = "since start"
    BETWEEN = "between the two pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One number of a page, normalised."""

    words: str
    reading: Reading | None
    value: float | None
    unit: Unit
    when: When
    series: str
    """The series it was made from."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A reading this page cannot give."""

    reading: Reading
    why: str
    blind: tuple[str, ...] = ()
    """Detectors that see nothing without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReport:
    """A page, explained."""

    kind: PageKind
    summary: str
    """One sentence: what this page is."""
    engine: Engine | None = None
    version: str | None = None
    models: tuple[str, ...] = ()
    replicas: int = 0
    engines: int = 0
    """Data-parallel engines on the page, over all replicas."""
    series: int = 0
    lines: tuple[Line, ...] = ()
    missing: tuple[Lack, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """What else is worth knowing, as pairs of words."""
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    """Time between the two pages, when there were two."""

    @property
    def is_engine(self) -> bool:
        """Whether it is the page of an engine that can be watched."""
        return bool(self.lines)


def understand(
    page: Page,
    *,
    earlier: Page | None = None,
    seconds: float = 0.0,
    blind: Mapping[Reading, Sequence[str]] = MappingProxyType({}),
) -> PageReport:
    """Explain one page; with an ``earlier`` one of the same target, ``seconds`` before, rates too.

    ``blind``: reading → ids of the detectors that need it.
    """
    identity = identify(page)
    plan = plan_page(page.layout)
    if identity.engine is None or not plan.replicas:
        summary, facts, notes = others(identity, page)
        return PageReport(
            kind=identity.kind,
            summary=summary,
            series=len(page.values),
            facts=facts,
            notes=notes,
            engine=identity.engine,
        )
    facts, notes = dialect(identity, page, one_process=plan.start is not None)
    lines = (*_now(plan, page), *_totals(plan, page), *_latencies(plan, page))
    if earlier is not None and seconds > 0:
        lines = (*lines, *_between(plan, page, earlier, seconds))
    return PageReport(
        kind=identity.kind,
        summary=f"{identity.kind} {identity.version or 'of unknown version'}, a page we can watch",
        engine=identity.engine,
        version=identity.version,
        models=identity.models,
        replicas=len(plan.replicas),
        engines=sum(_engines(replica) for replica in plan.replicas),
        series=len(page.values),
        lines=lines,
        missing=_missing(identity, blind),
        facts=facts,
        notes=notes,
        seconds=seconds if earlier is not None else None,
    )


def _engines(replica: ReplicaPlan) -> int:
    """Data-parallel engines of a replica: each has its own row of what is running, or of what it generated."""
    running = [len(slots) for signal, _, slots in replica.gauges if signal is Signal.RUNNING]
    return max([1, *running, *(len(s) for signal, s in replica.shape.counters if signal is Signal.OUTPUT_TOKENS)])


def _now(plan: PagePlan, page: Page) -> list[Line]:
    read = [gauges(replica, page.values) for replica in plan.replicas]
    lines = []
    for signal, reading in (
        (Signal.RUNNING, Reading.RUNNING),
        (Signal.WAITING, Reading.WAITING),
        (Signal.KV_USAGE, Reading.KV_USAGE_MAX),
    ):
        values = [r[signal] for r in read if signal in r]
        places = [i for r in plan.replicas for s, _, slots in r.gauges if s is signal for slot in slots for i in slot]
        if not places:
            continue
        whole = len(values) == len(plan.replicas)
        folded = (max(values) if signal is Signal.KV_USAGE else math.fsum(values)) if whole else None
        lines.append(
            _line(
                reading,
                folded,
                When.NOW,
                [page.layout.keys[i] for i in places],
                "" if whole else "not a number that can be true",
            )
        )
    return lines


_TOTALS = (
    (Signal.REQUESTS, Reading.REQUESTS, "requests finished", Unit.COUNT),
    (Signal.PROMPT_TOKENS, Reading.PROMPT_TOKENS, "prompt tokens", Unit.TOKENS),
    (Signal.CACHED_TOKENS, Reading.CACHED_TOKENS, "cached prompt tokens", Unit.TOKENS),
    (Signal.OUTPUT_TOKENS, Reading.OUTPUT_TOKENS, "output tokens", Unit.TOKENS),
    (Signal.PREEMPTIONS, Reading.PREEMPTIONS, "preemptions", Unit.COUNT),
)


def _totals(plan: PagePlan, page: Page) -> list[Line]:
    lines = []
    for signal, reading, words, unit in _TOTALS:
        total, keys = _total(plan, page, signal)
        if keys:
            lines.append(
                Line(
                    words=f"{words}, total",
                    reading=reading,
                    value=total,
                    unit=unit,
                    when=When.SINCE_START,
                    series=_series(keys),
                )
            )
    looked_up, keys = _total(plan, page, Signal.PREFIX_LOOKUPS)
    hits, found = _total(plan, page, Signal.PREFIX_HITS)
    if keys:
        known = looked_up is not None and hits is not None and looked_up > 0
        ratio = min(1.0, (hits or 0.0) / looked_up) if known and looked_up else None
        note = "mean of the whole life" if known else "nothing was looked up yet: no requests, or prefix caching is off"
        lines.append(_line(Reading.PREFIX_HIT_RATIO, ratio, When.SINCE_START, [*found, *keys], note))
    return lines


def _total(plan: PagePlan, page: Page, signal: Signal) -> tuple[float | None, list[MetricKey]]:
    total, keys = 0.0, []
    for replica in plan.replicas:
        vector = replica.pick(page.values)
        for of, slots in replica.shape.counters:
            if of is signal:
                total += fold(slots, vector)
                keys += [replica.keys[i] for slot in slots for i in slot]
    return (total if math.isfinite(total) and total >= 0 else None), keys


def _latencies(plan: PagePlan, page: Page) -> list[Line]:
    lines = []
    for reading, (signal, q) in QUANTILES.items():
        parts: list[Buckets] = []
        keys: list[MetricKey] = []
        for replica in plan.replicas:
            buckets, found = _buckets(replica, replica.pick(page.values), signal)
            if buckets is not None:
                parts.append(buckets)
                keys += found
        merged = merge(parts)
        if merged is None:
            continue
        value, seen = quantile(q, merged), merged[1][-1]
        if value is None and q > 0.5:
            continue
        count = f"{seen:,.0f} observations" if math.isfinite(seen) else "a count that is not a number"
        lines.append(
            _line(reading, value, When.SINCE_START, keys, count if value is not None else f"{count}: too few to tell")
        )
    return lines


def _buckets(replica: ReplicaPlan, vector: tuple[float, ...], signal: Signal) -> tuple[Buckets | None, list[MetricKey]]:
    for of, edges, per_edge in replica.shape.histograms:
        if of is signal:
            counts = tuple(fold(slots, vector) for slots in per_edge)
            keys = [replica.keys[slot[0]] for slot in per_edge[-1]]
            return (edges, counts), keys
    return None, []


def _between(plan: PagePlan, page: Page, earlier: Page, seconds: float) -> list[Line]:
    before = {r.name: advance(None, r, earlier.values, 0) for r in plan_page(earlier.layout).replicas}
    traces = [advance(before.get(r.name), r, page.values, seconds) for r in plan.replicas]
    if any(trace.moved is None for trace in traces):
        return []
    moved = flow([(trace, True) for trace in traces])
    lines = []
    for reading, signal in RATES.items():
        found = moved.rates.get(signal)
        if found is not None and found[1] == len(traces):
            lines.append(_line(reading, found[0], When.BETWEEN, _keys_of(traces, signal), "", plain=True))
    looked_up, hits = moved.rates.get(Signal.PREFIX_LOOKUPS), moved.rates.get(Signal.PREFIX_HITS)
    if looked_up and hits and looked_up[0] > 0:
        ratio = min(1.0, hits[0] / looked_up[0])
        keys = _keys_of(traces, Signal.PREFIX_LOOKUPS)
        lines.append(_line(Reading.PREFIX_HIT_RATIO, ratio, When.BETWEEN, keys, "", plain=True))
    for reading, (signal, q) in QUANTILES.items():
        merged = merge([part for part, _ in moved.buckets.get(signal, ())])
        value = quantile(q, merged) if merged else None
        if value is not None and merged:
            note = f"{merged[1][-1]:,.0f} observations"
            lines.append(_line(reading, value, When.BETWEEN, _keys_of(traces, signal), note, plain=True))
    return lines


def _keys_of(traces: Sequence[Trace], signal: Signal) -> list[MetricKey]:
    keys = []
    for trace in traces:
        shape = trace.plan.shape
        for of, slots in shape.counters:
            keys += [trace.plan.keys[i] for slot in slots for i in slot] if of is signal else []
        for of, _, per_edge in shape.histograms:
            keys += [trace.plan.keys[slot[0]] for slot in per_edge[-1]] if of is signal else []
    return keys


def _line(
    reading: Reading, value: float | None, when: When, keys: Sequence[MetricKey], note: str = "", *, plain: bool = False
) -> Line:
    words = reading.about.words
    return Line(
        words=words if plain or when is not When.SINCE_START else f"{words}, lifetime",
        reading=reading,
        value=value,
        unit=reading.unit,
        when=when,
        series=_series(keys),
        note=note,
    )


def _series(keys: Sequence[MetricKey]) -> str:
    """The first series, without its bucket edge, and how many more there are."""
    names = {key.name for key in keys}
    first = MetricKey(keys[0].name, tuple(pair for pair in keys[0].labels if pair[0] != "le"))
    more = len(keys) - 1
    text = str(first) if not more else f"{first} and {more} more"
    return text if len(names) == 1 else f"{text} ({len(names)} metrics)"


_NOT_ON_ENGINE_PAGES = {
    Reading.GPU_ACTIVITY: "not on an engine's page: add a DCGM exporter under sources.dcgm",
    Reading.REPLICAS_DESIRED: "not on an engine's page: add Kubernetes or kube-state-metrics under sources",
}


def _missing(identity: Identity, blind: Mapping[Reading, Sequence[str]]) -> tuple[Lack, ...]:
    lacks = []
    for reading in Reading:
        gone = [signal for signal in signals(reading) if signal in identity.missing]
        why = _NOT_ON_ENGINE_PAGES.get(reading)
        if gone:
            why = f"no series of this page says it ({', '.join(s.value.replace('_', ' ') for s in gone)})"
        if why is not None:
            lacks.append(Lack(reading=reading, why=why, blind=tuple(blind.get(reading, ()))))
    return tuple(lacks)
