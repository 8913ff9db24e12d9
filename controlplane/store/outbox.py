"""Notes waiting to be told. They are put here in the transaction that stores what they tell.

A note is told at least once: one whose telling was begun (claimed) and never confirmed becomes due again,
but only after its group's window, so that even a crash between telling and writing it down never makes a
group say the same thing twice within its window.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select, update

from controlplane.loop.news import Compose, News, Waiting
from controlplane.store.codec import instant, micros
from controlplane.store.records import NOTE, clean, insert_new
from controlplane.store.tables import outbox

WAITING, TOLD, DROPPED = "waiting", "told", "dropped"

AT_ONCE = 500
"""Notes looked at in one round; a storm larger than this is told in several."""


def put(connection: Connection, news: News, compose: Compose | None) -> None:
    """Store what there is to tell about ``news``. A note whose key is there already is the same note."""
    notes = compose(news) if compose is not None else ()
    if notes:
        connection.execute(
            insert_new(connection, outbox),
            [
                {
                    "key": note.key,
                    "group": note.group,
                    "state": WAITING,
                    "at": micros(note.at),
                    "due": micros(note.at),
                    "attempts": 0,
                    "body": NOTE.text(note),
                }
                for note in notes
            ],
        )


def waiting(connection: Connection, now: datetime, window: timedelta) -> tuple[Waiting, ...]:
    """Notes due at ``now``, oldest first."""
    c = outbox.c
    free = or_(c.claimed.is_(None), c.claimed <= micros(now - window))
    chosen = select(outbox).where(c.state == WAITING, c.due <= micros(now), free).order_by(c.at, c.id).limit(AT_ONCE)
    return tuple(
        Waiting(id=row.id, note=NOTE.value(row.body), attempts=row.attempts) for row in connection.execute(chosen)
    )


def told_since(connection: Connection, since: datetime) -> Mapping[str, datetime]:
    """Groups that spoke, or may have spoken, at or after ``since``."""
    c = outbox.c
    spoke = and_(c.claimed >= micros(since), c.claimed.is_not(None))
    last: dict[str, datetime] = {}
    for group in (c.group, c.spoken):
        for name, at in connection.execute(
            select(group, func.max(c.claimed)).where(spoke, group.is_not(None)).group_by(group)
        ):
            last[name] = max(instant(at), last.get(name, instant(at)))
    return last


def claim(connection: Connection, ids: Sequence[int], group: str, now: datetime) -> None:
    """These are being told now, together."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids), outbox.c.state == WAITING)
        .values(claimed=micros(now), spoken=group, attempts=outbox.c.attempts + 1)
    )


def told(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """They were accepted."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids), outbox.c.state == WAITING)
        .values(state=TOLD, told=micros(now), why=None)
    )


def postpone(connection: Connection, ids: Sequence[int], until: datetime, why: str) -> None:
    """They were surely not accepted: nobody has spoken, and they are due again at ``until``."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids), outbox.c.state == WAITING)
        .values(claimed=None, spoken=None, due=micros(until), why=clean(why, 500))
    )


def drop(connection: Connection, ids: Sequence[int], now: datetime, why: str) -> None:
    """They will never be told."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids), outbox.c.state == WAITING)
        .values(state=DROPPED, told=micros(now), claimed=None, spoken=None, why=clean(why, 500))
    )


def oldest_undelivered(connection: Connection, now: datetime) -> timedelta | None:
    """Age of the oldest note that still waits."""
    at = connection.scalar(select(func.min(outbox.c.at)).where(outbox.c.state == WAITING))
    return None if at is None else max(now - instant(at), timedelta(0))
