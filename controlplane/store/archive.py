"""The ledger as people read it: newest first, and never more than was asked for."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from controlplane.loop.ports import Kept
from controlplane.model.change import ChangeRecord
from controlplane.model.cycle import Cycle
from controlplane.model.decision import Decision
from controlplane.model.finding import FindingRecord
from controlplane.model.keys import ChangeId, DecisionId, RecommendationId, RoleName
from controlplane.model.recommendation import RecommendationRecord, State
from controlplane.store import tables
from controlplane.store.codec import micros
from controlplane.store.keep_recommendations import newest_row
from controlplane.store.records import (
    CYCLE,
    DECISION,
    INPUTS,
    change_record,
    change_rows,
    finding_record,
    recommendation_record,
)

MOST = 2000
"""No list is longer, whatever was asked for."""


def latest(connection: Connection) -> Cycle | None:
    """The newest stored cycle, with the newest column of each reading."""
    body = connection.scalar(select(tables.snapshot.c.body))
    return None if body is None else CYCLE.unpacked(body)


def findings(
    connection: Connection, *, role: RoleName | None, open_only: bool, since: datetime | None, limit: int
) -> tuple[FindingRecord, ...]:
    """Findings seen at or after ``since``, the newest opened first."""
    c = tables.findings.c
    chosen = select(tables.findings).order_by(c.opened.desc(), c.id).limit(min(limit, MOST))
    if role is not None:
        chosen = chosen.where(c.role == role)
    if open_only:
        chosen = chosen.where(c.closed.is_(None))
    if since is not None:
        chosen = chosen.where(c.seen >= micros(since))
    return tuple(finding_record(row) for row in connection.execute(chosen))


def recommendations(
    connection: Connection, *, role: RoleName | None, states: Sequence[State], since: datetime | None, limit: int
) -> tuple[RecommendationRecord, ...]:
    """The newest record of each id."""
    c = tables.recommendations.c
    chosen = select(tables.recommendations).where(c.newest).order_by(c.opened.desc(), c.id).limit(min(limit, MOST))
    if role is not None:
        chosen = chosen.where(c.role == role)
    if states:
        chosen = chosen.where(c.state.in_(list(states)))
    if since is not None:
        chosen = chosen.where(c.seen >= micros(since))
    return tuple(recommendation_record(row) for row in connection.execute(chosen))


def recommendation(connection: Connection, id_: RecommendationId) -> RecommendationRecord | None:
    """The newest record of one id."""
    row = newest_row(connection, id_)
    return None if row is None else recommendation_record(row)


def decisions(
    connection: Connection, *, role: RoleName | None, recommendation: RecommendationId | None, limit: int
) -> tuple[Decision, ...]:
    """Stored decisions."""
    c = tables.decisions.c
    chosen = select(c.body).order_by(c.at.desc(), c.id).limit(min(limit, MOST))
    if role is not None:
        chosen = chosen.where(c.role == role)
    if recommendation is not None:
        chosen = chosen.where(c.recommendation == recommendation)
    return tuple(DECISION.value(row.body) for row in connection.execute(chosen))


def kept(connection: Connection, id_: DecisionId) -> Kept | None:
    """A stored decision with all it was made from."""
    d, i, p = tables.decisions, tables.inputs, tables.policies
    joined = d.join(i, i.c.at == d.c.at).join(p, p.c.digest == i.c.policy)
    row = connection.execute(
        select(d.c.body, i.c.body.label("inputs"), p.c.body.label("policy")).select_from(joined).where(d.c.id == id_)
    ).first()
    if row is None:
        return None
    inputs = INPUTS.unpacked(row.inputs)
    return Kept(
        decision=DECISION.value(row.body),
        fleet=inputs.fleet,
        past=inputs.past,
        policy=row.policy,
        decisions=inputs.decisions,
    )


def changes(
    connection: Connection, *, role: RoleName | None, since: datetime | None, limit: int
) -> tuple[ChangeRecord, ...]:
    """Changes with their receipts and outcomes."""
    c = tables.changes.c
    chosen = change_rows().order_by(c.at.desc(), c.id).limit(min(limit, MOST))
    if role is not None:
        chosen = chosen.where(c.role == role)
    if since is not None:
        chosen = chosen.where(c.at >= micros(since))
    return tuple(change_record(row) for row in connection.execute(chosen))


def change(connection: Connection, id_: ChangeId) -> ChangeRecord | None:
    """One change."""
    row = connection.execute(change_rows().where(tables.changes.c.id == id_)).first()
    return None if row is None else change_record(row)
