"""Findings in the ledger: opened once, seen again and again, closed when their condition is known to be over."""

from sqlalchemy import Connection, bindparam, func, insert, select, update

from controlplane.model.cycle import Cycle
from controlplane.model.finding import Finding, FindingRecord
from controlplane.store.audit import Audit
from controlplane.store.codec import instant, micros
from controlplane.store.records import FINDING, finding_record
from controlplane.store.tables import findings

ME = "controlplane"


def keep_findings(
    connection: Connection, cycle: Cycle, log: Audit
) -> tuple[tuple[FindingRecord, ...], tuple[FindingRecord, ...]]:
    """Store what was seen; returns what opened and what closed.

    A finding that is neither seen nor unsure is over. One that is unsure stays as it is: nothing is concluded
    from data that is not there.
    """
    at = micros(cycle.at)
    current: dict[str, Finding] = {f.id: f for f in cycle.findings}
    open_rows = {row.id: row for row in connection.execute(select(findings).where(findings.c.closed.is_(None)))}

    seen = [
        {"key": id_, "no": row.number, "now": at, "text": FINDING.text(current[id_])}
        for id_, row in open_rows.items()
        if id_ in current
    ]
    if seen:
        connection.execute(
            update(findings)
            .where(findings.c.id == bindparam("key"), findings.c.number == bindparam("no"))
            .values(seen=bindparam("now"), body=bindparam("text")),
            seen,
        )
    opened = _open(connection, [f for id_, f in current.items() if id_ not in open_rows], cycle, log)

    unsure = set(cycle.unsure)
    over = [row for id_, row in open_rows.items() if id_ not in current and id_ not in unsure]
    if over:
        connection.execute(
            update(findings)
            .where(findings.c.id == bindparam("key"), findings.c.number == bindparam("no"))
            .values(closed=bindparam("now")),
            [{"key": row.id, "no": row.number, "now": at} for row in over],
        )
    closed = []
    for row in over:
        record = finding_record(row)
        log.note(ME, "finding closed", row.id, number=row.number)
        closed.append(
            FindingRecord(
                finding=record.finding, number=record.number, opened=record.opened, seen=record.seen, closed=instant(at)
            )
        )
    return opened, tuple(closed)


def _open(connection: Connection, new: list[Finding], cycle: Cycle, log: Audit) -> tuple[FindingRecord, ...]:
    if not new:
        return ()
    ids = [f.id for f in new]
    numbers = dict(
        connection.execute(
            select(findings.c.id, func.max(findings.c.number)).where(findings.c.id.in_(ids)).group_by(findings.c.id)
        ).all()
    )
    records = tuple(
        FindingRecord(finding=f, number=numbers.get(f.id, 0) + 1, opened=cycle.at, seen=cycle.at) for f in new
    )
    at = micros(cycle.at)
    connection.execute(
        insert(findings),
        [
            {
                "id": r.finding.id,
                "number": r.number,
                "role": r.finding.role,
                "opened": at,
                "seen": at,
                "closed": None,
                "body": FINDING.text(r.finding),
            }
            for r in records
        ],
    )
    for r in records:
        log.note(ME, "finding opened", r.finding.id, number=r.number, severity=r.finding.severity)
    return records
