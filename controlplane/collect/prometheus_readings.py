"""One role's part of Prometheus' answers becomes its readings, by the rules of the embedded path.

A sum is unknown unless nine tenths of the expected replicas are in it, a mean or percentile unless half are;
what is left out is said in words. No number is made up from an answer that did not come.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.collect.prometheus_api import Sample
from controlplane.collect.prometheus_owners import Chosen
from controlplane.collect.prometheus_questions import Evidence, Question
from controlplane.collect.prometheus_trust import Rows, Seen, Trust
from controlplane.model.keys import ReplicaKey
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, ReplicaView
from controlplane.model.sighting import RoleSample
from controlplane.observe.quantiles import Buckets, quantile
from controlplane.observe.windows import LONG, MOST, SHORT, WHOLE
from controlplane.promql.metric import QUANTILES, RATES, Signal
from controlplane.promql.queries import query

GAUGES = {Signal.RUNNING: Reading.RUNNING, Signal.WAITING: Reading.WAITING, Signal.KV_USAGE: Reading.KV_USAGE}
DEVICES = {
    Signal.GPU_ACTIVITY: Reading.GPU_ACTIVITY,
    Signal.GPU_DRAM_ACTIVITY: Reading.GPU_DRAM_ACTIVITY,
    Signal.GPU_MEMORY_USED: Reading.GPU_MEMORY_USED,
}
EXPORTER_STALE = timedelta(seconds=60)
"""Age of a GPU sample that is not used any more: exporters read their devices every 30 s."""


def sample(
    role: Chosen,
    rows: Rows,
    trust: Trust,
    *,
    replica: Sequence[str],
    asked: Mapping[Reading, str],
    now: datetime,
) -> RoleSample:
    """All readings of one role that can be believed at ``now``, and why the others cannot.

    Args:
        role: the role.
        rows: its part of the answers.
        trust: what may be believed.
        replica: labels that tell replicas apart.
        asked: the query behind each number.
        now: the tick.
    """
    values: dict[Reading, float] = {}
    missing: dict[Reading, str] = {}
    per_replica = _gauges(rows, trust, replica)
    tokens = None
    if trust.expected:
        values[Reading.COVERAGE] = len(trust.answered) / trust.expected
    if trust.nothing:
        missing |= dict.fromkeys((r for r in Reading if r not in (Reading.COVERAGE, *DEVICES.values())), trust.nothing)
    else:
        if not trust.missed:
            values[Reading.REPLICAS_READY] = float(len(trust.answered))
        values |= _now(per_replica, trust)
        values |= _minute(rows, trust, missing)
        values |= _five(rows, trust, missing)
        values |= _devices(rows, trust)
        tokens = _tokens(rows, trust)
    return RoleSample(
        role=role.name,
        at=now,
        values=MappingProxyType(values),
        sources=asked,
        replicas=tuple(_view(role, seen, per_replica, now) for seen in (*trust.answered, *trust.missed)),
        tokens_per_second=tokens,
        missing=MappingProxyType({r: why for r, why in missing.items() if r not in values}),
    )


def _gauges(rows: Rows, trust: Trust, replica: Sequence[str]) -> dict[Signal, dict[tuple[str, ...], float]]:
    """Each gauge by replica, of the replicas that answered."""
    known = {seen.key for seen in trust.answered}
    out: dict[Signal, dict[tuple[str, ...], float]] = {}
    for signal in GAUGES:
        found = out.setdefault(signal, {})
        for row in rows.get(Question(signal), ()):
            key = tuple(row.labels.get(name, "") for name in replica)
            if key in known and row.value >= 0 and (signal is not Signal.KV_USAGE or row.value <= 1.0001):
                found[key] = min(1.0, row.value) if signal is Signal.KV_USAGE else row.value
    return out


def _now(gauges: Mapping[Signal, Mapping[tuple[str, ...], float]], trust: Trust) -> dict[Reading, float]:
    running, waiting, usage = (list(gauges[signal].values()) for signal in GAUGES)
    values: dict[Reading, float] = {}
    if running and len(running) >= WHOLE * trust.expected:
        values[Reading.RUNNING] = math.fsum(running)
    if waiting and len(waiting) >= WHOLE * trust.expected:
        values[Reading.WAITING] = math.fsum(waiting)
    if waiting and len(waiting) >= MOST * trust.expected:
        values[Reading.WAITING_PER_REPLICA] = math.fsum(waiting) / len(waiting)
    if usage and len(usage) >= MOST * trust.expected:
        values[Reading.KV_USAGE] = math.fsum(usage) / len(usage)
        values[Reading.KV_USAGE_MAX] = max(usage)
    return values


def _minute(rows: Rows, trust: Trust, missing: dict[Reading, str]) -> dict[Reading, float]:
    if trust.short:
        missing |= dict.fromkeys(RATES, trust.short)
        return {}
    found = {reading: _sum(rows.get(Question(signal, SHORT))) for reading, signal in RATES.items()}
    return {reading: value for reading, value in found.items() if value is not None}


def _five(rows: Rows, trust: Trust, missing: dict[Reading, str]) -> dict[Reading, float]:
    values: dict[Reading, float] = {}
    queried = _sum(rows.get(Question(Signal.PREFIX_QUERIED, LONG)))
    if trust.long:
        missing[Reading.PREFIX_QUERIED] = missing[Reading.DOLLARS_PER_MTOK] = trust.long
    elif queried is not None:
        values[Reading.PREFIX_QUERIED] = queried
    if trust.ratio:
        missing |= dict.fromkeys((Reading.PREFIX_HIT_RATIO, *QUANTILES), trust.ratio)
        return values
    hits, lookups = (_sum(rows.get(Question(s, LONG))) for s in (Signal.PREFIX_HITS, Signal.PREFIX_LOOKUPS))
    if hits is not None and lookups is not None and lookups > 0:
        values[Reading.PREFIX_HIT_RATIO] = min(1.0, hits / lookups)
    else:
        missing[Reading.PREFIX_HIT_RATIO] = "nothing was looked up in the prefix cache in the last 5 minutes"
    buckets = {signal: _buckets(rows, signal) for signal in dict.fromkeys(s for s, _ in QUANTILES.values())}
    for reading, (signal, q) in QUANTILES.items():
        found = buckets[signal]
        value = None if found is None else quantile(q, found)
        if value is not None:
            values[reading] = value
        else:
            missing[reading] = "fewer than 5 observations in the last 5 minutes, or the engines do not show it"
    return values


def _tokens(rows: Rows, trust: Trust) -> float | None:
    parts = [_sum(rows.get(Question(s, LONG))) for s in (Signal.PROMPT_TOKENS, Signal.OUTPUT_TOKENS)]
    return None if trust.long or None in parts else math.fsum(p for p in parts if p is not None)


def _sum(rows: Sequence[Sample] | None) -> float | None:
    return math.fsum(row.value for row in rows) if rows else None


def _buckets(rows: Rows, signal: Signal) -> Buckets | None:
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


def _devices(rows: Rows, trust: Trust) -> dict[Reading, float]:
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


def sources(role: Chosen, interval: timedelta) -> Mapping[Reading, str]:
    """The query behind each number of a role, alone."""
    texts = {r: query(r, role.matchers, role.spec.engine, role=role.spec, step=interval) for r in Reading}
    return MappingProxyType({reading: text for reading, text in texts.items() if text})


def _view(
    role: Chosen, seen: Seen, gauges: Mapping[Signal, Mapping[tuple[str, ...], float]], now: datetime
) -> ReplicaView:
    values = {reading: gauges[s][seen.key] for s, reading in GAUGES.items() if seen.key in gauges[s]}
    return ReplicaView(
        key=ReplicaKey(role.name, seen.name),
        state=ReplicaState.LOST if seen.age is None else ReplicaState.READY,
        at=None if seen.age is None else now - timedelta(seconds=seen.age),
        engine=role.spec.engine,
        fault="does not answer Prometheus" if seen.age is None else None,
        values=MappingProxyType(values),
    )
