"""Everything seen at a tick becomes one frozen fleet, with the recent past of each reading.

``History`` is a value: the same history and sighting always give the same fleet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from controlplane.model.fleet import Fleet
from controlplane.model.gpu import GpuKind
from controlplane.model.keys import ReplicaKey, RoleName
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, ReplicaView, RoleSpec, RoleView
from controlplane.model.sighting import RoleSample, Sighting
from controlplane.model.workload import standing
from controlplane.observe.bill import bill, gpu_nodes
from controlplane.observe.columns import RolePast, extend, record, sources
from controlplane.observe.counters import flow, tokens_out
from controlplane.observe.missing import Facts, why
from controlplane.observe.past import History
from controlplane.observe.replicas import ReplicaSeen
from controlplane.observe.roles import (
    count,
    current,
    dollars,
    from_sample,
    gpu_readings,
    over_windows,
    replica_counts,
    tokens_per_second,
)
from controlplane.observe.windows import Tick
from controlplane.observe.world import World, node_of
from controlplane.promql.metric import Signal

__all__ = ["History", "assemble"]

NO_KINDS: Mapping[str, GpuKind] = MappingProxyType({})


def assemble(
    history: History,
    sighting: Sighting,
    roles: Sequence[RoleSpec],
    now: datetime,
    *,
    name: str,
    budget: float | None = None,
    gpus: Mapping[str, GpuKind] = NO_KINDS,
) -> tuple[Fleet, History]:
    """Understand what was seen at ``now``. Never raises for what came from outside.

    ``gpus``: the GPUs we know by product name, with their prices: for machines that hold none of our replicas.
    A clock that went back makes the past unusable: it is dropped rather than mixed up.
    """
    if history.ticks and now <= history.ticks[-1]:
        history = History.empty(history.step, history.span, stale_after=history.stale_after)
    ticks = (*(t for t in history.ticks if t >= now - history.span), now)
    world = World.read(history, sighting, roles, now)
    world.worth = {node.name: node.fair(gpus.get(node.product)) for node in world.nodes}
    views: dict[RoleName, RoleView] = {}
    pasts: dict[RoleName, RolePast] = {}
    for spec in roles:
        views[spec.name], pasts[spec.name] = _role(history, world, spec, ticks, now)
    nodes = gpu_nodes(tuple(views.values()), world.nodes, gpus)
    fleet = Fleet(
        name=name,
        at=now,
        roles=MappingProxyType(views),
        sources=(*world.health, *sighting.sources),
        budget_dollars_per_hour=budget,
        nodes=nodes,
        machines=sighting.machines,
        bill=bill(tuple(views.values()), nodes),
    )
    return fleet, replace(history, ticks=ticks, engines=world.engines, pages=world.pages, roles=pasts)


def _role(
    history: History, world: World, spec: RoleSpec, ticks: tuple[datetime, ...], now: datetime
) -> tuple[RoleView, RolePast]:
    seen = world.replicas.get(spec.name, [])
    workload, sample = world.workloads.get(spec.name), world.samples.get(spec.name)
    counted = count(seen, workload)
    past = history.roles.get(spec.name) or RolePast()
    through = flow([(r.trace, r.new) for r in seen if r.trace is not None])
    past = record(past, Tick(now, through, counted.expected), now)
    held = [world.held_by(r) for r in seen if r.gauges] if world.devices else []

    values = current(seen, counted)
    values |= from_sample(sample, scraped=bool(seen))  # whoever asked Prometheus also knows who answered it
    values |= over_windows(past.flows, now, history.step)
    values |= gpu_readings(held, counted)
    values |= replica_counts(seen, counted, workload)
    tokens = tokens_per_second(past.flows, now, history.step) if seen else _sampled_tokens(sample, values)
    values |= dollars(spec, seen, workload, values, tokens, fair=world.fair(spec, seen))

    facts = Facts(
        spec=spec,
        seen=seen,
        answered=counted.answered,
        expected=counted.expected,
        values=values,
        has=_has(seen),
        gpus=any(held),
        cluster=workload is not None,
    )
    past = extend(past, values, len(history.ticks), len(ticks), spec)
    view = RoleView(
        spec=spec,
        at=now,
        step=history.step,
        ticks=ticks,
        columns=past.columns,
        replicas=_replicas(spec, seen, sample, world),
        bounds=workload.bounds if workload else None,
        pods=workload.pods if workload else None,
        sessions=world.sessions.get(spec.name),
        standing=standing(workload.scaler, workload.pods, workload.rolling_out) if workload else None,
        sources=sources(past, sample),
        missing={**{r: why(r, facts) for r in Reading if r not in values}, **_sampled_missing(seen, sample, values)},
    )
    return view, past


def _replicas(
    spec: RoleSpec, seen: Sequence[ReplicaSeen], sample: RoleSample | None, world: World
) -> tuple[ReplicaView, ...]:
    if not seen:
        return sample.replicas if sample else ()
    views: list[ReplicaView] = []
    taken: set[str] = set()
    whole = spec.gpus.equivalents
    for replica in seen:
        target = replica.scrape.target
        name = replica.name
        if name in taken:
            name = f"{name} ({target.url.split('://', 1)[-1].split('/', 1)[0]})"
        taken.add(name)
        values = {_GAUGE_READINGS[signal]: value for signal, value in replica.gauges.items()}
        if mine := world.held_by(replica):
            values |= gpu_readings([mine], count([replica], None))
        views.append(
            ReplicaView(
                key=ReplicaKey(spec.name, name),
                state=replica.state,
                at=replica.scrape.at if replica.state is ReplicaState.READY else None,
                started=replica.started,
                node=node_of(replica),
                url=target.url,
                engine=spec.engine,
                version=replica.version,
                fault=replica.fault,
                gpus=None if whole is None or not spec.gpus.mig else whole * world.fair(spec, [replica]),
                tokens_out=tokens_out(replica.trace),
                kv_tokens=replica.kv_tokens,
                values=values,
            )
        )
    return tuple(views)


_GAUGE_READINGS = {
    Signal.RUNNING: Reading.RUNNING,
    Signal.WAITING: Reading.WAITING,
    Signal.KV_USAGE: Reading.KV_USAGE,
}


def _has(seen: Sequence[ReplicaSeen]) -> frozenset[Signal]:
    has: set[Signal] = set()
    shapes = {id(r.trace.plan.shape): r.trace.plan.shape for r in seen if r.trace is not None}
    for shape in shapes.values():
        has.update(signal for signal, _ in shape.counters)
        has.update(signal for signal, _, _ in shape.histograms)
    for replica in seen:
        has.update(replica.gauges)
    return frozenset(has)


def _sampled_tokens(sample: RoleSample | None, values: Mapping[Reading, float]) -> float | None:
    """Tokens delivered by Prometheus' word: of five minutes where it was asked that, else of one."""
    if sample is None or sample.tokens_per_second is not None or Reading.DOLLARS_PER_MTOK in sample.missing:
        return None if sample is None else sample.tokens_per_second
    prompt, output = values.get(Reading.PROMPT_TOKENS), values.get(Reading.OUTPUT_TOKENS)
    return None if prompt is None or output is None else prompt + output


def _sampled_missing(
    seen: Sequence[ReplicaSeen], sample: RoleSample | None, values: Mapping[Reading, float]
) -> Mapping[Reading, str]:
    """Why Prometheus could not tell, where it is the one who should."""
    if sample is None or seen:
        return {}
    return {reading: reason for reading, reason in sample.missing.items() if reading not in values}
