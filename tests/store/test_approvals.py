"""What a person may do, and what they are told when it must not be done."""

import threading
from collections.abc import Callable

import pytest

from controlplane.errors import NotFoundError, RefusedError, StoreError
from controlplane.model.keys import RecommendationId
from controlplane.model.recommendation import State
from controlplane.store.ledger import Ledger
from tests.builders import a_change, a_recommendation
from tests.store.steps import at, keep, minutes, tick

MORE = a_recommendation()


@pytest.fixture
def asked(ledger: Ledger) -> Ledger:
    """A ledger in which one recommendation is open at version 1."""
    keep(ledger, tick(0, proposals=[MORE]))
    return ledger


def test_approving_what_was_seen_says_who_and_when(asked: Ledger) -> None:
    record = asked.approve(MORE.id, 1, "ada", at(1))
    assert (record.state, record.version, record.by, record.decided) == (State.APPROVED, 2, "ada", at(1))
    assert asked.recall(at(1)).recommendations[MORE.id] == record


def test_dismissing_keeps_the_reason(asked: Ledger) -> None:
    record = asked.dismiss(MORE.id, 1, "ada", "we are migrating", at(1))
    assert (record.state, record.reason, record.by) == (State.DISMISSED, "we are migrating", "ada")


def test_an_approved_one_can_still_be_dismissed(asked: Ledger) -> None:
    asked.approve(MORE.id, 1, "ada", at(1))
    assert asked.dismiss(MORE.id, 2, "bob", "wait", at(1)).state is State.DISMISSED


@pytest.mark.parametrize(
    ("before", "words"),
    [
        pytest.param(lambda s: s.approve(MORE.id, 1, "bob", at(0)), "version 2, you saw 1", id="approved by another"),
        pytest.param(lambda s: s.dismiss(MORE.id, 1, "bob", "no", at(0)), "dismissed by bob: no", id="dismissed"),
        pytest.param(lambda s: keep(s, tick(1)), "expired: no longer proposed", id="gone"),
        pytest.param(lambda s: s.intend(a_change(MORE, at=at(1), by=None)), "applied", id="applied"),
        pytest.param(lambda s: s.stop("bob", "incident 7", at(0)), "stopped by bob: incident 7", id="stopped"),
    ],
)
def test_an_approval_is_refused_with_the_reason(asked: Ledger, before: Callable[[Ledger], object], words: str) -> None:
    before(asked)
    with pytest.raises(RefusedError, match=words):
        asked.approve(MORE.id, 1, "ada", at(1))


def test_a_second_click_is_told_who_was_first(asked: Ledger) -> None:
    asked.approve(MORE.id, 1, "ada", at(1))
    with pytest.raises(RefusedError, match="already approved by ada"):
        asked.approve(MORE.id, 2, "ada", at(1))


def test_an_approval_after_its_time_is_refused(asked: Ledger) -> None:
    with pytest.raises(RefusedError, match="last proposed 15 min ago"):
        asked.approve(MORE.id, 1, "ada", at(0) + minutes(15.1))
    assert asked.approve(MORE.id, 1, "ada", at(0) + minutes(15)).state is State.APPROVED


def test_an_approval_does_not_carry_over_to_the_next_opening(asked: Ledger) -> None:
    keep(asked, tick(1))
    keep(asked, tick(2, proposals=[MORE]))
    record = asked.recommendation(MORE.id)
    assert record is not None
    assert (record.number, record.state) == (2, State.OPEN)


def test_an_unknown_recommendation_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError):
        ledger.approve(RecommendationId("nothing"), 1, "ada", at(0))
    with pytest.raises(NotFoundError):
        ledger.dismiss(RecommendationId("'; drop table audit"), 1, "ada", "x", at(0))


def test_a_dismissal_without_a_reason_is_refused(asked: Ledger) -> None:
    with pytest.raises(RefusedError, match="say why"):
        asked.dismiss(MORE.id, 1, "ada", " \x00 ", at(0))


def test_hostile_words_are_stored_harmlessly(asked: Ledger) -> None:
    record = asked.dismiss(MORE.id, 1, "a\x00da", "\ud800<script>\x00" + "x" * 9000, at(0))
    assert record.by == "ada"
    assert record.reason is not None
    assert record.reason.startswith("?<script>x")
    assert len(record.reason) == 2000


def test_of_many_people_at_once_exactly_one_wins(asked: Ledger) -> None:
    won: list[str] = []
    lost: list[str] = []
    gate = threading.Barrier(8)

    def person(name: str) -> None:
        gate.wait()
        try:
            asked.approve(MORE.id, 1, name, at(1))
            won.append(name)
        except RefusedError as error:
            lost.append(str(error))

    threads = [threading.Thread(target=person, args=(f"person-{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = asked.recommendation(MORE.id)
    assert record is not None
    assert ([record.by], len(lost)) == (won, 7)


def test_the_kill_switch_is_recalled_until_it_is_released(ledger: Ledger) -> None:
    assert ledger.stopped() is None
    ledger.stop("ada", "incident 7", at(0))
    ledger.stop("bob", "me too", at(1))
    stop = ledger.recall(at(1)).stop
    assert stop == ledger.stopped()
    assert stop is not None
    assert (stop.by, stop.reason, stop.at) == ("ada", "incident 7", at(0))
    assert ledger.recall(at(1)).resumed is None
    ledger.resume("ada", at(2))
    ledger.resume("ada", at(3))
    assert ledger.stopped() is None
    assert ledger.recall(at(4)).resumed == at(2), "released once: the second time there was nothing to release"
    assert [w.note.key for w in ledger.waiting(at(9), minutes(5))] == ["stopped", "resumed"]


def test_ticks_and_people_write_at_the_same_time_without_losing_anything(ledger: Ledger) -> None:
    many = [a_recommendation(f"role-{i}") for i in range(6)]
    keep(ledger, tick(0, proposals=many))
    failures: list[BaseException] = []

    def walk() -> None:
        try:
            for number in range(1, 30):
                keep(ledger, tick(number, proposals=many))
        except StoreError as error:
            failures.append(error)

    def person(i: int) -> None:
        try:
            ledger.approve(many[i].id, 1, f"person-{i}", at(1))
            for _ in range(20):
                ledger.recommendations(states=[State.APPROVED])
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=walk), *(threading.Thread(target=person, args=(i,)) for i in range(6))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {r.by for r in ledger.recommendations(states=[State.APPROVED])} == {f"person-{i}" for i in range(6)}
    assert ledger.verify_audit() is None
