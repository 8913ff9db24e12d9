"""The ledger: what the walk remembers, what people read, what people may do, and what waits to be told.

One object for all of it, safe to use from the tick's thread and from web threads at once. Each method is one
transaction; the file next to this one with the method's name or subject says what happens in it.
"""

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from controlplane.clock import SystemClock
from controlplane.loop.news import Compose, News, Waiting
from controlplane.loop.ports import Finish, Fold, Kept
from controlplane.model.change import Change, ChangeRecord, Receipt
from controlplane.model.cycle import Cycle, Recollection, Stop
from controlplane.model.decision import Decision
from controlplane.model.finding import FindingRecord
from controlplane.model.history import RoleHistory
from controlplane.model.keys import ChangeId, DecisionId, RecommendationId, RoleName
from controlplane.model.money import Money
from controlplane.model.reading import Reading
from controlplane.model.recommendation import RecommendationRecord, State
from controlplane.model.session import (
    EVERYTHING,
    ActiveSessions,
    Call,
    RoleSessions,
    Session,
    SessionKey,
    SessionNumbers,
    SessionQuery,
    Taken,
    Toll,
)
from controlplane.model.shadow import Witness
from controlplane.store import (
    approvals,
    archive,
    audit,
    history,
    intents,
    keep,
    money,
    outbox,
    retention,
    schema,
    session_counters,
    session_rows,
    sessions,
    shadow,
)
from controlplane.store.audit import Audit
from controlplane.store.database import Database
from controlplane.store.lease import Lease, LeaseTimes
from controlplane.store.packing import Packing
from controlplane.store.records import stop_now
from controlplane.store.retention import Retention


def open_ledger(
    url: str,
    *,
    compose: Compose | None = None,
    retention: Retention | None = None,
    read_only: bool = False,
    times: LeaseTimes | None = None,
    people: int = 1,
) -> "Ledger":
    """Open the ledger at ``url`` (``sqlite:///FILE`` or ``postgresql://…``) and bring its schema up to date.

    Args:
        url: where it is. A SQLite file that is not there is made.
        compose: puts news into notes for people; ``None`` when nobody is to be told anything.
        retention: what is kept for how long.
        read_only: look at a ledger that another process holds; nothing is migrated, nothing can be written.
        times: how long a leader of several processes is waited for.
        people: how many different people must approve a recommendation, 1 or 2.

    Raises:
        StoreBusyError: another process holds the SQLite file.
        StoreTooNewError: a newer version of this program wrote it.
        StoreError: it cannot be opened.
    """
    database = Database(url, read_only=read_only)
    try:
        schema.check(database) if read_only else schema.upgrade(database)
        return Ledger(
            database,
            compose=compose,
            retention=retention or Retention(),
            times=times or LeaseTimes(),
            people=people,
        )
    except BaseException:
        database.close()
        raise


class Ledger:
    """Implements the ports Memory, Archive, Approvals, SessionMemory and Outbox. Made by :func:`open_ledger`."""

    def __init__(
        self, database: Database, *, compose: Compose | None, retention: Retention, times: LeaseTimes, people: int
    ) -> None:
        self._database = database
        self._compose = compose
        self._people = people
        self._retention = retention
        holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.lease = Lease(database, holder, monotonic=SystemClock().monotonic, times=times)
        if database.read_only:
            with database.read() as connection:
                self._packing = Packing.load(connection)
        else:
            with database.write() as connection:
                self._packing = Packing.extend(connection)

    def close(self) -> None:
        """Let go of the database and of the lock."""
        self._database.close()

    # --- Memory: the walk

    def recall(self, now: datetime) -> Recollection:
        with self._database.read() as connection:
            return keep.recall(connection, now)

    def intend(self, change: Change) -> bool:
        with self._database.write() as connection:
            self.lease.check(connection)
            return intents.intend(connection, change)

    def keep(self, cycle: Cycle, past: Recollection, policy: str) -> None:
        snapshot = keep.snapshot_of(cycle)
        with self._database.write() as connection:
            self.lease.check(connection)
            keep.keep(connection, cycle, past, policy, snapshot=snapshot, packing=self._packing, compose=self._compose)

    def unsettled(self) -> tuple[Change, ...]:
        with self._database.read() as connection:
            return intents.unsettled(connection)

    def settle(self, receipt: Receipt) -> None:
        log = Audit(receipt.at)
        with self._database.write() as connection:
            self.lease.check(connection)
            settled = intents.settle(connection, [receipt], log)
            outbox.put(connection, News(at=receipt.at, changes=settled), self._compose)
            log.write(connection)

    # --- Archive: people read

    def latest(self) -> Cycle | None:
        with self._database.read() as connection:
            return archive.latest(connection)

    def findings(
        self, *, role: RoleName | None = None, open_only: bool = False, since: datetime | None = None, limit: int = 200
    ) -> tuple[FindingRecord, ...]:
        with self._database.read() as connection:
            return archive.findings(connection, role=role, open_only=open_only, since=since, limit=limit)

    def recommendations(
        self,
        *,
        role: RoleName | None = None,
        states: Sequence[State] = (),
        since: datetime | None = None,
        limit: int = 200,
    ) -> tuple[RecommendationRecord, ...]:
        with self._database.read() as connection:
            return archive.recommendations(connection, role=role, states=states, since=since, limit=limit)

    def recommendation(self, id_: RecommendationId) -> RecommendationRecord | None:
        with self._database.read() as connection:
            return archive.recommendation(connection, id_)

    def decisions(
        self, *, role: RoleName | None = None, recommendation: RecommendationId | None = None, limit: int = 200
    ) -> tuple[Decision, ...]:
        with self._database.read() as connection:
            return archive.decisions(connection, role=role, recommendation=recommendation, limit=limit)

    def kept(self, id_: DecisionId) -> Kept | None:
        with self._database.read() as connection:
            return archive.kept(connection, id_)

    def changes(
        self, *, role: RoleName | None = None, since: datetime | None = None, limit: int = 200
    ) -> tuple[ChangeRecord, ...]:
        with self._database.read() as connection:
            return archive.changes(connection, role=role, since=since, limit=limit)

    def change(self, id_: ChangeId) -> ChangeRecord | None:
        with self._database.read() as connection:
            return archive.change(connection, id_)

    def history(
        self, role: RoleName, readings: Sequence[Reading], since: datetime, until: datetime, points: int = 400
    ) -> RoleHistory:
        with self._database.read() as connection:
            return history.history(
                connection, self._packing, role=role, readings=readings, since=since, until=until, points=points
            )

    def witness(self, role: RoleName, since: datetime, until: datetime) -> Witness:
        with self._database.read() as connection:
            return shadow.witness(connection, self._packing, role, since, until)

    def money(self, since: datetime, until: datetime) -> Money:
        with self._database.read() as connection:
            return money.money(connection, since, until)

    def stopped(self) -> Stop | None:
        with self._database.read() as connection:
            return stop_now(connection)

    def oldest_undelivered(self, now: datetime) -> timedelta | None:
        with self._database.read() as connection:
            return outbox.oldest_undelivered(connection, now)

    # --- Approvals: people act

    def approve(
        self, id_: RecommendationId, version: int, by: str, at: datetime, *, known: bool = False
    ) -> RecommendationRecord:
        with self._database.write() as connection:
            return approvals.approve(
                connection, id_, version, by=by, at=at, known=known, people=self._people, compose=self._compose
            )

    def dismiss(self, id_: RecommendationId, version: int, by: str, reason: str, at: datetime) -> RecommendationRecord:
        with self._database.write() as connection:
            return approvals.dismiss(connection, id_, version, by=by, reason=reason, at=at)

    def stop(self, by: str, reason: str, at: datetime) -> None:
        with self._database.write() as connection:
            approvals.pull(connection, by, reason, at, self._compose)

    def resume(self, by: str, at: datetime) -> None:
        with self._database.write() as connection:
            approvals.release(connection, by, at, self._compose)

    # --- Outbox: what waits to be told

    def waiting(self, now: datetime, window: timedelta) -> tuple[Waiting, ...]:
        with self._database.read() as connection:
            return outbox.waiting(connection, now, window)

    def told_since(self, since: datetime) -> Mapping[str, datetime]:
        with self._database.read() as connection:
            return outbox.told_since(connection, since)

    def claim(self, ids: Sequence[int], group: str, now: datetime) -> None:
        with self._database.write() as connection:
            outbox.claim(connection, ids, group, now)

    def told(self, ids: Sequence[int], now: datetime) -> None:
        with self._database.write() as connection:
            outbox.told(connection, ids, now)

    def postpone(self, ids: Sequence[int], until: datetime, why: str) -> None:
        with self._database.write() as connection:
            outbox.postpone(connection, ids, until, why)

    def drop(self, ids: Sequence[int], now: datetime, why: str) -> None:
        if not ids:
            return
        with self._database.write() as connection:
            outbox.drop(connection, ids, now, why)

    # --- SessionMemory: the book of sessions

    def take_calls(self, calls: Sequence[Call], at: datetime, fold: Fold) -> Taken:
        with self._database.write() as connection:
            return sessions.take(connection, calls, at, fold)

    def end_sessions(self, before: datetime, finish: Finish) -> int:
        return sessions.end(self._database, before, finish)

    def last_told(self) -> datetime | None:
        with self._database.read() as connection:
            return sessions.told(connection)

    def active_sessions(self) -> tuple[ActiveSessions, ...]:
        with self._database.read() as connection:
            return session_counters.active(connection)

    def busy_roles(self) -> Mapping[RoleName | None, RoleSessions]:
        with self._database.read() as connection:
            return session_rows.busy_roles(connection)

    def tolls(self, role: RoleName | None, limit: int) -> tuple[Toll, ...]:
        with self._database.read() as connection:
            return session_rows.tolls(connection, role, limit)

    def spent(self, role: RoleName | None, since: datetime, limit: int) -> tuple[float, ...]:
        with self._database.read() as connection:
            return session_rows.spent(connection, role, since, limit)

    def session_numbers(self) -> SessionNumbers:
        with self._database.read() as connection:
            return session_counters.numbers(connection)

    def sessions(self, asked: SessionQuery = EVERYTHING) -> tuple[Session, ...]:
        with self._database.read() as connection:
            return session_rows.sessions(connection, asked)

    def session(self, key: SessionKey) -> Session | None:
        with self._database.read() as connection:
            return session_rows.session(connection, key)

    # --- Jobs

    def rollup(self, now: datetime) -> int:
        """Means of every stretch that has ended; returns rows written. Run it every few minutes."""
        return retention.rollup(self._database, self._packing, now)

    def prune(self, now: datetime) -> int:
        """Delete what is past its time; returns rows deleted. Run it every hour, after :meth:`rollup`."""
        return retention.prune(self._database, self._retention, now)

    def verify_audit(self) -> int | None:
        """Number of the first audit line that was tampered with; ``None`` when the chain holds."""
        with self._database.read() as connection:
            return audit.verify(connection)
