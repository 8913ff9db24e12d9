"""A stage for whole walks: a fleet of one role that reacts, a ledger in memory, hands, all on a manual clock.

Everything between the ports is the real walk. The ledger here is the simplest one that keeps the contract
of :class:`controlplane.loop.ports.Memory`; the real one has its own tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.decide.guardrails import DEFAULT_GUARDRAILS
from controlplane.decide.guardrails.learning import Learning
from controlplane.loop.policy import Policy
from controlplane.loop.ports import Hands, Kept
from controlplane.loop.walk import World, run_cycle
from controlplane.model.change import Change, ChangeRecord, ChangeState, Receipt
from controlplane.model.cycle import Cycle, Recollection, Stop
from controlplane.model.finding import FindingRecord
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import ChangeId, RecommendationId
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Kind, RecommendationRecord, State
from controlplane.model.role import Bounds, ReplicaState, ReplicaView, RoleSpec
from controlplane.model.sighting import RoleSample, Sighting, WorkloadSighting
from controlplane.observe.assemble import History
from tests.builders import NOON, STEP, a_replica

Readings = Mapping[str, float]
START = timedelta(minutes=2)
AT_HOME = tuple(Learning(span=timedelta(0)) if g.id == Learning.id else g for g in DEFAULT_GUARDRAILS)
"""The guardrails of a fleet that has been watched long enough."""


@dataclass
class Pool:
    """The role's replicas as the cluster has them. A lazy autoscaler: it keeps what it has, within the bounds."""

    spec: RoleSpec
    readings: Callable[["Pool", datetime], Readings]
    bounds: Bounds
    ready: int
    started: datetime = NOON - timedelta(days=1)
    starting_until: datetime | None = None
    dark: bool = False
    flags: tuple[str, ...] = ()

    def step(self, now: datetime) -> None:
        if self.starting_until is not None and now >= self.starting_until:
            self.ready, self.starting_until = self.bounds.min, None
        if self.ready < self.bounds.min and self.starting_until is None:
            self.starting_until = now + START
        if self.ready > self.bounds.min and self.idle(now):
            self.ready = self.bounds.min

    def idle(self, now: datetime) -> bool:
        return self.readings(self, now).get("gpu_activity", 1.0) < 0.1

    @property
    def pending(self) -> int:
        return max(0, self.bounds.min - self.ready)

    def replicas(self, now: datetime) -> tuple[ReplicaView, ...]:
        states = [ReplicaState.READY] * self.ready + [ReplicaState.STARTING] * self.pending
        return tuple(
            a_replica(self.spec.name, n, state=state, at=now, started=self.started) for n, state in enumerate(states)
        )


@dataclass
class PoolEyes:
    """Sees the pool, unless it is dark."""

    pool: Pool

    def look(self, now: datetime) -> Sighting:
        pool = self.pool
        pool.step(now)
        if pool.dark:
            silent = SourceHealth(name="prometheus", kind="prometheus")
            return Sighting(at=now, sources=(silent,))
        values = {Reading(name): value for name, value in pool.readings(pool, now).items()}
        values[Reading.COVERAGE] = 1.0
        values[Reading.REPLICAS_READY] = float(pool.ready)
        name = pool.spec.name
        return Sighting(
            at=now,
            samples={name: RoleSample(role=name, at=now, values=values, replicas=pool.replicas(now))},
            workloads={
                name: WorkloadSighting(
                    role=name,
                    at=now,
                    desired=pool.ready + pool.pending,
                    ready=pool.ready,
                    pending=pool.pending,
                    bounds=pool.bounds,
                )
            },
            sources=(SourceHealth(name="prometheus", kind="prometheus", last_good=now),),
        )


@dataclass
class PoolHands(Hands):
    """Writes to the pool at once, or only pretends."""

    pool: Pool
    dry: bool = False
    now: datetime = NOON
    done: list[Change] = field(default_factory=list)

    def apply(self, change: Change) -> Receipt:
        self.done.append(change)
        state = ChangeState.DRY_RUN if self.dry else ChangeState.APPLIED
        if not self.dry:
            for changed in change.patch.fields:
                self._write(changed.path, changed.after)
        return Receipt(change=change.id, state=state, at=change.at, said="done")

    def _write(self, path: str, after: object) -> None:
        pool = self.pool
        if path.endswith("minReplicaCount") and isinstance(after, int):
            pool.bounds = replace(pool.bounds, min=after)
        elif path.endswith("maxReplicaCount") and isinstance(after, int):
            pool.bounds = replace(pool.bounds, max=after)
        elif isinstance(after, str):
            pool.flags = (*pool.flags, after)
            pool.started = self.now + START

    def look_up(self, change: Change) -> Receipt | None:
        return None


@dataclass
class Notebook:
    """The ledger in memory."""

    past: Recollection = field(default_factory=Recollection)
    kept: list[Kept] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def recall(self, now: datetime) -> Recollection:
        return self.past

    def intend(self, change: Change) -> bool:
        if self.past.stop is not None:
            return False
        self.past = replace(self.past, changes=(*self.past.changes, ChangeRecord(change=change)))
        return True

    def keep(self, cycle: Cycle, past: Recollection, policy: str) -> None:
        self.cycles.append(cycle)
        for decision in cycle.decisions:
            self.kept.append(
                Kept(decision=decision, fleet=cycle.fleet, past=past, policy=policy, decisions=cycle.decisions)
            )
        self._findings(cycle)
        self._recommendations(cycle)
        receipts = {receipt.change: receipt for receipt in cycle.receipts}
        outcomes = {outcome.change: outcome for outcome in cycle.outcomes}
        changes = tuple(
            replace(r, receipt=receipts.get(r.change.id, r.receipt), outcome=outcomes.get(r.change.id, r.outcome))
            for r in self.past.changes
        )
        self.past = replace(self.past, beliefs=cycle.beliefs, changes=changes)

    def _findings(self, cycle: Cycle) -> None:
        before = {r.finding.id: r for r in self.past.open_findings}
        records = [
            replace(before[f.id], finding=f, seen=cycle.at)
            if f.id in before
            else FindingRecord(finding=f, number=1, opened=cycle.at, seen=cycle.at)
            for f in cycle.findings
        ]
        records += [record for id_, record in before.items() if id_ in cycle.unsure]
        self.closed += [id_ for id_ in before if id_ not in {r.finding.id for r in records}]
        self.past = replace(self.past, open_findings=tuple(records))

    def _recommendations(self, cycle: Cycle) -> None:
        records: dict[RecommendationId, RecommendationRecord] = {
            id_: r for id_, r in self.past.recommendations.items() if r.state is State.DISMISSED
        }
        applied = {d.recommendation_id for d in cycle.decisions if f"chg-{d.id}" in {r.change for r in cycle.receipts}}
        for decision in cycle.decisions:
            id_ = decision.recommendation_id
            record = self.past.recommendations.get(id_) or RecommendationRecord(
                recommendation=decision.recommendation,
                number=1,
                state=State.OPEN,
                opened=cycle.at,
                seen=cycle.at,
                version=1,
            )
            if id_ in applied:
                record = replace(record, state=State.APPLIED, version=record.version + 1)
            elif record.state is State.APPLIED:
                record = replace(record, state=State.OPEN, by=None, decided=None)
            records[id_] = replace(record, seen=cycle.at)
        self.past = replace(self.past, recommendations=MappingProxyType(records))

    def approve(self, at: datetime, by: str = "ada") -> None:
        """A person approves all that is open."""
        self._decide(State.APPROVED, at, by)

    def dismiss(self, at: datetime, by: str = "ada") -> None:
        """A person dismisses all that is open."""
        self._decide(State.DISMISSED, at, by)

    def _decide(self, state: State, at: datetime, by: str) -> None:
        records = {
            id_: replace(r, state=state, by=by, decided=at, version=r.version + 1)
            for id_, r in self.past.recommendations.items()
        }
        self.past = replace(self.past, recommendations=MappingProxyType(records))

    def unsettled(self) -> tuple[Change, ...]:
        return tuple(r.change for r in self.past.changes if r.receipt is None)

    def settle(self, receipt: Receipt) -> None:
        changes = tuple(replace(r, receipt=receipt) if r.change.id == receipt.change else r for r in self.past.changes)
        self.past = replace(self.past, changes=changes)


@dataclass
class Stage:
    """One role on stage, and the walk over it."""

    pool: Pool
    dry: bool = False
    now: datetime = NOON
    memory: Notebook = field(default_factory=Notebook)

    def __post_init__(self) -> None:
        self.hands = PoolHands(self.pool, dry=self.dry)
        self.world = World(eyes=PoolEyes(self.pool), hands=self.hands, memory=self.memory)
        self.policy = Policy(fleet="stage", roles=(self.pool.spec,), guardrails=AT_HOME)
        self.history = History.empty(STEP)

    def play(self, span: timedelta) -> Cycle:
        """Walk tick by tick for ``span``; the last cycle."""
        end = self.now + span
        while self.now < end:
            self.tick()
        return self.memory.cycles[-1]

    def tick(self) -> Cycle:
        """One walk."""
        self.now += STEP
        self.hands.now = self.now
        cycle, self.history = run_cycle(self.world, self.policy, self.history, self.now, lambda: 0.0)
        return cycle

    def until(self, seen: Callable[[Cycle], bool], within: timedelta) -> Cycle:
        """Walk until ``seen``; fails when that takes longer than ``within``."""
        end = self.now + within
        while self.now < end:
            cycle = self.tick()
            if seen(cycle):
                return cycle
        raise AssertionError(f"not seen within {within}; the last tick decided {self.memory.cycles[-1].decisions}")

    def restart(self) -> None:
        """The service is killed and started: its history is gone, the ledger is not."""
        self.history = History.empty(STEP)

    def stop(self, by: str = "bob") -> None:
        """The kill switch."""
        self.memory.past = replace(self.memory.past, stop=Stop(by=by, at=self.now, reason="incident"))

    def changes(self, kind: Kind | None = None) -> list[ChangeRecord]:
        """What was written so far."""
        return [r for r in self.memory.past.changes if kind is None or r.change.kind is kind]

    def findings(self) -> set[str]:
        """Detectors with an open finding."""
        return {r.finding.detector for r in self.memory.past.open_findings}

    def change(self, id_: ChangeId) -> ChangeRecord:
        """One change."""
        return next(r for r in self.memory.past.changes if r.change.id == id_)
