"""What the ledger knows of proposals that nobody carried out and of what happened afterwards, of one moment.

Bounded whatever the role has been through: the newest proposals, the findings of that time, our changes, the
bounds, and one row of readings for each instant at which a proposal would have helped.
"""

from datetime import datetime

from sqlalchemy import Connection, select

from controlplane.model.change import NOTHING_DONE, ChangeRecord, ChangeState
from controlplane.model.finding import FindingRecord
from controlplane.model.keys import FindingId, RoleName
from controlplane.model.reading import Reading
from controlplane.model.recommendation import RecommendationRecord
from controlplane.model.shadow import STRETCH, Witness, due, stretch
from controlplane.store import tables
from controlplane.store.archive import MOST
from controlplane.store.codec import instant, micros
from controlplane.store.packing import Packing
from controlplane.store.records import change_record, change_rows, finding_record, recommendation_record
from controlplane.store.shadow_bounds import bounds_of

MOST_PROPOSALS = 500
"""Records read at once, the newest seen: seventy a day for a week."""

WITH_EFFECT = tuple(state for state in ChangeState if state not in NOTHING_DONE)
"""States of a change that had an effect, or may have had one."""


def witness(
    connection: Connection,
    packing: Packing,
    role: RoleName,
    since: datetime,
    until: datetime,
    *,
    most: int = MOST_PROPOSALS,
) -> Witness:
    """Everything about the proposals of this time."""
    newest = _proposals(connection, role, since, until, most + 1)
    proposals, cut = newest[:most], len(newest) > most
    begin = min((p.opened for p in proposals), default=until)
    found = _findings(connection, {id_ for p in proposals for id_ in p.recommendation.findings}, begin)
    if len(found) == MOST:  # what is older than the oldest of these is not known: neither are its proposals
        oldest = min(f.opened for f in found)
        proposals, cut = [p for p in proposals if p.opened > oldest], True
    dues = (due(p) for p in proposals)
    return Witness(
        role=role,
        since=since,
        until=until,
        proposals=tuple(proposals),
        findings=found,
        changes=_changes(connection, role, begin - (until - since), until),
        bounds=bounds_of(connection, role, begin),
        looks=_looks(connection, packing, role, {stretch(at) for at in dues if at <= until}),
        cut=cut,
    )


def _proposals(
    connection: Connection, role: RoleName, since: datetime, until: datetime, limit: int
) -> list[RecommendationRecord]:
    c = tables.recommendations.c
    chosen = (
        select(tables.recommendations)
        .where(c.role == role, c.seen >= micros(since), c.opened <= micros(until))
        .order_by(c.seen.desc(), c.id, c.number.desc())
        .limit(limit)
    )
    return [recommendation_record(row) for row in connection.execute(chosen)]


def _findings(connection: Connection, ids: set[FindingId], since: datetime) -> tuple[FindingRecord, ...]:
    c = tables.findings.c
    chosen = (
        select(tables.findings)
        .where(c.id.in_(sorted(ids)), c.seen >= micros(since))
        .order_by(c.opened.desc(), c.id)
        .limit(MOST)
    )
    return tuple(finding_record(row) for row in connection.execute(chosen))


def _changes(connection: Connection, role: RoleName, since: datetime, until: datetime) -> tuple[ChangeRecord, ...]:
    c = tables.changes.c
    chosen = (
        change_rows()
        .where(c.role == role, c.at >= micros(since), c.at <= micros(until), c.state.in_(WITH_EFFECT))
        .order_by(c.at.desc(), c.id)
        .limit(MOST)
    )
    return tuple(change_record(row) for row in connection.execute(chosen))


def _looks(
    connection: Connection, packing: Packing, role: RoleName, begins: set[datetime]
) -> dict[datetime, frozenset[Reading]]:
    """Which readings were known in these stretches: from the means, or from the ticks where there are none yet."""
    c, wanted = tables.rollups.c, [micros(at) for at in begins]
    rolled = select(c.at, c.body).where(c.role == role, c.span == STRETCH.seconds, c.at.in_(wanted))
    looks = {instant(row.at): frozenset(packing.unpack_means(row.body)) for row in connection.execute(rolled)}
    p = tables.role_points.c
    for begin in sorted(begins - looks.keys()):
        ticks = select(p.body).where(p.role == role, p.at >= micros(begin), p.at < micros(begin + STRETCH))
        known = {reading for row in connection.execute(ticks) for reading in packing.unpack(row.body)}
        if known:
            looks[begin] = frozenset(known)
    return looks
