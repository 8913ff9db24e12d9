"""When a recommendation that had its answer may be asked about again."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from controlplane.model.change import OPEN, WITHOUT_EFFECT
from controlplane.model.recommendation import State
from controlplane.store.codec import instant
from controlplane.store.records import CHANGE, change_rows, maybe_instant
from controlplane.store.tables import changes

QUIET_AFTER_DISMISSAL = timedelta(days=1)
"""A dismissed recommendation is not proposed again for this long; another patch is another recommendation."""


def may_reopen(connection: Connection, row: Row[Any], now: datetime) -> bool:
    """Whether the newest record of an id (state neither open nor approved) may be followed by another one.

    Applied: once it is known what became of the change, or the time in which it should have helped is over.
    Until then the same proposal only says that the cluster has not followed yet.
    """
    match State(row.state):
        case State.DISMISSED:
            decided = maybe_instant(row.decided)
            return decided is None or now - decided >= QUIET_AFTER_DISMISSAL
        case State.APPLIED:
            return _settled(connection, row.id, now)
        case State.EXPIRED | State.SUPERSEDED:
            return True
        case _:
            return False


def _settled(connection: Connection, recommendation: str, now: datetime) -> bool:
    newest = (
        connection.execute(
            change_rows().where(changes.c.recommendation == recommendation).order_by(changes.c.at.desc()).limit(1)
        )
    ).first()
    if newest is None or newest.outcome is not None or newest.state in WITHOUT_EFFECT:
        return True
    if newest.state in OPEN:
        return False
    return now - instant(newest.at) >= CHANGE.value(newest.body).expectation.within
