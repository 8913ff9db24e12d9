"""The bounds of a role over time: one audit line whenever they are seen to change, or are seen again.

The audit keeps who changed what; what others change in the cluster belongs there, too. What holds now is in the
role's beliefs, so together they tell what was in force at any instant. A role nobody can see makes no lines.
"""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from controlplane.model.belief import RoleBeliefs
from controlplane.model.keys import RoleName
from controlplane.model.role import Bounds
from controlplane.model.shadow import STRETCH, InForce
from controlplane.store.audit import Audit
from controlplane.store.codec import instant, micros
from controlplane.store.keep_findings import ME
from controlplane.store.records import BELIEFS, maybe_instant
from controlplane.store.tables import audit, beliefs

BOUNDS_SEEN = "bounds seen"
"""What is noted when a role's bounds are first seen, have changed, or are seen again."""

SHORT_GAP = STRETCH
"""A gap shorter than this after which the bounds are the same makes no line: it says nothing."""

MOST_LINES = 2000
"""More changes than this of one role in a week are not read: the oldest are then not known."""


def note_bounds(log: Audit, before: RoleBeliefs | None, now: RoleBeliefs, at: datetime) -> None:
    """A line, when this tick's bounds are news."""
    if now.bounds is None or now.bounds_unseen_since is not None:
        return
    was = before.bounds if before else None
    unseen = before.bounds_unseen_since if before else None
    if was == now.bounds and (unseen is None or at - unseen < SHORT_GAP):
        return
    since = before.bounds_since if before else None
    log.note(
        ME,
        BOUNDS_SEEN,
        now.role,
        least=now.bounds.min,
        most=now.bounds.max,
        was_least=was.min if was else None,
        was_most=was.max if was else None,
        was_since=micros(since) if was and since else None,
        unseen_since=micros(unseen) if unseen else None,
    )


def bounds_of(connection: Connection, role: RoleName, since: datetime) -> tuple[InForce, ...]:
    """What was in force from ``since`` on, and at ``since`` where that is known."""
    c = audit.c
    lines = (
        select(c.at, c.detail)
        .where(c.what == BOUNDS_SEEN, c.at >= micros(since), c.subject == role)
        .order_by(c.at.desc(), c.seq.desc())
        .limit(MOST_LINES)
    )
    states: dict[datetime, Bounds | None] = {}
    for line in reversed(connection.execute(lines).all()):
        said = json.loads(line.detail)
        if said["was_since"] is None:
            states.clear()  # seen for the first time, or after it had been forgotten: nothing is known of before
        else:
            states[instant(said["was_since"])] = Bounds(min=said["was_least"], max=said["was_most"])
        _unseen(states, maybe_instant(said["unseen_since"]))
        states[instant(line.at)] = Bounds(min=said["least"], max=said["most"])
    body = connection.scalar(select(beliefs.c.body).where(beliefs.c.role == role))
    held = None if body is None else BELIEFS.value(body)
    if held is not None and held.bounds is not None and held.bounds_since is not None:
        states[held.bounds_since] = held.bounds
        _unseen(states, held.bounds_unseen_since)
    return tuple(InForce(since=at, bounds=bounds) for at, bounds in sorted(states.items(), key=_when))


def _unseen(states: dict[datetime, Bounds | None], since: datetime | None) -> None:
    if since is not None:
        states[since] = None


def _when(state: tuple[datetime, Any]) -> datetime:
    return state[0]
