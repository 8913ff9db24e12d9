"""One tick into the ledger, in one transaction: all of it or none, and a tick that is there already is left alone."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from controlplane.loop.news import Compose, News
from controlplane.model.belief import RoleBeliefs
from controlplane.model.change import ChangeState, OutcomeState
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.decision import Decision
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.recommendation import State
from controlplane.store import tables
from controlplane.store.audit import RESUME, Audit
from controlplane.store.codec import instant, micros
from controlplane.store.intents import judge, settle
from controlplane.store.keep_findings import keep_findings
from controlplane.store.keep_recommendations import keep_recommendations
from controlplane.store.money import charge
from controlplane.store.outbox import put
from controlplane.store.packing import Packing
from controlplane.store.records import (
    BELIEFS,
    CYCLE,
    DECISION,
    INPUTS,
    LIVE,
    Inputs,
    change_record,
    change_rows,
    finding_record,
    insert_new,
    newest_columns,
    recommendation_record,
    stop_now,
    upsert,
)
from controlplane.store.reopening import QUIET_AFTER_DISMISSAL
from controlplane.store.shadow_bounds import note_bounds

REMEMBERED = timedelta(days=1)
"""Changes younger than this are recalled for cooldowns, whatever became of them."""

REMEMBERED_FOREIGN = 2 * REMEMBERED
"""A change is looked after for a day, and an object whose change somebody took back is left alone for another."""

AWAITED = timedelta(days=30)
"""A change that waits longer than this for its outcome will never be judged."""


def recall(connection: Connection, now: datetime) -> Recollection:
    """All that the pure part may know of the past."""
    r, f, ch, o = tables.recommendations.c, tables.findings.c, tables.changes.c, tables.outcomes.c
    wanted = or_(r.state.in_(LIVE), and_(r.state == State.DISMISSED, r.decided >= micros(now - QUIET_AFTER_DISMISSAL)))
    records = [
        recommendation_record(row)
        for row in connection.execute(select(tables.recommendations).where(r.newest, wanted).order_by(r.opened, r.id))
    ]
    awaiting = and_(
        o.change.is_(None),
        ch.state.in_((ChangeState.APPLIED, ChangeState.SENDING, ChangeState.UNKNOWN)),
        ch.at >= micros(now - AWAITED),
    )
    foreign = and_(
        ch.state.in_((ChangeState.CONFLICT, ChangeState.REVERTED)), ch.at >= micros(now - REMEMBERED_FOREIGN)
    )
    resumed = connection.scalar(select(func.max(tables.audit.c.at)).where(tables.audit.c.what == RESUME))
    wrong = and_(
        or_(ch.state == ChangeState.FAILED, o.state == OutcomeState.WORSE),
        ch.at >= max(resumed or 0, micros(now - AWAITED)),
    )
    recalled = or_(ch.at >= micros(now - REMEMBERED), awaiting, foreign, wrong)
    recent = change_rows().where(recalled).order_by(ch.at, ch.id)
    open_findings = select(tables.findings).where(f.closed.is_(None)).order_by(f.opened, f.id)
    return Recollection(
        beliefs={RoleName(row.role): BELIEFS.value(row.body) for row in connection.execute(select(tables.beliefs))},
        open_findings=tuple(finding_record(row) for row in connection.execute(open_findings)),
        recommendations={record.recommendation.id: record for record in records},
        changes=tuple(change_record(row) for row in connection.execute(recent)),
        stop=stop_now(connection),
        resumed=None if resumed is None else instant(resumed),
    )


def snapshot_of(cycle: Cycle) -> bytes:
    """The cycle as pages need it after a restart. Half the work of keeping a tick: do it before taking the lock."""
    return CYCLE.packed(newest_columns(cycle))


def keep(
    connection: Connection,
    cycle: Cycle,
    past: Recollection,
    policy: str,
    *,
    snapshot: bytes,
    packing: Packing,
    compose: Compose | None,
) -> bool:
    """Store the walk. False when this tick has been stored before."""
    at = micros(cycle.at)
    if connection.scalar(select(tables.cycles.c.at).where(tables.cycles.c.at == at)) is not None:
        return False
    log = Audit(cycle.at)
    charge(connection, cycle)
    connection.execute(
        tables.cycles.insert().values(
            at=at,
            took=json.dumps(dict(cycle.took_seconds)),
            findings=len(cycle.findings),
            decisions=len(cycle.decisions),
        )
    )
    opened, closed = keep_findings(connection, cycle, log)
    proposals = keep_recommendations(connection, cycle, log)
    _decisions(connection, proposals.differing, cycle, past, policy)
    news = News(
        at=cycle.at,
        opened=opened,
        closed=closed,
        proposed=tuple(proposals.opened),
        withdrawn=tuple(proposals.withdrawn),
        changes=settle(connection, cycle.receipts, log),
        outcomes=judge(connection, cycle.outcomes, log),
    )
    _beliefs(connection, cycle, past.beliefs, log)
    _points(connection, cycle.fleet, at, packing)
    connection.execute(upsert(connection, tables.snapshot, key=["id"]).values(id=1, at=at, body=snapshot))
    put(connection, news, compose)
    log.write(connection)
    return True


def _decisions(
    connection: Connection, differing: Sequence[Decision], cycle: Cycle, past: Recollection, policy: str
) -> None:
    if not differing:
        return
    digest = hashlib.sha256(policy.encode()).hexdigest()
    connection.execute(insert_new(connection, tables.policies).values(digest=digest, body=policy))
    inputs = Inputs(fleet=cycle.fleet, past=past, decisions=cycle.decisions)
    connection.execute(tables.inputs.insert().values(at=micros(cycle.at), policy=digest, body=INPUTS.packed(inputs)))
    connection.execute(
        insert_new(connection, tables.decisions),
        [
            {
                "id": d.id,
                "at": micros(d.at),
                "role": d.recommendation.role,
                "recommendation": d.recommendation_id,
                "body": DECISION.text(d),
            }
            for d in differing
        ],
    )


def _beliefs(connection: Connection, cycle: Cycle, before: Mapping[RoleName, RoleBeliefs], log: Audit) -> None:
    new = {role: held for role, held in cycle.beliefs.items() if before.get(role) != held}
    for role, held in new.items():
        note_bounds(log, before.get(role), held, cycle.at)
    rows = [{"role": role, "body": BELIEFS.text(held)} for role, held in new.items()]
    if rows:
        connection.execute(upsert(connection, tables.beliefs, key=["role"]), rows)


def _points(connection: Connection, fleet: Fleet, at: int, packing: Packing) -> None:
    rows = []
    for name, view in fleet.roles.items():
        values = {reading: column[-1] for reading, column in view.columns.items() if column and column[-1] is not None}
        if values:
            rows.append({"role": name, "at": at, "body": packing.pack(values)})
    if rows:
        connection.execute(insert_new(connection, tables.role_points), rows)
