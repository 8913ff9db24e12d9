"""Every deed leaves a line, and no line can be changed unseen."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, select, text, update

from controlplane.errors import StoreError
from controlplane.store.ledger import Ledger
from controlplane.store.tables import audit
from tests.builders import a_change, a_finding, a_receipt, a_recommendation, an_outcome
from tests.store.steps import at, keep, tick

MORE = a_recommendation()


def lines(ledger: Ledger) -> list[tuple[str, str, str]]:
    with ledger._database.read() as connection:
        rows = connection.execute(select(audit.c.who, audit.c.what, audit.c.subject).order_by(audit.c.seq)).all()
    return [(who, what, subject) for who, what, subject in rows]


@pytest.fixture
def lived(ledger: Ledger) -> Ledger:
    """A ledger with a whole story in it."""
    keep(ledger, tick(0, findings=(a_finding(),), proposals=[MORE]))
    ledger.approve(MORE.id, 1, "ada", at(0))
    change = a_change(MORE, at=at(1), by="ada")
    ledger.intend(change)
    keep(ledger, tick(1, findings=(a_finding(),), proposals=[MORE], receipts=(a_receipt(change),)))
    keep(ledger, tick(2, outcomes=(an_outcome(change),)))
    ledger.stop("bob", "enough", at(3))
    ledger.resume("bob", at(4))
    return ledger


def test_who_did_what_is_told_in_order(lived: Ledger) -> None:
    change = a_change(MORE, at=at(1), by="ada").id
    assert lines(lived) == [
        ("controlplane", "finding opened", "queue-buildup:planner"),
        ("controlplane", "recommendation opened", MORE.id),
        ("ada", "approved", MORE.id),
        ("ada", "change intended", change),
        ("controlplane", "change applied", change),
        ("controlplane", "finding closed", "queue-buildup:planner"),
        ("controlplane", "outcome met", change),
        ("bob", "stop", "fleet"),
        ("bob", "resume", "fleet"),
    ]
    assert lived.verify_audit() is None


@pytest.mark.parametrize("statement", [update(audit).values(who="mallory"), delete(audit)], ids=["update", "delete"])
def test_the_database_itself_refuses_to_change_a_line(lived: Ledger, statement: object) -> None:
    with pytest.raises(StoreError, match="append-only"), lived._database.write() as connection:
        connection.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "forged",
    [
        "update audit set who = 'mallory' where seq = 4",
        "update audit set detail = '{}' where seq = 4",
        "delete from audit where seq = 4",
        "update audit set seq = 40 where seq = 4",
    ],
)
def test_a_forged_line_breaks_the_chain_where_it_is(lived: Ledger, forged: str) -> None:
    with lived._database.write() as connection:
        for what in ("update", "delete"):
            on = " on audit" if connection.dialect.name == "postgresql" else ""
            connection.execute(text(f"drop trigger audit_no_{what}{on}"))
        connection.execute(text(forged))
    assert lived.verify_audit() == 4


def test_a_deed_that_fails_leaves_no_line(lived: Ledger) -> None:
    before = lines(lived)
    bad = replace(tick(9, findings=(a_finding("x"),)), took_seconds={"collect": float("nan")})
    with pytest.raises(StoreError):
        keep(lived, bad)
    assert lines(lived) == before


def test_nothing_done_leaves_no_line(ledger: Ledger) -> None:
    keep(ledger, tick(0))
    assert lines(ledger) == []
