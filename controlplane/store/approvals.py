"""The few things a person may do. Each is a conditional update: of two people at once, one wins and one is told."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert

from controlplane.errors import NotFoundError, RefusedError
from controlplane.loop.news import Compose, News
from controlplane.model.cycle import Stop
from controlplane.model.keys import RecommendationId
from controlplane.model.recommendation import RecommendationRecord, State
from controlplane.model.units import seconds_text
from controlplane.store.audit import RESUME, Audit
from controlplane.store.codec import micros
from controlplane.store.keep_recommendations import hold, move, newest_row
from controlplane.store.outbox import put
from controlplane.store.records import LIVE, clean, recommendation_record, stop_now
from controlplane.store.tables import stop

FASTER = "somebody else was faster: look again"


def approve(
    connection: Connection,
    id_: RecommendationId,
    version: int,
    *,
    by: str,
    at: datetime,
    known: bool,
    people: int,
    compose: Compose | None,
) -> RecommendationRecord:
    """Approve exactly the version that was seen; where two ``people`` must, the first of them leaves it open."""
    row = _seen(connection, id_, version)
    record = recommendation_record(row)
    if record.state is State.APPROVED:
        raise RefusedError(f"already approved by {record.approved_by or row.by}")
    pulled = stop_now(connection)
    if pulled is not None:
        raise RefusedError(f"all changes are stopped by {pulled.by}: {pulled.reason}; release the stop first")
    age, good_for = at - record.seen, record.recommendation.good_for
    if age > good_for:
        raise RefusedError(
            f"it was last proposed {seconds_text(age.total_seconds())} ago and is good for "
            f"{seconds_text(good_for.total_seconds())}: wait for the next tick"
        )
    by = clean(by, 200)
    if people == 1:
        return _decide(connection, row, State.APPROVED, by=by, reason=None, at=at, first_by=None, first_at=None)
    if not known:
        raise RefusedError(f"{people} people must approve, each with a token of their own: this one could be anybody's")
    first = record.half(at)
    if first is None:
        return _begin(connection, row, by=by, at=at, compose=compose)
    if first.by == by:
        raise RefusedError("you have approved it already: one more person is needed")
    return _decide(connection, row, State.APPROVED, by=by, reason=None, at=at)


def dismiss(
    connection: Connection, id_: RecommendationId, version: int, *, by: str, reason: str, at: datetime
) -> RecommendationRecord:
    """Dismiss it, with the reason; also an approved one that has not been applied yet."""
    if not clean(reason):
        raise RefusedError("say why: the next person will ask")
    row = _seen(connection, id_, version)
    return _decide(connection, row, State.DISMISSED, by=clean(by, 200), reason=clean(reason), at=at)


def pull(connection: Connection, by: str, reason: str, at: datetime, compose: Compose | None) -> None:
    """Pull the kill switch. Pulled already: the first one stays."""
    pulled, before = Stop(by=clean(by, 200), at=at, reason=clean(reason)), stop_now(connection)
    if before is None:
        connection.execute(insert(stop).values(id=1, by=pulled.by, at=micros(at), reason=pulled.reason))
        put(connection, News(at=at, stopped=pulled), compose)
    log = Audit(at)
    log.note(pulled.by, "stop", "fleet", reason=pulled.reason, first=int(before is None))
    log.write(connection)


def release(connection: Connection, by: str, at: datetime, compose: Compose | None) -> None:
    """Release the kill switch."""
    done = connection.execute(delete(stop))
    if done.rowcount == 0:
        return
    by = clean(by, 200)
    put(connection, News(at=at, resumed_by=by), compose)
    log = Audit(at)
    log.note(by, RESUME, "fleet")
    log.write(connection)


def _seen(connection: Connection, id_: RecommendationId, version: int) -> Row[Any]:
    """The record a person is looking at, or the reason why it is not that any more."""
    row = newest_row(connection, id_)
    if row is None:
        raise NotFoundError(f"no recommendation {id_!r}")
    if row.state not in LIVE:
        raise RefusedError(
            f"it is {row.state}" + (f" by {row.by}" if row.by else "") + (f": {row.reason}" if row.reason else "")
        )
    if row.version != version:
        raise RefusedError(f"it has changed since you saw it (version {row.version}, you saw {version}): look again")
    return row


def _begin(
    connection: Connection, row: Row[Any], *, by: str, at: datetime, compose: Compose | None
) -> RecommendationRecord:
    """The first of two: it stays open, and people are told that one more is needed."""
    if not hold(connection, row, by=by, at=at):
        raise RefusedError(FASTER)
    _audit(connection, row, by, "approved first", at=at)
    record = _now(connection, row)
    put(connection, News(at=at, half_approved=(record,)), compose)
    return record


def _decide(
    connection: Connection, row: Row[Any], state: State, *, by: str, reason: str | None, at: datetime, **also: None
) -> RecommendationRecord:
    if not move(connection, row, state, by=by, reason=reason, decided=micros(at), **also):
        raise RefusedError(FASTER)
    _audit(connection, row, by, str(state), at=at, reason=reason)
    return _now(connection, row)


def _audit(connection: Connection, row: Row[Any], by: str, what: str, *, at: datetime, **detail: str | None) -> None:
    log = Audit(at)
    log.note(by, what, row.id, number=row.number, version=row.version, **detail)
    log.write(connection)


def _now(connection: Connection, row: Row[Any]) -> RecommendationRecord:
    after = newest_row(connection, row.id)
    assert after is not None
    return recommendation_record(after)
