"""Guardrails that look at what was changed before: how lately, how often, in which direction, with what outcome."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.decide.guardrails.cooldown import Cooldown
from controlplane.decide.guardrails.error_budget import ErrorBudget
from controlplane.decide.guardrails.in_flight import InFlight
from controlplane.decide.guardrails.learning import Learning
from controlplane.decide.guardrails.repeat import Repeat
from controlplane.decide.guardrails.reversal import Reversal
from controlplane.model.change import ChangeState, OutcomeState
from controlplane.model.keys import ChangeId
from controlplane.model.recommendation import Kind
from tests.builders import (
    NOON,
    PLANNER,
    a_change,
    a_change_record,
    a_recollection,
    a_recommendation,
    some_beliefs,
)
from tests.decide.cases import a_case, a_flag, after, done, least


def test_two_mistakes_in_an_hour_are_enough():
    worse = done(50, outcome=OutcomeState.WORSE), done(45, state=ChangeState.FAILED, outcome=None)
    assert ErrorBudget().check(a_case(past=after(worse[0]))).passed
    check = ErrorBudget().check(a_case(past=after(*worse)))
    assert not check.passed and not check.answerable
    undo = replace(a_recommendation(kind=Kind.UNDO), undoes=ChangeId("chg-50"))
    assert ErrorBudget().check(a_case(undo, past=after(*worse))).answerable
    met = done(10), done(5, outcome=OutcomeState.MISSED)
    assert ErrorBudget().check(a_case(past=after(*met))).number == "0 of 2"


def test_time_alone_does_not_clear_mistakes_but_a_person_who_resumes_does():
    worse = done(50, outcome=OutcomeState.WORSE), done(45, state=ChangeState.FAILED, outcome=None)
    tomorrow = NOON + timedelta(hours=20)
    assert not ErrorBudget().check(a_case(past=after(*worse), now=tomorrow)).passed
    looked = replace(after(*worse), resumed=NOON - timedelta(minutes=1))
    assert ErrorBudget().check(a_case(past=looked)).passed == all(
        (record.outcome.at if record.outcome else record.receipt.at) <= looked.resumed for record in worse
    )
    assert ErrorBudget().check(a_case(past=replace(looked, resumed=NOON + timedelta(days=1)))).passed
    again = replace(after(*worse), resumed=NOON - timedelta(days=1))
    assert not ErrorBudget().check(a_case(past=again)).passed


def test_mistakes_far_apart_are_not_one_bad_hour():
    apart = done(500, state=ChangeState.FAILED, outcome=None), done(45, state=ChangeState.FAILED, outcome=None)
    assert ErrorBudget().check(a_case(past=after(*apart))).number == "1 of 2"


@pytest.mark.parametrize(
    ("recommendation", "ago", "passed"),
    [
        (least(2, 3), 4, False),
        (least(2, 3), 5, True),
        (least(2, 1), 29, False),
        (least(2, 1), 30, True),
        (a_flag(), 29, False),
    ],
)
def test_after_a_change_the_role_is_left_alone(recommendation, ago: int, passed: bool):
    assert Cooldown().check(a_case(recommendation, past=after(done(ago)))).passed is passed


def test_the_last_change_is_what_counts():
    assert Cooldown().check(a_case(least(2, 3), past=after(done(50), done(4)))).number == "4 min of 5 min"
    early = Cooldown().check(a_case(least(2, 3), past=after(done(-1))))
    assert not early.passed, "a change from the future is no reason to go on"


def test_what_failed_or_was_another_role_does_not_count():
    failed = done(1, state=ChangeState.FAILED)
    other = a_change_record(a_change(a_recommendation("worker"), at=NOON))
    for guardrail in (Cooldown(), InFlight(), Repeat(), Reversal()):
        assert guardrail.check(a_case(past=after(failed, other))).passed


def test_one_change_at_a_time():
    assert not InFlight().check(a_case(past=after(done(20, outcome=None)))).passed
    assert not InFlight().check(a_case(past=after(done(20, state=None, outcome=None)))).passed
    assert InFlight().check(a_case(past=after(done(20)))).passed
    assert InFlight().check(a_case(past=after(done(20, state=ChangeState.DRY_RUN, outcome=None)))).passed


def test_the_same_is_not_written_twice():
    """I5: whoever changed it back had a reason."""
    assert not Repeat().check(a_case(least(2, 3), past=after(done(60)))).passed
    assert Repeat().check(a_case(least(2, 4), past=after(done(60)))).passed
    assert Repeat().check(a_case(least(2, 3), past=after(done(60), done(30, least(3, 2))))).passed
    assert Repeat().check(a_case(least(2, 3), past=after(done(361)))).passed
    dry = Repeat().check(a_case(least(2, 3), past=after(done(60, state=ChangeState.DRY_RUN))))
    assert not dry.passed and "hands.mode" in dry.said
    assert Repeat().check(a_case(least(2, 3), past=after(done(360)))).passed


def test_what_did_harm_is_not_tried_again_that_day():
    """Or a release and its undo would take turns for ever."""
    harmful, undone = done(200, least(3, 2), outcome=OutcomeState.WORSE), done(150, least(2, 3))
    again = Repeat().check(a_case(least(3, 2), past=after(harmful, undone)))
    assert (again.passed, again.said) == (False, "the same made things worse at 08:40 UTC")
    yesterday = done(24 * 60, least(3, 2), outcome=OutcomeState.WORSE)
    assert Repeat().check(a_case(least(3, 2), past=after(yesterday, undone))).passed
    assert Repeat().check(a_case(least(3, 2), past=after(done(200, least(3, 2)), undone))).passed


def test_no_back_and_forth():
    assert not Reversal().check(a_case(least(3, 2), past=after(done(29)))).passed
    assert Reversal().check(a_case(least(3, 2), past=after(done(31)))).passed
    assert Reversal().check(a_case(least(3, 2), past=after(done(30)))).passed
    assert not Reversal().check(a_case(least(3, 2), past=after(done(31, outcome=None)))).passed
    assert Reversal().check(a_case(least(3, 4), past=after(done(1)))).passed
    assert Reversal().check(a_case(a_flag(), past=after(done(1)))).passed


def test_an_undo_is_not_held_back_by_what_it_takes_back():
    change = done(10, outcome=OutcomeState.WORSE)
    undo = a_recommendation(
        kind=Kind.UNDO, patch=change.change.patch.inverse(), direction=least(2, 1).direction, undoes=change.change.id
    )
    for guardrail in (Cooldown(), InFlight(), Repeat(), Reversal()):
        assert guardrail.check(a_case(undo, past=after(change))).passed


@pytest.mark.parametrize(("days", "passed"), [(None, False), (0, False), (6.99, False), (7, True), (-1, False)])
def test_a_role_is_watched_for_a_week_before_it_is_changed_without_asking(days, passed: bool):
    since = None if days is None else NOON - timedelta(days=days)
    check = Learning().check(a_case(past=a_recollection(beliefs={PLANNER: some_beliefs(watched_since=since)})))
    assert check.passed is passed
    assert passed or check.answerable, "a person may decide earlier"


def test_who_is_not_known_at_all_is_new_but_an_undo_never_waits():
    nobody = a_recollection(beliefs={})
    assert Learning().check(a_case(past=nobody)).number == "0 ms of 7 d"
    undo = replace(a_recommendation(kind=Kind.UNDO), undoes=ChangeId("chg-50"))
    assert Learning().check(a_case(undo, past=nobody)).passed
