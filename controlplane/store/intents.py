"""The intent log: a change is written down before it is sent, and what became of it after.

A row ``sending`` without a receipt is the mark a crash leaves; the sweep looks at the world before it
does anything about it.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select, update

from controlplane.model.change import OPEN, WITHOUT_EFFECT, Change, ChangeRecord, ChangeState, Outcome, Receipt
from controlplane.model.recommendation import State
from controlplane.store.audit import Audit
from controlplane.store.codec import micros
from controlplane.store.keep_findings import ME
from controlplane.store.keep_recommendations import move, newest_row, open_again
from controlplane.store.records import (
    CHANGE,
    LIVE,
    OUTCOME,
    RECEIPT,
    change_record,
    change_rows,
    insert_new,
    stop_now,
)
from controlplane.store.reopening import may_reopen
from controlplane.store.tables import changes, outcomes


def intend(connection: Connection, change: Change) -> bool:
    """Write the intent and mark the recommendation applied. False when the change must not be sent.

    It must not when everything is stopped, when it (or another change of the same recommendation) is under way
    or done, when a person has dismissed it meanwhile, or when the approval it rests on is gone.
    """
    log = Audit(change.at)
    allowed = _intend(connection, change, log)
    log.write(connection)
    return allowed


def _intend(connection: Connection, change: Change, log: Audit) -> bool:
    id_ = change.recommendation.id
    pulled = stop_now(connection)
    if pulled is not None:
        log.note(ME, "change refused", change.id, why="stopped", by=pulled.by)
        return False
    if connection.scalar(select(changes.c.id).where(changes.c.id == change.id)) is not None:
        return False
    row = newest_row(connection, id_)
    if change.approved_by is not None and (row is None or row.state != State.APPROVED):
        log.note(ME, "change refused", change.id, why="its approval is gone", by=change.approved_by)
        return False
    if row is not None and row.state in LIVE:
        if not move(connection, row, State.APPLIED):
            return False
        number = row.number
    elif row is None or may_reopen(connection, row, change.at):
        number = open_again(connection, row, change.recommendation, change.at, State.APPLIED).number
    else:
        log.note(ME, "change refused", change.id, why=f"already {row.state}")
        return False
    connection.execute(
        insert(changes).values(
            id=change.id,
            recommendation=id_,
            number=number,
            role=change.role,
            at=micros(change.at),
            state=ChangeState.SENDING,
            body=CHANGE.text(change),
        )
    )
    log.note(change.approved_by or ME, "change intended", change.id, patch=str(change.patch)[:1000])
    return True


def settle(connection: Connection, receipts: Iterable[Receipt], log: Audit) -> tuple[ChangeRecord, ...]:
    """Write down what became of changes; returns those of which it was news.

    What is known stays: only an open change gets an answer, and only an applied one can be changed back.
    """
    settled = []
    for receipt in receipts:
        before = _BEFORE.get(receipt.state, OPEN)
        done = connection.execute(
            update(changes)
            .where(changes.c.id == receipt.change, changes.c.state.in_(before))
            .values(state=receipt.state, receipt=RECEIPT.text(receipt))
        )
        if done.rowcount != 1:
            continue
        row = connection.execute(change_rows().where(changes.c.id == receipt.change)).one()
        log.note(ME, f"change {receipt.state}", receipt.change, said=receipt.said[:500], where=receipt.where[:500])
        if receipt.state in WITHOUT_EFFECT:
            _not_done(connection, row.recommendation, receipt)
        settled.append(change_record(row))
    return tuple(settled)


_BEFORE = {ChangeState.UNKNOWN: (ChangeState.SENDING,), ChangeState.REVERTED: (ChangeState.APPLIED,)}


def _not_done(connection: Connection, recommendation: str, receipt: Receipt) -> None:
    """A change that was not made leaves its question open: the next proposal asks again."""
    row = newest_row(connection, recommendation)
    if row is not None and row.state == State.APPLIED:
        move(connection, row, State.EXPIRED, reason=f"could not be written: {receipt.said}"[:500])


def judge(connection: Connection, judged: Iterable[Outcome], log: Audit) -> tuple[ChangeRecord, ...]:
    """Store outcomes, each change's once; returns the changes that have just been judged."""
    records = []
    for outcome in judged:
        row = connection.execute(change_rows().where(changes.c.id == outcome.change)).first()
        if row is None or row.outcome is not None:
            continue
        connection.execute(
            insert_new(connection, outcomes).values(
                change=outcome.change, at=micros(outcome.at), state=outcome.state, body=OUTCOME.text(outcome)
            )
        )
        log.note(ME, f"outcome {outcome.state}", outcome.change, said=outcome.said[:500])
        before = change_record(row)
        records.append(ChangeRecord(change=before.change, receipt=before.receipt, outcome=outcome))
    return tuple(records)


def unsettled(connection: Connection) -> tuple[Change, ...]:
    """Changes whose effect is not known, oldest first."""
    rows = connection.execute(select(changes.c.body).where(changes.c.state.in_(OPEN)).order_by(changes.c.at))
    return tuple(CHANGE.value(row.body) for row in rows)
