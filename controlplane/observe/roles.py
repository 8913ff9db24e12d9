"""From replicas to one role: sums over all, means over those that answered, nothing from half of them.

Two rules keep a gap from looking like an idle role. A sum is unknown unless 90 % of the expected replicas are in
it; a mean, a maximum or a percentile unless half are. COVERAGE says how many were.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, RoleSpec
from controlplane.model.sighting import RoleSample, WorkloadSighting
from controlplane.observe.dcgm import SIGNALS as GPU_SIGNALS
from controlplane.observe.dcgm import Device, combine
from controlplane.observe.quantiles import quantile
from controlplane.observe.replicas import ReplicaSeen
from controlplane.observe.windows import (
    LONG,
    LONG_KNOWN,
    MOST,
    SHORT,
    SHORT_KNOWN,
    WHOLE,
    Tick,
    observations,
    rate,
    recent,
)
from controlplane.promql.metric import QUANTILES, RATES, Signal

GPU_READINGS = {
    Signal.GPU_ACTIVITY: Reading.GPU_ACTIVITY,
    Signal.GPU_DRAM_ACTIVITY: Reading.GPU_DRAM_ACTIVITY,
    Signal.GPU_MEMORY_USED: Reading.GPU_MEMORY_USED,
}
NOT_FROM_ENGINES = frozenset(
    {*GPU_READINGS.values(), Reading.REPLICAS_READY, Reading.REPLICAS_PENDING, Reading.REPLICAS_DESIRED}
)
"""Readings that Prometheus may add even where we scrape the engines ourselves."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many replicas there are, by who should have answered and who did."""

    answered: int
    expected: int
    lost: int
    starting: int


def count(seen: Sequence[ReplicaSeen], workload: WorkloadSighting | None) -> Count:
    """Count replicas. Those still starting are not expected to answer; those the cluster calls ready are."""
    answered = sum(1 for r in seen if r.gauges)
    starting = sum(1 for r in seen if r.state is ReplicaState.STARTING)
    lost = sum(1 for r in seen if r.state is ReplicaState.LOST)
    ready = workload.ready if workload is not None and workload.ready is not None else 0
    return Count(answered, max(len(seen) - starting, ready), lost, starting)


def current(seen: Sequence[ReplicaSeen], counted: Count) -> dict[Reading, float]:
    """Readings of this moment from the engines' gauges."""
    values: dict[Reading, float] = {}
    if counted.expected:
        values[Reading.COVERAGE] = min(1.0, counted.answered / counted.expected)
    running = [r.gauges[Signal.RUNNING] for r in seen if Signal.RUNNING in r.gauges]
    waiting = [r.gauges[Signal.WAITING] for r in seen if Signal.WAITING in r.gauges]
    usage = [r.gauges[Signal.KV_USAGE] for r in seen if Signal.KV_USAGE in r.gauges]
    if _enough(running, counted, WHOLE):
        values[Reading.RUNNING] = math.fsum(running)
    if _enough(waiting, counted, WHOLE):
        values[Reading.WAITING] = math.fsum(waiting)
    if _enough(waiting, counted, MOST):
        values[Reading.WAITING_PER_REPLICA] = math.fsum(waiting) / len(waiting)
    if _enough(usage, counted, MOST):
        values[Reading.KV_USAGE] = math.fsum(usage) / len(usage)
        values[Reading.KV_USAGE_MAX] = max(usage)
    return values


def over_windows(ticks: Sequence[Tick], now: datetime, step: timedelta) -> dict[Reading, float]:
    """Rates of the last minute, latencies and hit ratio of the last five."""
    values: dict[Reading, float] = {}
    minute, five = recent(ticks, now, SHORT, step), recent(ticks, now, LONG, step)
    for reading, signal in RATES.items():
        known = rate(minute, signal, SHORT, share=WHOLE, known=SHORT_KNOWN)
        if known is not None:
            values[reading] = known
    queried = rate(five, Signal.PREFIX_QUERIED, LONG, share=WHOLE, known=LONG_KNOWN)
    if queried is not None:
        values[Reading.PREFIX_QUERIED] = queried
    looked_up = rate(five, Signal.PREFIX_LOOKUPS, LONG, share=MOST, known=LONG_KNOWN)
    hits = rate(five, Signal.PREFIX_HITS, LONG, share=MOST, known=LONG_KNOWN)
    if looked_up is not None and hits is not None and looked_up > 0:
        values[Reading.PREFIX_HIT_RATIO] = min(1.0, hits / looked_up)
    for signal in dict.fromkeys(signal for signal, _ in QUANTILES.values()):
        buckets = observations(five, signal, LONG, share=MOST, known=LONG_KNOWN)
        if buckets is None:
            continue
        for reading, (of, q) in QUANTILES.items():
            value = quantile(q, buckets) if of is signal else None
            if value is not None:
                values[reading] = value
    return values


def tokens_per_second(ticks: Sequence[Tick], now: datetime, step: timedelta) -> float | None:
    """Prompt and output tokens delivered, mean of five minutes; ``None`` when either is unknown."""
    five = recent(ticks, now, LONG, step)
    rates = [
        rate(five, signal, LONG, share=WHOLE, known=LONG_KNOWN)
        for signal in (Signal.PROMPT_TOKENS, Signal.OUTPUT_TOKENS)
    ]
    return None if None in rates else math.fsum(r for r in rates if r is not None)


def gpu_readings(held: Sequence[list[Device] | None], counted: Count) -> dict[Reading, float]:
    """GPU readings over the devices of all replicas that answered; ``held`` has one entry per such replica."""
    devices = [device for owned in held if owned for device in owned]
    seen = sum(1 for owned in held if owned)
    if not seen or seen < WHOLE * counted.expected:
        return {}
    values = {}
    for signal in GPU_SIGNALS:
        value = combine(devices, signal)
        if value is not None:
            values[GPU_READINGS[signal]] = value
    return values


def replica_counts(
    seen: Sequence[ReplicaSeen], counted: Count, workload: WorkloadSighting | None
) -> dict[Reading, float]:
    """How many serve, start and are wished for; the cluster's word first, else what the targets show."""
    values: dict[Reading, float] = {}
    ready = workload.ready if workload else None
    if ready is None and seen and not counted.lost:
        ready = (len(seen) - counted.starting) or None
    pending = workload.pending if workload else None
    if pending is None and counted.starting:
        pending = counted.starting
    desired = workload.desired if workload else None
    for reading, number in (
        (Reading.REPLICAS_READY, ready),
        (Reading.REPLICAS_PENDING, pending),
        (Reading.REPLICAS_DESIRED, desired),
    ):
        if number is not None:
            values[reading] = float(number)
    return values


def dollars(
    spec: RoleSpec,
    seen: Sequence[ReplicaSeen],
    workload: WorkloadSighting | None,
    values: Mapping[Reading, float],
    tokens: float | None,
    *,
    fair: float = 1.0,
) -> dict[Reading, float]:
    """Spend of the GPUs held, and per million tokens delivered where any were.

    ``fair``: what a slice's share is worth on the machines the role runs on.
    """
    price = spec.dollars_per_replica
    held: float | None = None
    if workload is not None and workload.ready is not None and workload.pending is not None:
        held = workload.ready + workload.pending
    elif workload is not None and workload.ready is None and workload.desired is not None and not seen:
        held = workload.desired
    elif seen:
        held = max(len(seen), (workload.ready or 0) if workload is not None else 0)
    elif Reading.REPLICAS_READY in values:
        held = values[Reading.REPLICAS_READY] + values.get(Reading.REPLICAS_PENDING, 0.0)
    if price is None or held is None:
        return {}
    price *= fair
    out = {Reading.DOLLARS_PER_HOUR: held * price}
    if tokens is not None and tokens > 0:
        out[Reading.DOLLARS_PER_MTOK] = held * price / (tokens * 3600 / 1e6)
    return out


def from_sample(sample: RoleSample | None, *, scraped: bool) -> dict[Reading, float]:
    """Readings Prometheus computed; where we scrape the role ourselves only those engines do not give."""
    if sample is None:
        return {}
    return {
        reading: value
        for reading, value in sample.values.items()
        if math.isfinite(value) and value >= 0 and (not scraped or reading in NOT_FROM_ENGINES)
    }


def _enough(known: Sequence[float], counted: Count, share: float) -> bool:
    return bool(known) and len(known) >= share * counted.expected
