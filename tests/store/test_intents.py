"""A change is written down before it is sent, is sent at most once, and only while it is allowed."""

from datetime import timedelta

import pytest

from controlplane.model.change import ChangeState
from controlplane.model.recommendation import State
from controlplane.store.ledger import Ledger
from tests.builders import a_change, a_receipt, a_recommendation
from tests.store.steps import at, keep, tick

MORE = a_recommendation()
DAY = timedelta(days=1)


def test_the_intent_is_durable_as_sending_before_anything_is_sent(ledger: Ledger) -> None:
    change = a_change(MORE, at=at(0), by=None)
    assert ledger.intend(change)
    assert ledger.unsettled() == (change,)
    record = ledger.change(change.id)
    assert record is not None
    assert (record.state, record.receipt) == (ChangeState.SENDING, None)


def test_intending_marks_the_recommendation_applied(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    ledger.approve(MORE.id, 1, "ada", at(0))
    assert ledger.intend(a_change(MORE, at=at(1), by="ada"))
    record = ledger.recommendation(MORE.id)
    assert record is not None
    assert (record.state, record.by, record.version) == (State.APPLIED, "ada", 3)


def test_the_same_change_is_not_sent_twice(ledger: Ledger) -> None:
    change = a_change(MORE, at=at(0), by=None)
    assert ledger.intend(change)
    assert not ledger.intend(change)
    ledger.settle(a_receipt(change))
    assert not ledger.intend(change)


def test_another_change_of_a_recommendation_that_is_under_way_is_not_sent(ledger: Ledger) -> None:
    assert ledger.intend(a_change(MORE, at=at(0), by=None))
    assert not ledger.intend(a_change(MORE, at=at(1), by=None))


def test_nothing_is_sent_while_everything_is_stopped(ledger: Ledger) -> None:
    ledger.stop("ada", "incident", at(0))
    assert not ledger.intend(a_change(MORE, at=at(1), by=None))
    assert ledger.changes() == ()
    ledger.resume("ada", at(2))
    assert ledger.intend(a_change(MORE, at=at(3), by=None))


def test_a_change_that_rests_on_an_approval_needs_it_to_be_there_still(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    ledger.approve(MORE.id, 1, "ada", at(0))
    ledger.dismiss(MORE.id, 2, "bob", "not now", at(0))
    assert not ledger.intend(a_change(MORE, at=at(1), by="ada"))


def test_what_a_person_dismissed_is_not_done_by_policy_either(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    ledger.dismiss(MORE.id, 1, "bob", "not now", at(0))
    assert not ledger.intend(a_change(MORE, at=at(1), by=None))


@pytest.mark.parametrize("state", [ChangeState.APPLIED, ChangeState.DRY_RUN, ChangeState.REFUSED, ChangeState.FAILED])
def test_settling_says_what_became_of_it_once(ledger: Ledger, state: ChangeState) -> None:
    change = a_change(MORE, at=at(0), by=None)
    ledger.intend(change)
    ledger.settle(a_receipt(change, state, "first"))
    ledger.settle(a_receipt(change, ChangeState.APPLIED, "second"))
    record = ledger.change(change.id)
    assert record is not None
    assert record.receipt is not None
    assert (record.state, record.receipt.said) == (state, "first")
    assert ledger.unsettled() == ()


def test_an_unknown_outcome_stays_open_until_somebody_has_looked(ledger: Ledger) -> None:
    change = a_change(MORE, at=at(0), by=None)
    ledger.intend(change)
    ledger.settle(a_receipt(change, ChangeState.UNKNOWN))
    assert ledger.unsettled() == (change,)
    ledger.settle(a_receipt(change, ChangeState.APPLIED))
    assert ledger.unsettled() == ()
    assert ledger.change(change.id).state is ChangeState.APPLIED  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(ChangeState.APPLIED, ChangeState.REVERTED, id="what was applied can be changed back"),
        pytest.param(ChangeState.CONFLICT, ChangeState.CONFLICT, id="what was not cannot"),
    ],
)
def test_only_what_was_applied_is_changed_back(ledger: Ledger, before: ChangeState, after: ChangeState) -> None:
    change = a_change(MORE, at=at(0), by=None)
    ledger.intend(change)
    ledger.settle(a_receipt(change, before))
    ledger.settle(a_receipt(change, ChangeState.REVERTED))
    assert ledger.change(change.id).state is after  # type: ignore[union-attr]


def test_what_somebody_took_back_is_remembered_for_two_days(ledger: Ledger) -> None:
    change = a_change(MORE, at=at(0), by=None)
    ledger.intend(change)
    ledger.settle(a_receipt(change, ChangeState.APPLIED))
    ledger.settle(a_receipt(change, ChangeState.REVERTED))
    assert [r.state for r in ledger.recall(at(0) + 2 * DAY).changes] == [ChangeState.REVERTED]
    assert ledger.recall(at(1) + 2 * DAY).changes == ()


def test_a_receipt_of_a_change_nobody_intended_is_ignored(ledger: Ledger) -> None:
    ledger.settle(a_receipt(a_change(MORE, at=at(0))))
    assert ledger.changes() == ()
