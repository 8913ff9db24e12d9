"""Rows of an answer folded into one number: sums, histograms over the edges all share, devices each once."""

import math
from collections.abc import Sequence
from datetime import timedelta

from controlplane.collect.prometheus_api import Sample
from controlplane.collect.prometheus_questions import Evidence, Question
from controlplane.collect.prometheus_trust import Rows, Trust
from controlplane.model.reading import Reading
from controlplane.observe.quantiles import Buckets
from controlplane.observe.windows import LONG, WHOLE
from controlplane.promql.metric import Signal

DEVICES = {
    Signal.GPU_ACTIVITY: Reading.GPU_ACTIVITY,
    Signal.GPU_DRAM_ACTIVITY: Reading.GPU_DRAM_ACTIVITY,
    Signal.GPU_MEMORY_USED: Reading.GPU_MEMORY_USED,
}
EXPORTER_STALE = timedelta(seconds=60)
"""Age of a GPU sample that is not used any more: exporters read their devices every 30 s."""


def summed(rows: Sequence[Sample] | None) -> float | None:
    """Sum of an answer; ``None`` when there is nothing to add up."""
    return math.fsum(row.value for row in rows) if rows else None


def buckets(rows: Rows, signal: Signal) -> Buckets | None:
    """What fell into each bucket, on the edges that all replicas have: versions differ in their edges."""
    fallen, edges = rows.get(Question(signal, LONG)), rows.get(Question(signal, LONG, edges=True))
    if not fallen or not edges:
        return None
    having = _by_edge(edges)
    counts = _by_edge(fallen)
    most = max(having.values(), default=0.0)
    kept = tuple(sorted(edge for edge in counts if having.get(edge) == most))
    seconds = LONG.total_seconds()
    return (kept, tuple(counts[edge] * seconds for edge in kept)) if kept and kept[-1] == math.inf else None


def _by_edge(rows: Sequence[Sample]) -> dict[float, float]:
    out: dict[float, float] = {}
    for row in rows:
        try:
            edge = float(row.labels.get("le", ""))
        except ValueError:
            return {}
        out[edge] = out.get(edge, 0.0) + row.value
    return out


def devices(rows: Rows, trust: Trust) -> dict[Reading, float]:
    """GPU readings over the devices of all replicas, each device once; unknown when some replica has none."""
    values: dict[Reading, float] = {}
    pods = {(s.labels.get("namespace", ""), s.labels.get("pod", "")) for s in trust.answered}
    ages = {_pod(row): row.value for row in rows.get(Question(Evidence.GPU_AGE), ())}
    for signal, reading in DEVICES.items():
        once: dict[tuple[str, str], float] = {}
        holders = set()
        for row in rows.get(Question(signal), ()):
            if _pod(row) not in pods or ages.get(_pod(row), math.inf) > EXPORTER_STALE.total_seconds():
                continue
            holders.add(_pod(row))
            once[row.labels.get("UUID", ""), row.labels.get("GPU_I_ID", "")] = row.value
        if not once or len(holders) < WHOLE * trust.expected:
            continue
        total = math.fsum(once.values())
        values[reading] = total if signal is Signal.GPU_MEMORY_USED else min(1.0, total / len(once))
    return values


def _pod(row: Sample) -> tuple[str, str]:
    return row.labels.get("namespace", ""), row.labels.get("pod", "")
