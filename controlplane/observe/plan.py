"""Where on a page each number is found, worked out once per layout and then only looked up.

A page of one target keeps its layout for hours, so finding names and labels is done once and a tick costs one
``itemgetter`` call per replica. Replicas of the same engine version share a :class:`Shape`, which lets a role
add up whole vectors.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from controlplane.model.page import Labels, Layout, MetricKey
from controlplane.observe.identify import Identity, PageKind, identify_layout
from controlplane.observe.kv_capacity import CapacityRow, capacity_rows
from controlplane.promql.catalogue import PROCESS_START, metrics, wire_names
from controlplane.promql.metric import COUNTERS, GAUGES, HISTOGRAMS, Fold, Metric, Signal, Source

RANKS = frozenset({"tp_rank", "pp_rank", "moe_ep_rank"})
"""Ranks that repeat one value. Data-parallel ranks (``engine``, ``dp_rank``) add up."""

Slots = tuple[tuple[int, ...], ...]
"""Positions to be added up; within each inner tuple the largest counts (rows of repeating ranks)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the numbers of a picked vector mean: counters first, then buckets.

    Vectors of one shape may be added number by number. Equal shapes are normally the same object.
    """

    counters: tuple[tuple[Signal, Slots], ...]
    histograms: tuple[tuple[Signal, tuple[float, ...], tuple[Slots, ...]], ...]
    """Signal, bucket edges (ascending, last is +Inf), and the slots of each edge."""
    split: int
    """Numbers before this position belong to counters only."""
    linear: bool
    """No repeating ranks: sums may be taken before folding."""


@dataclass(frozen=True, slots=True, eq=False)
class ReplicaPlan:
    """One replica on a page (a Ray node's page holds several)."""

    name: str
    """Empty where the page is the replica."""
    gauges: tuple[tuple[Signal, Fold, Slots], ...]
    """Positions on the page."""
    pick: Callable[[tuple[float, ...]], tuple[float, ...]]
    """Page values → the vector described by ``shape``."""
    keys: tuple[MetricKey, ...]
    """The series behind the vector, to carry on when the page's layout changes."""
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class PagePlan:
    """How to read one layout."""

    identity: Identity
    start: int | None
    """Position of the process start time; ``None`` where the page does not carry it."""
    replicas: tuple[ReplicaPlan, ...]
    capacity: tuple[CapacityRow, ...] = ()
    """Where it says how many tokens the KV cache holds."""


def plan_page(layout: Layout, model: str | None = None) -> PagePlan:
    """Work out where everything is.

    ``model``: on a page that serves several models, only the rows of this one count.
    """
    identity = identify_layout(layout)
    start = next((i for i, key in enumerate(layout.keys) if key.name == PROCESS_START), None)
    source = identity.source
    if source is None:
        return PagePlan(identity, start, ())
    only = model if model in identity.models and len(identity.models) > 1 else None
    parts: dict[str, dict[str, list[int]]] = {}
    for i, key in enumerate(layout.keys):
        if only is not None and key.label("model_name") not in (None, only):
            continue
        name = _replica_name(key) if identity.kind is PageKind.RAY_SERVE else ""
        parts.setdefault(name, {}).setdefault(key.name, []).append(i)
    if len(parts) > 1:
        parts.pop("", None)
    plans = (_plan_replica(name, rows, layout.keys, source) for name, rows in sorted(parts.items()))
    found = tuple(plan for plan in plans if plan is not None)
    return PagePlan(identity, start, found, capacity_rows(layout) if len(found) == 1 else ())


def _replica_name(key: MetricKey) -> str:
    return key.label("ReplicaId") or key.label("WorkerId") or ""


def _plan_replica(
    name: str, rows: Mapping[str, list[int]], keys: tuple[MetricKey, ...], source: Source
) -> ReplicaPlan | None:
    gauges = []
    for signal in GAUGES:
        slots = _signal_slots(signal, source, rows, keys)
        if slots:
            gauges.append((signal, metrics(source, signal)[0].fold, slots))
    order: dict[int, int] = {}
    """Position on the page → position in the vector."""
    counters = []
    for signal in COUNTERS:
        found = _signal_slots(signal, source, rows, keys)
        if found is not None:
            counters.append((signal, _renumber(found, order)))
    split = len(order)
    histograms: list[tuple[Signal, tuple[float, ...], tuple[Slots, ...]]] = []
    for signal in HISTOGRAMS:
        buckets = _signal_buckets(signal, source, rows, keys)
        if buckets:
            edges = tuple(sorted(buckets))
            histograms.append((signal, edges, tuple(_renumber(buckets[edge], order) for edge in edges)))
    if not (gauges or counters or histograms):
        return None
    shape = Shape(
        counters=tuple(counters),
        histograms=tuple(histograms),
        split=split,
        linear=all(len(slot) == 1 for _, slots in counters for slot in slots)
        and all(len(slot) == 1 for _, _, per_edge in histograms for slots in per_edge for slot in slots),
    )
    return ReplicaPlan(
        name=name,
        gauges=tuple(gauges),
        pick=_picker(tuple(order)),
        keys=tuple(keys[i] for i in order),
        shape=_same(shape),
    )


@lru_cache(maxsize=256)
def _same(shape: Shape) -> Shape:
    """The first of all equal shapes, so that comparing them is comparing objects."""
    return shape


def _picker(positions: tuple[int, ...]) -> Callable[[tuple[float, ...]], tuple[float, ...]]:
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda values: tuple(values[i] for i in positions)


def _renumber(slots: Slots, order: dict[int, int]) -> Slots:
    return tuple(tuple(order.setdefault(i, len(order)) for i in slot) for slot in slots)


def _rows_of(metric: Metric, rows: Mapping[str, list[int]]) -> list[int] | None:
    """Rows of a metric under the first spelling the page has; ``None`` when it has none."""
    for name in wire_names(metric):
        found = rows.get(name)
        if found is not None:
            return found
    return None


def _signal_slots(
    signal: Signal, source: Source, rows: Mapping[str, list[int]], keys: tuple[MetricKey, ...]
) -> Slots | None:
    """Slots of a signal; empty when its metric is there but no row counts yet; ``None`` when the page lacks it."""
    chosen: Slots | None = None
    for metric in metrics(source, signal):
        if chosen is not None and not metric.adds:
            continue
        found = _rows_of(metric, rows)
        if found is None:
            continue
        chosen = (chosen or ()) + _slots(metric, found, keys)
    return chosen


def _signal_buckets(
    signal: Signal, source: Source, rows: Mapping[str, list[int]], keys: tuple[MetricKey, ...]
) -> dict[float, Slots]:
    """Bucket edge → slots, over the edges that all engines of the page have; empty when there is no +Inf."""
    for metric in metrics(source, signal):
        found = _rows_of(metric, rows)
        if found is None:
            continue
        by_edge: dict[float, list[int]] = {}
        for i in found:
            edge = _edge(keys[i].label("le"))
            if edge is None:
                return {}
            by_edge.setdefault(edge, []).append(i)
        slots = {edge: _slots(metric, indices, keys) for edge, indices in by_edge.items()}
        full = len(slots[math.inf]) if math.inf in slots else 0
        return {edge: s for edge, s in slots.items() if len(s) == full} if full and len(slots) > 1 else {}
    return {}


def _edge(text: str | None) -> float | None:
    try:
        edge = float(text or "")
    except ValueError:
        return None
    return None if math.isnan(edge) else edge


def _slots(metric: Metric, indices: Iterable[int], keys: tuple[MetricKey, ...]) -> Slots:
    """Group rows: repeating ranks together, everything else apart; per-priority copies of a total left out."""
    wanted = [i for i in indices if metric.only is None or metric.takes(keys[i].label(metric.only[0]))]
    wanted = [i for i in wanted if not keys[i].label("priority")] or wanted
    if metric.fold is Fold.MAX:
        return (tuple(wanted),) if wanted else ()
    groups: dict[Labels, list[int]] = {}
    for i in wanted:
        apart = tuple(pair for pair in keys[i].labels if pair[0] not in RANKS)
        groups.setdefault(apart, []).append(i)
    return tuple(tuple(group) for group in groups.values())
