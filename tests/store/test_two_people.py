"""Where two people must approve: one is not enough, the same one twice is not two, and of many at once two decide."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from controlplane.decide.guardrails.approval import FreshApproval
from controlplane.errors import RefusedError
from controlplane.model.cycle import Recollection
from controlplane.model.recommendation import Approval, RecommendationRecord, State
from controlplane.store import schema
from controlplane.store.codec import Codec
from controlplane.store.database import Database
from controlplane.store.ledger import Ledger, open_ledger
from tests.builders import a_recommendation
from tests.decide.cases import a_case
from tests.store.notes import one_note_each
from tests.store.steps import at, keep, minutes, tick

MORE = a_recommendation()


@pytest.fixture
def pair(url: str) -> Iterator[Ledger]:
    """A ledger that takes two people's approval, in which one recommendation is open at version 1."""
    with closing(open_ledger(url, compose=one_note_each, people=2)) as opened:
        keep(opened, tick(0, proposals=[MORE]))
        yield opened


def approve(ledger: Ledger, by: str, number: float = 1, version: int = 1) -> RecommendationRecord:
    return ledger.approve(MORE.id, version, by, at(0) + minutes(number), known=True)


def record_of(ledger: Ledger) -> RecommendationRecord:
    record = ledger.recommendation(MORE.id)
    assert record is not None
    return record


def audited(ledger: Ledger) -> list[tuple[str, str]]:
    with ledger._database.read() as connection:
        return [(row.who, row.what) for row in connection.execute(text("select who, what from audit order by seq"))]


def test_the_first_leaves_it_open_at_the_same_version_and_the_second_decides(pair: Ledger) -> None:
    first = approve(pair, "anna", 1)
    assert (first.state, first.version, first.by) == (State.OPEN, 1, None)
    assert first.approvals == (Approval(by="anna", at=at(0) + minutes(1)),)
    assert record_of(pair) == first, "it is kept"
    second = approve(pair, "bob", 2)
    assert (second.state, second.version, second.approved_by) == (State.APPROVED, 2, "anna and bob")
    assert pair.recall(at(9)).recommendations[MORE.id] == second
    assert audited(pair)[-2:] == [("anna", "approved first"), ("bob", "approved")]
    assert pair.verify_audit() is None


def test_people_are_told_that_one_more_is_needed(pair: Ledger) -> None:
    approve(pair, "anna")
    assert f"{MORE.id}#1 half" in [w.note.key for w in pair.waiting(at(99), minutes(5))]


def test_the_same_person_twice_is_not_two(pair: Ledger) -> None:
    approve(pair, "anna")
    with pytest.raises(RefusedError, match="you have approved it already: one more person is needed"):
        approve(pair, "anna")
    assert [a.by for a in record_of(pair).approvals] == ["anna"]


def test_a_name_on_trust_is_nobody(pair: Ledger) -> None:
    with pytest.raises(RefusedError, match="2 people must approve, each with a token of their own"):
        pair.approve(MORE.id, 1, "bob", at(1))
    approve(pair, "anna")
    with pytest.raises(RefusedError, match="each with a token of their own"):
        pair.approve(MORE.id, 1, "bob", at(1))
    assert record_of(pair).state is State.OPEN


def test_the_first_grows_old_and_the_next_one_is_the_first_again(pair: Ledger) -> None:
    approve(pair, "anna", 1)
    keep(pair, tick(60, proposals=[MORE]))  # 15 min: both the recommendation and the approval still count
    assert [a.by for a in record_of(pair).approvals] == ["anna"]
    late = approve(pair, "bob", 16.1)
    assert (late.state, [a.by for a in late.approvals]) == (State.OPEN, ["bob"])


def test_the_first_is_taken_away_by_the_tick_that_finds_it_old(pair: Ledger) -> None:
    approve(pair, "anna", 1)
    keep(pair, tick(64, proposals=[MORE]))
    assert len(record_of(pair).approvals) == 1, "16 min after it was opened, 15 min after the approval"
    keep(pair, tick(65, proposals=[MORE]))
    record = record_of(pair)
    assert (record.state, record.version, record.approvals) == (State.OPEN, 1, ())
    assert audited(pair)[-1] == ("controlplane", "approval ran out")
    assert approve(pair, "anna", 16.5).approvals[0].by == "anna", "who approved before may do so again"


def test_both_are_gone_when_the_older_one_grew_old_before_it_was_done(pair: Ledger) -> None:
    approve(pair, "anna", 0)
    approve(pair, "bob", 14)
    keep(pair, tick(61, proposals=[MORE]))
    record = record_of(pair)
    assert (record.state, record.version, record.approvals) == (State.OPEN, 3, ())
    assert record.reason == "the approval by anna and bob ran out before it could be applied"
    with pytest.raises(RefusedError, match="version 3, you saw 1"):
        approve(pair, "carol", 15.5)


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(lambda s: (keep(s, tick(8)), keep(s, tick(9, proposals=[MORE]))), id="opened anew"),
        pytest.param(
            lambda s: (approve(s, "bob", 2), keep(s, tick(70, proposals=[MORE]))), id="approved, and ran out of time"
        ),
    ],
)
def test_a_new_version_begins_with_nobody(pair: Ledger, between: Callable[[Ledger], object]) -> None:
    approve(pair, "anna", 1)
    between(pair)
    record = record_of(pair)
    assert (record.state, record.approvals) == (State.OPEN, ())


def test_a_dismissal_by_anybody_ends_it(pair: Ledger) -> None:
    approve(pair, "anna")
    assert pair.dismiss(MORE.id, 1, "bob", "not now", at(5)).state is State.DISMISSED
    with pytest.raises(RefusedError, match="dismissed by bob: not now"):
        approve(pair, "carol")


def test_the_kill_switch_holds_the_second_as_well_as_the_first(pair: Ledger) -> None:
    approve(pair, "anna")
    pair.stop("carol", "incident 7", at(5))
    with pytest.raises(RefusedError, match="stopped by carol"):
        approve(pair, "bob", 2)
    pair.resume("carol", at(9))
    assert approve(pair, "bob", 3).state is State.APPROVED


def test_what_one_approved_before_two_were_needed_is_held(url: str) -> None:
    """The guardrail has the last word, whatever the ledger took: here it was opened with another setting."""
    with closing(open_ledger(url)) as alone:
        keep(alone, tick(0, proposals=[MORE]))
        approve(alone, "anna", 1)
        past = alone.recall(at(5))
    check = FreshApproval(people=2).check(a_case(MORE, past=past, now=at(5)))
    assert (check.passed, check.answerable, check.number) == (False, False, "1 of 2")


def test_where_one_is_enough_again_a_half_approval_is_forgotten(url: str) -> None:
    with closing(open_ledger(url, people=2)) as pair:
        keep(pair, tick(0, proposals=[MORE]))
        approve(pair, "anna", 1)
    with closing(open_ledger(url)) as alone:
        assert alone.approve(MORE.id, 1, "anna", at(6)).approved_by == "anna"


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Do all of it at the same instant; what was refused."""
    refused: list[str] = []
    gate = threading.Barrier(len(acts))

    def person(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
        except RefusedError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=person, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_two_people_at_the_same_instant_are_two(pair: Ledger) -> None:
    assert at_once(lambda: approve(pair, "anna"), lambda: approve(pair, "bob")) == []
    record = record_of(pair)
    assert (record.state, {a.by for a in record.approvals}) == (State.APPROVED, {"anna", "bob"})


def test_one_person_with_eight_windows_is_one(pair: Ledger) -> None:
    refused = at_once(*(lambda: approve(pair, "anna") for _ in range(8)))
    assert refused == ["you have approved it already: one more person is needed"] * 7
    record = record_of(pair)
    assert (record.state, [a.by for a in record.approvals]) == (State.OPEN, ["anna"])


def test_of_many_people_at_once_two_decide_and_the_others_are_told(pair: Ledger) -> None:
    acts = [lambda name=f"person-{i}": approve(pair, name) for i in range(8)]  # type: ignore[misc]
    refused = at_once(*acts, *acts)
    record = record_of(pair)
    assert (record.state, record.version, len({a.by for a in record.approvals})) == (State.APPROVED, 2, 2)
    assert len(refused) == 14
    assert [what for _, what in audited(pair) if "approved" in what] == ["approved first", "approved"]


@pytest.mark.parametrize("url", [pytest.param("postgresql", marks=pytest.mark.real)], indirect=True)
def test_two_people_at_two_control_planes_are_two(url: str) -> None:
    """One database, two that take approvals: nothing of one is written over by the other."""
    with closing(open_ledger(url, people=2)) as one, closing(open_ledger(url, people=2)) as other:
        one.lease.turn()
        keep(one, tick(0, proposals=[MORE]))
        assert at_once(lambda: approve(one, "anna"), lambda: approve(other, "bob")) == []
        refused = at_once(lambda: approve(one, "carol", version=2), lambda: approve(other, "dora", version=2))
        assert len(refused) == 2
        record = record_of(other)
        assert (record.state, {a.by for a in record.approvals}) == (State.APPROVED, {"anna", "bob"})


def test_an_older_ledger_is_brought_up_to_date_with_what_was_approved_in_it(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    database = Database(f"sqlite:///{file}")
    config, _ = schema._alembic(schema.MIGRATIONS)
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
    database.close()
    before = tmp_path / "new.db"
    with closing(open_ledger(f"sqlite:///{before}")) as new:
        keep(new, tick(0, proposals=[MORE]))
        new.approve(MORE.id, 1, "ada", at(1))
    with closing(sqlite3.connect(file)) as old, closing(sqlite3.connect(before)) as new_file:
        columns = "id, number, newest, role, state, version, opened, seen, by, reason, decided, shape, body"
        rows = new_file.execute(f"select {columns} from recommendations").fetchall()
        old.executemany(f"insert into recommendations ({columns}) values ({','.join('?' * 13)})", rows)
        old.commit()
    with closing(open_ledger(f"sqlite:///{file}")) as upgraded:
        record = record_of(upgraded)
    assert (record.state, record.approved_by, record.first) == (State.APPROVED, "ada", None)


def test_a_past_that_was_stored_before_is_read_with_one_approval() -> None:
    codec = Codec(RecommendationRecord)
    record = RecommendationRecord(
        recommendation=MORE,
        number=1,
        state=State.APPROVED,
        opened=at(0),
        seen=at(1),
        version=2,
        by="ada",
        decided=at(1),
    )
    stored = codec.text(record)
    assert ',"first":null' in stored
    read = codec.value(stored.replace(',"first":null', ""))
    assert read == record
    case = a_case(MORE, past=Recollection(recommendations={MORE.id: read}), now=at(2))
    assert FreshApproval().check(case).said == "approved by ada"
