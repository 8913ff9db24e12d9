"""Recommendations in the ledger: proposed, seen again, and closed when nobody proposes them any more."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Update, bindparam, insert, or_, select, update

from controlplane.model.cycle import Cycle
from controlplane.model.decision import Decision
from controlplane.model.recommendation import Recommendation, RecommendationRecord, State
from controlplane.model.units import seconds_text
from controlplane.store.audit import Audit
from controlplane.store.codec import micros
from controlplane.store.keep_findings import ME
from controlplane.store.records import LIVE, RECOMMENDATION, recommendation_record
from controlplane.store.reopening import may_reopen
from controlplane.store.tables import recommendations


@dataclass(slots=True)
class KeptProposals:
    """What storing the proposals of a tick led to."""

    opened: list[RecommendationRecord] = field(default_factory=list)
    differing: list[Decision] = field(default_factory=list)
    """Decisions that are new, or differ from the last one stored for their recommendation."""
    withdrawn: list[RecommendationRecord] = field(default_factory=list)


def keep_recommendations(connection: Connection, cycle: Cycle, log: Audit) -> KeptProposals:
    """Store what was proposed and decided; expire or supersede what was not proposed again."""
    proposals: dict[str, Decision] = {d.recommendation_id: d for d in cycle.decisions}
    rows = _newest(connection, proposals)
    kept = KeptProposals()
    seen: list[dict[str, Any]] = []
    for id_, decision in proposals.items():
        row, shape = rows.get(id_), shape_of(decision)
        if row is None or (row.state not in LIVE and may_reopen(connection, row, cycle.at)):
            kept.opened.append(open_again(connection, row, decision.recommendation, cycle.at, State.OPEN, shape=shape))
            log.note(ME, "recommendation opened", id_, number=kept.opened[-1].number, verdict=decision.verdict)
        else:
            if _approved(row) and not recommendation_record(row).fresh(cycle.at):
                _ran_out(connection, row, log)
            frozen = row.state != State.OPEN  # what was approved stays what is shown
            body = row.body if frozen else RECOMMENDATION.text(decision.recommendation)
            seen.append({"key": id_, "no": row.number, "now": micros(cycle.at), "looks": shape, "text": body})
        if row is None or row.shape != shape:
            kept.differing.append(decision)
    if seen:
        connection.execute(
            update(recommendations)
            .where(recommendations.c.id == bindparam("key"), recommendations.c.number == bindparam("no"))
            .values(seen=bindparam("now"), shape=bindparam("looks"), body=bindparam("text")),
            seen,
        )
    for row in rows.values():
        if row.state in LIVE and row.id not in proposals and _let_go(connection, row, cycle, log):
            kept.withdrawn.append(recommendation_record(row))
    return kept


def shape_of(decision: Decision) -> str:
    """What makes two decisions about one recommendation the same: verdict, who objected, who approved.

    The numbers inside the objections move every tick and are not part of it.
    """
    return "|".join([decision.verdict, decision.approved_by or "", *sorted(c.guardrail for c in decision.objections)])


def open_again(
    connection: Connection,
    row: Row[Any] | None,
    recommendation: Recommendation,
    at: datetime,
    state: State,
    *,
    shape: str = "",
) -> RecommendationRecord:
    """A new record after ``row`` (or the first one)."""
    if row is not None:
        connection.execute(
            update(recommendations).where(recommendations.c.id == row.id, recommendations.c.newest).values(newest=False)
        )
    record = RecommendationRecord(
        recommendation=recommendation,
        number=row.number + 1 if row is not None else 1,
        state=state,
        opened=at,
        seen=at,
        version=1,
    )
    connection.execute(
        insert(recommendations).values(
            id=recommendation.id,
            number=record.number,
            newest=True,
            role=recommendation.role,
            state=state,
            version=1,
            opened=micros(at),
            seen=micros(at),
            shape=shape,
            body=RECOMMENDATION.text(recommendation),
        )
    )
    return record


def move(connection: Connection, row: Row[Any], state: State, **values: Any) -> bool:
    """Change the state of exactly the version that was read. False when somebody was faster."""
    done = connection.execute(_as_read(row).values(state=state, version=row.version + 1, **values))
    return done.rowcount == 1


def hold(connection: Connection, row: Row[Any], *, by: str | None, at: datetime | None) -> bool:
    """Put down the first of two approvals (or take it away) without a new version. False when somebody was faster."""
    done = connection.execute(_as_read(row).values(first_by=by, first_at=None if at is None else micros(at)))
    return done.rowcount == 1


def _as_read(row: Row[Any]) -> Update:
    """An update of a record, if it is still as it was read."""
    c = recommendations.c
    return update(recommendations).where(
        c.id == row.id,
        c.number == row.number,
        c.version == row.version,
        c.state == row.state,
        c.first_by.is_not_distinct_from(row.first_by),
        c.first_at.is_not_distinct_from(row.first_at),
    )


def newest_row(connection: Connection, id_: str) -> Row[Any] | None:
    """The newest record of one id."""
    return connection.execute(
        select(recommendations).where(recommendations.c.id == id_, recommendations.c.newest)
    ).first()


def _newest(connection: Connection, proposals: dict[str, Decision]) -> dict[str, Row[Any]]:
    c = recommendations.c
    chosen = select(recommendations).where(c.newest, or_(c.id.in_(list(proposals)), c.state.in_(LIVE)))
    return {row.id: row for row in connection.execute(chosen)}


def _approved(row: Row[Any]) -> bool:
    """Whether somebody has said yes to it, and it has not been done yet."""
    return row.state == State.APPROVED or (row.state == State.OPEN and row.first_by is not None)


def _ran_out(connection: Connection, row: Row[Any], log: Audit) -> None:
    """An approval that could not be carried out in time counts no more; the question is open again.

    The first of two takes no version with it: what the second person sees is still what is asked.
    """
    by = recommendation_record(row).approved_by
    if row.state == State.OPEN:
        gone = hold(connection, row, by=None, at=None)
    else:
        said = f"the approval by {by} ran out before it could be applied"
        gone = move(connection, row, State.OPEN, by=None, decided=None, first_by=None, first_at=None, reason=said)
    if gone:
        log.note(ME, "approval ran out", row.id, number=row.number, by=by)


def _let_go(connection: Connection, row: Row[Any], cycle: Cycle, log: Audit) -> bool:
    """Expire or supersede what is not proposed any more. False when its data is missing: it stays for a while."""
    record = recommendation_record(row)
    mine = record.recommendation
    unsure = set(cycle.unsure)
    if any(f in unsure for f in mine.findings) and cycle.at - record.seen <= mine.good_for:
        return False
    state, said = State.EXPIRED, "no longer proposed"
    if any(f in unsure for f in mine.findings):
        said = f"not seen for {seconds_text((cycle.at - record.seen).total_seconds())}: its data is missing"
    for decision in cycle.decisions:
        if decision.recommendation.patch.target == mine.patch.target:
            state, said = State.SUPERSEDED, f"replaced by {decision.recommendation_id}"
            break
    if not move(connection, row, state, reason=said):
        return False
    log.note(ME, f"recommendation {state}", row.id, number=row.number, why=said)
    return True
