"""A desk whose ledger is a handful of lists: what the pages ask of it, it answers from memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controlplane.errors import NotFoundError, RefusedError, StoreError
from controlplane.loop.desk import Desk, Health
from controlplane.loop.ports import Kept
from controlplane.loop.sessions import SessionBook
from controlplane.model.change import ChangeRecord
from controlplane.model.cycle import Cycle, Stop
from controlplane.model.decision import Decision
from controlplane.model.finding import FindingRecord
from controlplane.model.history import RoleHistory
from controlplane.model.keys import ChangeId, DecisionId, RecommendationId, RoleName
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.recommendation import RecommendationRecord, State
from controlplane.model.role import RoleSpec
from controlplane.model.shadow import InForce, Witness
from tests.builders import NOON


@dataclass
class FakeLedger:
    """Archive and approvals in one."""

    cycle: Cycle | None = None
    finding_records: list[FindingRecord] = field(default_factory=list)
    records: list[RecommendationRecord] = field(default_factory=list)
    stored_decisions: list[Decision] = field(default_factory=list)
    change_records: list[ChangeRecord] = field(default_factory=list)
    histories: dict[RoleName, RoleHistory] = field(default_factory=dict)
    bounds: list[InForce] = field(default_factory=list)
    """Of every role."""
    looks: dict[datetime, frozenset[Reading]] = field(default_factory=dict)
    stop_now: Stop | None = None
    undelivered: timedelta | None = None
    broken: bool = False
    said: list[tuple[str, ...]] = field(default_factory=list)
    """What people did, in order."""

    def latest(self) -> Cycle | None:
        if self.broken:
            raise StoreError("disk I/O error")
        return self.cycle

    def findings(
        self, *, role: RoleName | None = None, open_only: bool = False, since: datetime | None = None, limit: int = 200
    ) -> tuple[FindingRecord, ...]:
        found = [
            r
            for r in self.finding_records
            if (role is None or r.finding.role == role)
            and not (open_only and r.closed)
            and (since is None or r.seen >= since)
        ]
        return tuple(sorted(found, key=lambda r: r.opened, reverse=True)[:limit])

    def recommendations(
        self,
        *,
        role: RoleName | None = None,
        states: Sequence[State] = (),
        since: datetime | None = None,
        limit: int = 200,
    ) -> tuple[RecommendationRecord, ...]:
        found = [
            r
            for r in self.records
            if (role is None or r.recommendation.role == role)
            and (not states or r.state in states)
            and (since is None or r.seen >= since)
        ]
        return tuple(sorted(found, key=lambda r: r.opened, reverse=True)[:limit])

    def recommendation(self, id_: RecommendationId) -> RecommendationRecord | None:
        return next((r for r in self.records if r.recommendation.id == id_), None)

    def decisions(
        self, *, role: RoleName | None = None, recommendation: RecommendationId | None = None, limit: int = 200
    ) -> tuple[Decision, ...]:
        found = [
            d
            for d in self.stored_decisions
            if (role is None or d.recommendation.role == role)
            and (recommendation is None or d.recommendation_id == recommendation)
        ]
        return tuple(sorted(found, key=lambda d: d.at, reverse=True)[:limit])

    def kept(self, id_: DecisionId) -> Kept | None:
        return None

    def changes(
        self, *, role: RoleName | None = None, since: datetime | None = None, limit: int = 200
    ) -> tuple[ChangeRecord, ...]:
        found = [
            c
            for c in self.change_records
            if (role is None or c.change.role == role) and (since is None or c.change.at >= since)
        ]
        return tuple(sorted(found, key=lambda c: c.change.at, reverse=True)[:limit])

    def change(self, id_: ChangeId) -> ChangeRecord | None:
        return next((c for c in self.change_records if c.change.id == id_), None)

    def history(
        self, role: RoleName, readings: Sequence[Reading], since: datetime, until: datetime, points: int = 400
    ) -> RoleHistory:
        past = self.histories.get(role, RoleHistory(role=role, step=timedelta(seconds=15), at=(), columns={}))
        kept = [i for i, at in enumerate(past.at) if since <= at <= until]
        every = max(1, -(-len(kept) // points))
        kept = kept[::every]
        return RoleHistory(
            role=role,
            step=past.step * every,
            at=tuple(past.at[i] for i in kept),
            columns={r: tuple(past.columns[r][i] for i in kept) for r in readings if r in past.columns},
        )

    def witness(self, role: RoleName, since: datetime, until: datetime) -> Witness:
        found = self.recommendations(role=role, since=since)
        return Witness(
            role=role,
            since=since,
            until=until,
            proposals=found,
            findings=self.findings(role=role),
            changes=self.changes(role=role),
            bounds=tuple(self.bounds),
            looks=self.looks,
        )

    def stopped(self) -> Stop | None:
        if self.broken:
            raise StoreError("disk I/O error")
        return self.stop_now

    def oldest_undelivered(self, now: datetime) -> timedelta | None:
        return self.undelivered

    def approve(
        self, id_: RecommendationId, version: int, by: str, at: datetime, *, known: bool = False
    ) -> RecommendationRecord:
        return self._settle(id_, version, state=State.APPROVED, by=by, reason=None, at=at)

    def dismiss(self, id_: RecommendationId, version: int, by: str, reason: str, at: datetime) -> RecommendationRecord:
        return self._settle(id_, version, state=State.DISMISSED, by=by, reason=reason, at=at)

    def _settle(
        self, id_: RecommendationId, version: int, *, state: State, by: str, reason: str | None, at: datetime
    ) -> RecommendationRecord:
        found = self.recommendation(id_)
        if found is None:
            raise NotFoundError(f"no recommendation {id_!r}")
        if found.version != version:
            raise RefusedError("It has changed since you looked: look again before you decide.")
        new = replace(found, state=state, version=version + 1, by=by, reason=reason, decided=at)
        self.records[self.records.index(found)] = new
        self.said.append((state.value, id_, by, reason or ""))
        return new

    def stop(self, by: str, reason: str, at: datetime) -> None:
        self.stop_now = Stop(by=by, at=at, reason=reason)
        self.said.append(("stop", by, reason))

    def resume(self, by: str, at: datetime) -> None:
        self.stop_now = None
        self.said.append(("resume", by))


def a_desk(
    ledger: FakeLedger,
    *,
    roles: tuple[RoleSpec, ...] | None = None,
    now: datetime = NOON + timedelta(seconds=6),
    limits: Mapping[RoleName, tuple[Limit, ...]] | None = None,
    health: Health | None = None,
    note: str = "",
    fleet: str = "agents-test",
    sessions: SessionBook | None = None,
) -> Desk:
    """A desk over the ledger, six seconds after the newest tick; roles are those of its cycle."""
    if roles is None:
        roles = tuple(view.spec for view in ledger.cycle.fleet.roles.values()) if ledger.cycle else ()
    return Desk(
        fleet=fleet,
        roles=roles,
        tick=timedelta(seconds=15),
        archive=ledger,
        approvals=ledger,
        latest=ledger.latest,
        now=lambda: now,
        nudge=lambda: ledger.said.append(("nudge",)),
        health=lambda: health or Health(last_success={"tick": now - timedelta(seconds=6)}),
        limits=limits or {},
        budget_dollars_per_hour=ledger.cycle.fleet.budget_dollars_per_hour if ledger.cycle else None,
        sessions=sessions,
        note=note,
    )
