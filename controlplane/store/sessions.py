"""Sessions in the ledger: a delivery of calls is one transaction, and a call told twice counts once.

Every write of the ledger waits for the one before, in whichever process (see :mod:`controlplane.store.database`): what
a delivery reads here is what it adds to.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, insert, select, tuple_

from controlplane.loop.ports import Finish, Fold
from controlplane.model.session import Call, Session, SessionKey, Taken
from controlplane.observe.sessions import Folded
from controlplane.store import session_counters, tables
from controlplane.store.codec import micros
from controlplane.store.records import maybe_instant, upsert
from controlplane.store.session_rows import row_of, session_of

T = TypeVar("T")

TOLD = "sessions told"
"""Mark of the newest delivery."""

MOST_ACTIVE = 20_000
"""Sessions followed at once; those without a call for longest are ended beyond it."""

MOST_ENDED = 5000
"""Sessions ended at one tick, about a second's work; the others at the next."""

BITE = 500
"""Keys asked for in one statement, and sessions ended in one transaction."""


class Transactions(Protocol):
    """What ending sessions needs of the database: a look, then many small transactions."""

    def read(self) -> AbstractContextManager[Connection]:
        """A consistent view."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """One transaction."""
        ...


def take(connection: Connection, calls: Sequence[Call], at: datetime, fold: Fold) -> Taken:
    """Add what is new of a delivery."""
    new = _not_told(connection, calls)
    connection.execute(upsert(connection, tables.marks, key=["name"]).values(name=TOLD, at=micros(at)))
    if new:
        connection.execute(insert(tables.session_calls), [{"id": id_, "at": micros(at)} for id_ in sorted(new)])
        before = {s.key: s for s in _by_key(connection, sorted({call.key for call in new.values()}))}
        _keep(connection, fold(before, tuple(new.values())))
    return Taken(new=len(new), known=len(calls) - len(new))


def told(connection: Connection) -> datetime | None:
    """When a delivery was last taken."""
    marks = tables.marks.c
    return maybe_instant(connection.scalar(select(marks.at).where(marks.name == TOLD)))


def end(database: Transactions, before: datetime, finish: Finish, most_active: int = MOST_ACTIVE) -> int:
    """End what is idle, and what is too much; how many."""
    s = tables.sessions.c
    with database.read() as connection:
        newest = select(s.last).where(s.ended.is_(None)).order_by(s.last.desc())
        beyond = connection.scalar(newest.offset(most_active).limit(1))
        due = max(micros(before), 0 if beyond is None else beyond + 1)
        idle = select(tables.sessions).where(s.ended.is_(None), s.last < due).order_by(s.last).limit(BITE)
        if connection.execute(idle.with_only_columns(s.last).limit(1)).first() is None:
            return 0
    ended = 0
    while ended < MOST_ENDED:
        with database.write() as connection:
            sessions = [session_of(row) for row in connection.execute(idle)]
            _keep(connection, finish(sessions))
        ended += len(sessions)
        if len(sessions) < BITE:
            break
    return ended


def _not_told(connection: Connection, calls: Iterable[Call]) -> dict[int, Call]:
    """Calls that were not told before, each once."""
    by_id: dict[int, Call] = {}
    for call in calls:
        by_id.setdefault(_id(call), call)
    c = tables.session_calls.c
    for bite in _bites(sorted(by_id)):
        for id_ in connection.scalars(select(c.id).where(c.id.in_(bite))):
            del by_id[id_]
    return by_id


def _id(call: Call) -> int:
    """Of one session: nobody can take another's call for told."""
    digest = blake2b(digest_size=8)
    for part in (call.key.tenant, call.key.id, call.id):
        text = part.encode()
        digest.update(len(text).to_bytes(4) + text)
    return int.from_bytes(digest.digest(), signed=True)


def _by_key(connection: Connection, keys: Sequence[SessionKey]) -> Iterator[Session]:
    s = tables.sessions.c
    for bite in _bites(keys):
        chosen = select(tables.sessions).where(tuple_(s.tenant, s.id).in_([(key.tenant, key.id) for key in bite]))
        for row in connection.execute(chosen):
            yield session_of(row)


def _keep(connection: Connection, folded: Folded) -> None:
    if folded.sessions:
        rows: list[Any] = [row_of(session) for session in folded.sessions]
        connection.execute(upsert(connection, tables.sessions, key=["tenant", "id"]), rows)
        session_counters.add(connection, folded.counted)


def _bites(things: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), BITE):
        yield things[start : start + BITE]
