"""One role's part of Prometheus' answers becomes its readings, by the rules of the embedded path.

A sum is unknown unless nine tenths of the expected replicas are in it, a mean or percentile unless half are;
what is left out is said in words. No number is made up from an answer that did not come.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.collect.prometheus_folds import DEVICES, buckets, devices, summed
from controlplane.collect.prometheus_owners import Chosen
from controlplane.collect.prometheus_questions import Question
from controlplane.collect.prometheus_trust import Rows, Seen, Trust
from controlplane.model.keys import ReplicaKey
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, ReplicaView
from controlplane.model.sighting import RoleSample
from controlplane.observe.quantiles import quantile
from controlplane.observe.windows import LONG, MOST, SHORT, WHOLE
from controlplane.promql.catalogue import engine_reading
from controlplane.promql.metric import QUANTILES, RATES, Signal
from controlplane.promql.queries import query

GAUGES = {Signal.RUNNING: Reading.RUNNING, Signal.WAITING: Reading.WAITING, Signal.KV_USAGE: Reading.KV_USAGE}
FROM_ENGINES = tuple(reading for reading in Reading if engine_reading(reading))


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
        values |= devices(rows, trust)
        tokens = _tokens(rows, trust)
        missing = {reading: _lacking(trust) for reading in FROM_ENGINES} | missing
    return RoleSample(
        role=role.name,
        at=now,
        values=MappingProxyType(values),
        sources=asked,
        replicas=tuple(_view(role, seen, per_replica, now) for seen in (*trust.answered, *trust.missed)),
        tokens_per_second=tokens,
        missing=MappingProxyType({r: why for r, why in missing.items() if r not in values}),
    )


def _lacking(trust: Trust) -> str:
    """Why a reading is not there although nothing is wrong with its window."""
    if not trust.missed:
        return "Prometheus gave no series for it: these engines do not show it, or the answer was refused"
    lost = trust.missed[0].name
    half = f"only {len(trust.answered)} of {trust.expected} replicas answer Prometheus ({lost} does not)"
    return f"{half}: a sum over them would be half data"


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
    found = {reading: summed(rows.get(Question(signal, SHORT))) for reading, signal in RATES.items()}
    return {reading: value for reading, value in found.items() if value is not None}


def _five(rows: Rows, trust: Trust, missing: dict[Reading, str]) -> dict[Reading, float]:
    values: dict[Reading, float] = {}
    queried = summed(rows.get(Question(Signal.PREFIX_QUERIED, LONG)))
    if trust.long:
        missing[Reading.PREFIX_QUERIED] = missing[Reading.DOLLARS_PER_MTOK] = trust.long
    elif queried is not None:
        values[Reading.PREFIX_QUERIED] = queried
    if trust.ratio:
        missing |= dict.fromkeys((Reading.PREFIX_HIT_RATIO, *QUANTILES), trust.ratio)
        return values
    hits, lookups = (summed(rows.get(Question(s, LONG))) for s in (Signal.PREFIX_HITS, Signal.PREFIX_LOOKUPS))
    if hits is not None and lookups is not None and lookups > 0:
        values[Reading.PREFIX_HIT_RATIO] = min(1.0, hits / lookups)
    else:
        missing[Reading.PREFIX_HIT_RATIO] = "nothing was looked up in the prefix cache in the last 5 minutes"
    fallen = {signal: buckets(rows, signal) for signal in dict.fromkeys(s for s, _ in QUANTILES.values())}
    for reading, (signal, q) in QUANTILES.items():
        found = fallen[signal]
        value = None if found is None else quantile(q, found)
        if value is not None:
            values[reading] = value
        else:
            missing[reading] = "fewer than 5 observations in the last 5 minutes, or the engines do not show it"
    return values


def _tokens(rows: Rows, trust: Trust) -> float | None:
    parts = [summed(rows.get(Question(s, LONG))) for s in (Signal.PROMPT_TOKENS, Signal.OUTPUT_TOKENS)]
    return None if trust.long or None in parts else math.fsum(p for p in parts if p is not None)


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
