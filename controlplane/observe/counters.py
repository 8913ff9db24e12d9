"""How far each counter of a replica moved between two pages; unknown rather than guessed.

A counter that went back means the engine started anew: what it did in between was not seen, so the whole
interval is unknown for that replica. So is the first page, an interval with a hole in it, and a number that is
not finite. A series that is new on the page is unknown until it was seen twice.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from operator import sub

from controlplane.observe.plan import ReplicaPlan, Shape, Slots
from controlplane.observe.quantiles import Buckets
from controlplane.promql.metric import Signal

UNKNOWN = math.nan
"""Inside a vector only; it never leaves this package."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A replica's counters at its newest page, and how they got there."""

    plan: ReplicaPlan
    counts: tuple[float, ...]
    moved: tuple[float, ...] | None = None
    """By how much each counter moved since the page before; ``None`` when unknown."""
    seconds: float = 0.0
    """How long that took, by our own receive times."""


def advance(before: Trace | None, plan: ReplicaPlan, values: tuple[float, ...], seconds: float) -> Trace:
    """The next page of a replica, ``seconds`` after the one before (0 or less: the interval is unknown)."""
    counts = plan.pick(values)
    if before is None or seconds <= 0:
        return Trace(plan, counts)
    then = before.counts if before.plan is plan else _carried(before, plan)
    moved = tuple(map(sub, counts, then))
    if not moved or (min(moved) >= 0.0 and math.isfinite(sum(moved))):
        return Trace(plan, counts, moved, seconds)
    if any(step < 0 for step in moved):
        return Trace(plan, counts)
    return Trace(plan, counts, tuple(step if math.isfinite(step) else UNKNOWN for step in moved), seconds)


def _carried(before: Trace, plan: ReplicaPlan) -> tuple[float, ...]:
    """The old counts in the order of a new layout; unknown where the series was not there."""
    if before.plan.keys == plan.keys:
        return before.counts
    known = dict(zip(before.plan.keys, before.counts, strict=True))
    return tuple(known.get(key, UNKNOWN) for key in plan.keys)


def fold(slots: Slots, vector: tuple[float, ...]) -> float:
    """Add up the slots of a vector; the largest of repeating ranks. Unknown in, unknown out."""
    total = 0.0
    for slot in slots:
        if len(slot) == 1:
            total += vector[slot[0]]
        else:
            ranks = [vector[i] for i in slot]
            total += UNKNOWN if any(math.isnan(v) for v in ranks) else max(ranks)
    return total


def tokens_out(trace: Trace | None) -> float | None:
    """Output tokens of a replica since its process began; ``None`` when its page does not say."""
    if trace is None:
        return None
    slots = dict(trace.plan.shape.counters).get(Signal.OUTPUT_TOKENS)
    total = UNKNOWN if slots is None else fold(slots, trace.counts)
    return total if math.isfinite(total) and total >= 0 else None


def gauges(plan: ReplicaPlan, values: tuple[float, ...]) -> dict[Signal, float]:
    """Gauges of a replica that are known and can be true: finite and not negative; usage within 0..1."""
    out = {}
    for signal, _, slots in plan.gauges:
        value = values[slots[0][0]] if len(slots) == 1 and len(slots[0]) == 1 else fold(slots, values)
        if signal is Signal.KV_USAGE:
            if not 0 <= value <= 1.0001:
                continue
            value = min(value, 1.0)
        if 0 <= value < math.inf:
            out[signal] = value
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What went through a role between two ticks, over the replicas whose movement is known."""

    seconds: float
    """Between the pages it was counted from, mean of the replicas with a newer page; 0 where none has one."""
    rates: dict[Signal, tuple[float, int]]
    """Counter → sum over replicas of its rate per second, and how many replicas that is."""
    buckets: dict[Signal, tuple[tuple[Buckets, int], ...]]
    """Histogram → what fell into its buckets, per set of edges, and from how many replicas."""


def flow(traces: Iterable[tuple[Trace, bool]]) -> Flow:
    """Add replicas up.

    A trace marked ``False`` has no newer page at this tick: its rate goes on, but its observations are already counted.
    """
    by_shape: dict[int, tuple[Shape, list[tuple[Trace, bool]]]] = {}
    spans: list[float] = []
    for trace, new in traces:
        if trace.moved is not None:
            shape = trace.plan.shape
            by_shape.setdefault(id(shape), (shape, []))[1].append((trace, new))
            if new:
                spans.append(trace.seconds)
    rates: dict[Signal, tuple[float, int]] = {}
    buckets: dict[Signal, list[tuple[Buckets, int]]] = {}
    for shape, group in by_shape.values():
        _add_rates(shape, group, rates)
        _add_buckets(shape, group, buckets)
    return Flow(
        math.fsum(spans) / len(spans) if spans else 0.0,
        rates,
        {signal: tuple(parts) for signal, parts in buckets.items()},
    )


def _add_rates(shape: Shape, group: list[tuple[Trace, bool]], into: dict[Signal, tuple[float, int]]) -> None:
    split = shape.split
    vectors = [tuple([step / t.seconds for step in (t.moved or ())[:split]]) for t, _ in group]
    whole = tuple(map(sum, zip(*vectors, strict=True))) if shape.linear else None
    for signal, slots in shape.counters:
        value, count = (fold(slots, whole) if whole is not None else UNKNOWN), len(group)
        if math.isnan(value):
            known = [v for v in (fold(slots, vector) for vector in vectors) if not math.isnan(v)]
            value, count = math.fsum(known), len(known)
        if count:
            had, of = into.get(signal, (0.0, 0))
            into[signal] = (had + value, of + count)


def _add_buckets(shape: Shape, group: list[tuple[Trace, bool]], into: dict[Signal, list[tuple[Buckets, int]]]) -> None:
    if not shape.histograms:
        return
    fresh = [trace.moved or () for trace, new in group if new]
    waiting = len(group) - len(fresh)
    whole = tuple(map(sum, zip(*fresh, strict=True))) if fresh and shape.linear else None
    for signal, edges, per_edge in shape.histograms:
        count = len(group)
        counts = tuple([fold(slots, whole) for slots in per_edge]) if whole is not None else (UNKNOWN,)
        if math.isnan(sum(counts)):
            each = [tuple([fold(slots, vector) for slots in per_edge]) for vector in fresh]
            known = [c for c in each if not math.isnan(sum(c))]
            count = len(known) + waiting
            counts = tuple(map(sum, zip(*known, strict=True))) if known else (0.0,) * len(edges)
        if count:
            into.setdefault(signal, []).append(((edges, counts), count))
