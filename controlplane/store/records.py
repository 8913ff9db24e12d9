"""Rows of the ledger as the values of the model, and the codecs that read and write their bodies."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select
from sqlalchemy.dialects import postgresql, sqlite

from controlplane.loop.news import Note
from controlplane.model.belief import RoleBeliefs
from controlplane.model.change import Change, ChangeRecord, Outcome, Receipt
from controlplane.model.cycle import Cycle, Recollection, Stop
from controlplane.model.decision import Decision
from controlplane.model.finding import Finding, FindingRecord
from controlplane.model.fleet import Fleet
from controlplane.model.recommendation import Approval, Recommendation, RecommendationRecord, State
from controlplane.store.codec import Codec, instant
from controlplane.store.tables import changes, outcomes, stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All that one tick's decisions were made from besides the policy, and the decisions."""

    fleet: Fleet
    past: Recollection
    decisions: tuple[Decision, ...]


FINDING = Codec(Finding)
RECOMMENDATION = Codec(Recommendation)
DECISION = Codec(Decision)
CHANGE = Codec(Change)
RECEIPT = Codec(Receipt)
OUTCOME = Codec(Outcome)
BELIEFS = Codec(RoleBeliefs)
CYCLE = Codec(Cycle)
INPUTS = Codec(Inputs)
NOTE = Codec(Note)

LIVE = (State.OPEN, State.APPROVED)
"""States in which a recommendation still waits for something."""


def insert_new(connection: Connection, table: Any) -> Any:
    """An insert that leaves an existing row as it is."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).on_conflict_do_nothing()


def upsert(connection: Connection, table: Any, *, key: list[str]) -> Any:
    """An insert that replaces every other column of an existing row."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made = dialect.insert(table)
    rest = {c.name: made.excluded[c.name] for c in table.columns if c.name not in key}
    return made.on_conflict_do_update(index_elements=key, set_=rest)


def add_up(connection: Connection, table: Any, *, key: list[str]) -> Any:
    """An insert that adds every other column to that of an existing row."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made = dialect.insert(table)
    rest = {c.name: c + made.excluded[c.name] for c in table.columns if c.name not in key}
    return made.on_conflict_do_update(index_elements=key, set_=rest)


def clean(said: str, limit: int = 2000) -> str:
    """Text a person typed, as any database takes it: no NUL, no half characters, bounded."""
    text = said.encode("utf-8", "replace").decode().replace("\x00", "").strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def maybe_instant(stored: int | None) -> datetime | None:
    """An instant that may be absent."""
    return None if stored is None else instant(stored)


def finding_record(row: Row[Any]) -> FindingRecord:
    """A row of ``findings``."""
    return FindingRecord(
        finding=FINDING.value(row.body),
        number=row.number,
        opened=instant(row.opened),
        seen=instant(row.seen),
        closed=maybe_instant(row.closed),
    )


def recommendation_record(row: Row[Any]) -> RecommendationRecord:
    """A row of ``recommendations``."""
    return RecommendationRecord(
        recommendation=RECOMMENDATION.value(row.body),
        number=row.number,
        state=State(row.state),
        opened=instant(row.opened),
        seen=instant(row.seen),
        version=row.version,
        by=row.by,
        reason=row.reason,
        decided=maybe_instant(row.decided),
        first=None if row.first_by is None else Approval(by=row.first_by, at=instant(row.first_at)),
    )


def change_rows() -> Select[Any]:
    """Changes with what became of them."""
    joined = changes.outerjoin(outcomes, outcomes.c.change == changes.c.id)
    return select(changes, outcomes.c.body.label("outcome")).select_from(joined)


def change_record(row: Row[Any]) -> ChangeRecord:
    """A row of :func:`change_rows`."""
    return ChangeRecord(
        change=CHANGE.value(row.body),
        receipt=None if row.receipt is None else RECEIPT.value(row.receipt),
        outcome=None if row.outcome is None else OUTCOME.value(row.outcome),
    )


def stop_now(connection: Connection) -> Stop | None:
    """The kill switch, when it is on."""
    row = connection.execute(select(stop)).first()
    return None if row is None else Stop(by=row.by, at=instant(row.at), reason=row.reason)


def newest_columns(cycle: Cycle) -> Cycle:
    """The cycle with only the newest value of each reading: enough for a page after a restart."""
    roles = {
        name: dataclasses.replace(
            view,
            ticks=view.ticks[-1:],
            columns={reading: column[-1:] for reading, column in view.columns.items()},
        )
        for name, view in cycle.fleet.roles.items()
    }
    return dataclasses.replace(cycle, fleet=dataclasses.replace(cycle.fleet, roles=roles))
