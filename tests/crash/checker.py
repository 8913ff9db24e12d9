"""Compares three records of what happened: what was acknowledged, what the ledger holds, what the world saw."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from sqlalchemy import func, select, text

from controlplane.model.change import ChangeState
from controlplane.store import tables
from controlplane.store.ledger import Ledger
from tests.builders import STEP
from tests.crash.life import ROLES, WINDOW, Place
from tests.store.steps import at


def wrong(ledger: Ledger, place: Place, acks: list[str]) -> list[str]:
    """Every broken promise, in words; empty when all were kept."""
    said: list[str] = []
    with ledger._database.read() as connection:
        kept = {
            int((row - _micros(0)) / (STEP.total_seconds() * 1e6))
            for row in connection.scalars(select(tables.cycles.c.at))
        }
        points = dict(
            connection.execute(select(tables.role_points.c.at, func.count()).group_by(tables.role_points.c.at)).all()
        )
        approvals = Counter(connection.scalars(select(tables.audit.c.subject).where(tables.audit.c.what == "approved")))
        newest = Counter(connection.scalars(select(tables.recommendations.c.id).where(tables.recommendations.c.newest)))
        groups = dict(connection.execute(select(tables.outbox.c.key, tables.outbox.c.group)).all())
        if ledger._database.sqlite:
            said += [
                f"integrity: {line}" for line in connection.scalars(text("pragma integrity_check")) if line != "ok"
            ]
    said += [f"tick {n} was acknowledged and is lost" for n in sorted(_acked(acks, "kept") - {str(n) for n in kept})]
    said += [f"tick {n} is missing" for n in range(max(kept) + 1) if n not in kept]
    said += [f"tick {at_} has {n} role points" for at_, n in points.items() if n != len(ROLES)]
    for id_, times in Counter(a.split()[1] for a in acks if a.startswith("approved ")).items():
        if approvals[id_] < times:
            said.append(f"an acknowledged approval of {id_} is lost")
    said += [f"{id_} has {n} newest records" for id_, n in newest.items() if n != 1]
    said += _lives(ledger)
    said += _effects(ledger, place)
    said += _messages(place, groups)
    broken = ledger.verify_audit()
    if broken is not None:
        said.append(f"the audit is broken at line {broken}")
    return said


def history(ledger: Ledger) -> dict[str, list[Any]]:
    """What the ledger says happened, without what may differ between a life and two."""
    f, r, c, o = tables.findings.c, tables.recommendations.c, tables.changes.c, tables.outcomes.c
    with ledger._database.read() as connection:
        return {
            "findings": [
                list(x)
                for x in connection.execute(select(f.id, f.number, f.opened, f.seen, f.closed).order_by(f.id, f.number))
            ],
            "recommendations": [
                list(x)
                for x in connection.execute(
                    select(r.id, r.number, r.state, r.opened, r.seen, r.version).order_by(r.id, r.number)
                )
            ],
            "changes": [list(x) for x in connection.execute(select(c.id, c.number, c.at, c.state).order_by(c.id))],
            "outcomes": [list(x) for x in connection.execute(select(o.change, o.at, o.state).order_by(o.change))],
        }


def _lives(ledger: Ledger) -> list[str]:
    """Openings of one finding are numbered without a hole and never overlap."""
    said: list[str] = []
    by_id = defaultdict(list)
    for record in ledger.findings(limit=2000):
        by_id[record.finding.id].append(record)
    for id_, records in by_id.items():
        records.sort(key=lambda r: r.number)
        if [r.number for r in records] != list(range(1, len(records) + 1)):
            said.append(f"{id_} is numbered {[r.number for r in records]}")
        said += [f"{id_} opened twice" for a, b in pairwise(records) if a.closed is None or a.closed > b.opened]
    return said


def _effects(ledger: Ledger, place: Place) -> list[str]:
    done = Counter(entry["change"] for entry in place.journal("effects"))
    states = {record.change.id: record.state for record in ledger.changes(limit=2000)}
    return [
        *(f"{id_} took effect {n} times" for id_, n in done.items() if n != 1),
        *(f"{id_} took effect and is {states.get(id_)}" for id_ in done if states.get(id_) is not ChangeState.APPLIED),  # type: ignore[call-overload]
        *(f"{id_} is {state} and took no effect" for id_, state in states.items() if id_ not in done),
    ]


def _messages(place: Place, groups: dict[str, str]) -> list[str]:
    said: list[str] = []
    by_key, by_group = defaultdict(list), defaultdict(list)
    for entry in place.journal("told"):
        for key in entry["keys"]:
            by_key[key].append(entry["at"])
        for group in {groups[key] for key in entry["keys"]}:
            by_group[group].append(entry["at"])
    ticks = WINDOW / STEP
    for name, times in [*by_key.items(), *by_group.items()]:
        said += [f"{name} was told at ticks {a} and {b}" for a, b in pairwise(times) if b - a < ticks]
    return said


def _acked(acks: list[str], what: str) -> set[str]:
    return {a.split()[1] for a in acks if a.startswith(f"{what} ")}


def _micros(number: int) -> int:
    return int(at(number).timestamp() * 1e6)
