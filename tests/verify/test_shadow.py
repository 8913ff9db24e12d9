"""What would have been done gets the right word, and no word that nobody can stand for."""

from dataclasses import replace

import pytest

from controlplane.model.change import ChangeState
from controlplane.model.keys import ChangeId
from controlplane.model.recommendation import Kind, State
from controlplane.model.shadow import Word
from controlplane.verify.shadow import judge
from tests.builders import NOON, PLANNER, a_finding, a_patch, a_recommendation
from tests.verify.afterwards import (
    LATER,
    advice,
    answering,
    at,
    done,
    in_force,
    judged,
    lower_least,
    proposed,
    raise_least,
    raise_most,
    witness,
    wrong,
)

QUEUE = (wrong(),)
DRAINED = (wrong(closed=6),)


# --- somebody did it


@pytest.mark.parametrize(
    ("recommendation", "before", "after"),
    [
        pytest.param(raise_most(), (2, 4), (2, 6), id="exactly what was proposed"),
        pytest.param(raise_most(), (2, 4), (2, 9), id="more than was proposed"),
        pytest.param(raise_least(), (2, 4), (3, 4), id="the least"),
        pytest.param(lower_least(), (4, 8), (2, 8), id="down"),
        pytest.param(lower_least(), (4, 8), (1, 8), id="further down"),
        pytest.param(
            raise_most(path="/replicas/max"), (2, 4), (2, 6), id="advice for fleet.yaml that came to the cluster"
        ),
        pytest.param(
            a_recommendation(patch=a_patch(before=None, after=2)), (0, 4), (2, 4), id="it was not named before"
        ),
        pytest.param(
            a_recommendation(patch=a_patch("/spec/maxReplicaCount", 4, None)),
            (2, 4),
            (2, 100),
            id="taken out: the default",
        ),
    ],
)
def test_somebody_did_it_when_the_bounds_came_to_what_was_proposed(recommendation, before, after):
    seen = witness(proposed(recommendation), findings=DRAINED, bounds=in_force((-60, before), (4, after)))
    said = judged(seen)
    assert said.word is Word.SOMEBODY_DID
    assert "1 Jun 12:04 UTC" in said.said and "not us" in said.said


@pytest.mark.parametrize(
    "minutes", [pytest.param(0.25, id="at the next tick"), pytest.param(10, id="at the last instant")]
)
def test_in_time_is_from_just_after_the_proposal_to_the_end_of_its_time(minutes):
    assert judged(witness(proposed(), bounds=in_force((-60, (2, 4)), (minutes, (2, 6))))).word is Word.SOMEBODY_DID


def test_who_did_it_in_time_did_it_whatever_the_queue_did_and_however_early_it_is():
    bounds = in_force((-60, (2, 4)), (4, (2, 6)))
    assert judged(witness(proposed(), findings=QUEUE, bounds=bounds)).word is Word.SOMEBODY_DID
    assert judged(witness(proposed(), findings=QUEUE, bounds=bounds), at(5)).word is Word.SOMEBODY_DID


@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param(in_force((-60, (2, 4)), (10.25, (2, 6))), id="too late"),
        pytest.param(in_force((-60, (2, 4)), (4, (2, 5))), id="only part of the way"),
        pytest.param(in_force((-60, (2, 4)), (4, (4, 4))), id="another bound"),
        pytest.param(in_force((-60, (2, 4)), (4, (2, 3))), id="the other direction"),
        pytest.param(in_force((-60, (2, 6))), id="it was so all the time"),
        pytest.param(in_force((-60, (2, 4)), (-5, None), (4, (2, 6))), id="out of sight when it was proposed"),
        pytest.param(in_force((4, (2, 6))), id="first seen afterwards"),
        pytest.param((), id="never seen"),
    ],
)
def test_nobody_did_it(bounds):
    assert judged(witness(proposed(), findings=QUEUE, bounds=bounds)).word is Word.NEEDED


def test_a_gap_after_the_proposal_hides_when_it_was_done_but_not_that_it_was():
    bounds = in_force((-60, (2, 4)), (2, None), (8, (2, 6)))
    assert judged(witness(proposed(), findings=DRAINED, bounds=bounds)).word is Word.SOMEBODY_DID


@pytest.mark.parametrize("became", [pytest.param(6, id="what we asked for"), pytest.param(9, id="even more")])
def test_what_our_own_earlier_change_asked_for_is_not_somebody_elses_deed(became):
    merged_late = done(raise_most(2, 6), -60)
    bounds = in_force((-90, (2, 4)), (4, (2, became)))
    said = judged(witness(proposed(), findings=DRAINED, changes=(merged_late,), bounds=bounds))
    assert said.word is Word.NOT_KNOWN
    assert "ourselves" in said.said


# --- it was needed


def test_it_was_needed_when_the_finding_was_still_open_in_the_end():
    said = judged(witness(proposed(), findings=QUEUE))
    assert said.word is Word.NEEDED
    assert "more than 5 requests wait per replica" in said.said and "still so at 1 Jun 12:10 UTC" in said.said


def test_it_was_needed_when_the_finding_was_open_again_in_the_end():
    said = judged(witness(proposed(), findings=(wrong(closed=3), wrong(8, number=2))))
    assert said.word is Word.NEEDED
    assert "so again at" in said.said


def test_one_of_several_findings_is_enough():
    both = answering("queue-buildup", "ttft-objective")
    findings = (wrong(closed=3), wrong(detector="ttft-objective"))
    assert judged(witness(proposed(both), findings=findings)).word is Word.NEEDED


def test_a_finding_that_joined_later_counts_too():
    both = answering("queue-buildup", "ttft-objective")
    findings = (wrong(closed=3), wrong(2, detector="ttft-objective"))
    assert judged(witness(proposed(both, seen=4), findings=findings)).word is Word.NEEDED


def test_it_is_needed_without_anybody_seeing_the_bounds():
    assert judged(witness(proposed(), findings=QUEUE, bounds=())).word is Word.NEEDED
    assert judged(witness(proposed(advice()), findings=QUEUE)).word is Word.NEEDED


# --- it passed by itself


@pytest.mark.parametrize("closed", [pytest.param(0.25, id="at once"), pytest.param(10, id="at the last instant")])
def test_it_passed_by_itself_when_it_was_over_in_time_and_nobody_touched_the_bounds(closed):
    said = judged(witness(proposed(), findings=(wrong(closed=closed),)))
    assert said.word is Word.PASSED
    assert "nobody had changed the bounds" in said.said


def test_what_is_over_a_tick_too_late_was_needed():
    assert judged(witness(proposed(), findings=(wrong(closed=10.25),))).word is Word.NEEDED


def test_what_comes_back_after_its_time_is_another_matter():
    assert judged(witness(proposed(), findings=(wrong(closed=6), wrong(20, number=2)))).word is Word.PASSED


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        pytest.param((), "nobody could tell", id="never seen"),
        pytest.param(in_force((2, (2, 4))), "nobody could tell", id="not seen when it was proposed"),
        pytest.param(in_force((-60, (2, 4)), (5, None)), "nobody could tell", id="not seen in the end"),
        pytest.param(in_force((-60, (2, 4)), (2, None), (8, (2, 4))), "nobody could tell", id="a gap in the middle"),
        pytest.param(in_force((-60, (2, 4)), (5, (2, 5))), "became 2–5", id="somebody went part of the way"),
        pytest.param(in_force((-60, (2, 4)), (5, (4, 4))), "became 4–4", id="somebody did something else"),
    ],
)
def test_whether_it_passed_by_itself_is_not_known(bounds, why):
    said = judged(witness(proposed(), findings=DRAINED, bounds=bounds))
    assert said.word is Word.NOT_KNOWN
    assert why in said.said


@pytest.mark.parametrize(
    "recommendation",
    [
        pytest.param(a_recommendation(patch=a_patch("/spec/template/args/-", None, "--x")), id="an engine flag"),
        pytest.param(advice(), id="advice"),
        pytest.param(raise_most(path="/model/kv_cache_dtype"), id="something else in fleet.yaml"),
    ],
)
def test_whether_somebody_did_what_cannot_be_seen_is_not_known(recommendation):
    said = judged(witness(proposed(recommendation), findings=DRAINED))
    assert said.word is Word.NOT_KNOWN
    assert "cannot be seen" in said.said


# --- not known


@pytest.mark.parametrize("findings", [QUEUE, DRAINED])
@pytest.mark.parametrize("minutes", [0, 5, 9.75])
def test_it_is_too_early_before_its_time_is_over(findings, minutes):
    said = judged(witness(proposed(), findings=findings), at(minutes))
    assert said.word is Word.NOT_KNOWN
    assert said.said == "too early: it would have helped by 1 Jun 12:10 UTC"


@pytest.mark.parametrize("findings", [QUEUE, DRAINED, (wrong(closed=30),)])
def test_where_nobody_looked_in_the_end_nothing_is_concluded(findings):
    said = judged(witness(proposed(), findings=findings, looked=(0, 5, 15, 20)))
    assert said.word is Word.NOT_KNOWN
    assert said.said == "nobody looked: waiting per replica was not known at 1 Jun 12:10 UTC"


def test_another_reading_is_no_look_at_this_one():
    late = replace(a_finding(), evidence=())
    seen = witness(proposed(), findings=QUEUE)
    assert judged(replace(seen, looks={k: frozenset() for k in seen.looks})).word is Word.NOT_KNOWN
    bare = replace(seen, findings=(replace(wrong(), finding=late),))
    assert judged(bare).word is Word.NEEDED, "a finding without numbers is looked at while the role answers"


def test_right_after_its_time_the_next_tick_is_waited_for():
    said = judged(witness(proposed(), findings=QUEUE, looked=(0, 5)), at(10.1))
    assert said.word is Word.NOT_KNOWN
    assert "too early" in said.said


def test_a_finding_the_ledger_has_forgotten_says_nothing():
    assert judged(witness(proposed())).word is Word.NOT_KNOWN
    assert judged(witness(proposed(), findings=(wrong(-30, -20), wrong(20, number=2)))).word is Word.NOT_KNOWN
    assert judged(witness(proposed(answering()))).word is Word.NOT_KNOWN


@pytest.mark.parametrize(
    "minutes", [pytest.param(-9, id="still at work"), pytest.param(0, id="then"), pytest.param(10, id="in the end")]
)
@pytest.mark.parametrize("findings", [QUEUE, DRAINED])
def test_what_would_have_been_without_a_change_of_ours_is_not_known(minutes, findings):
    other = replace(raise_least(), title="Run 3 of them")
    said = judged(witness(proposed(), findings=findings, changes=(done(other, minutes),)))
    assert said.word is Word.NOT_KNOWN
    assert "“Run 3 of them”" in said.said


@pytest.mark.parametrize("change", [done(raise_least(), -11), done(raise_least(), 11)])
def test_a_change_of_ours_at_another_time_is_no_doubt(change):
    assert judged(witness(proposed(), findings=QUEUE, changes=(change,))).word is Word.NEEDED


# --- what counts, and how often


@pytest.mark.parametrize("state", [ChangeState.APPLIED, ChangeState.REVERTED, ChangeState.UNKNOWN, None])
def test_what_was_carried_out_or_may_have_been_is_not_here(state):
    assert judge(witness(proposed(), findings=QUEUE, changes=(done(raise_most(), 3, state),)), LATER).proposals == ()


@pytest.mark.parametrize("state", [ChangeState.DRY_RUN, ChangeState.REFUSED, ChangeState.CONFLICT, ChangeState.FAILED])
def test_a_dry_run_or_a_refused_change_carried_nothing_out(state):
    seen = witness(proposed(state=State.APPLIED, by="ada"), findings=QUEUE, changes=(done(raise_most(), 3, state),))
    assert (judged(seen).word, judged(seen).by) == (Word.NEEDED, None)


def test_an_undo_is_not_here():
    undo = a_recommendation(kind=Kind.UNDO, undoes=ChangeId("chg-1"))
    assert judge(witness(proposed(undo), findings=QUEUE), LATER).proposals == ()


def test_proposed_again_in_its_time_or_while_the_trouble_lasts_it_counts_once():
    records = [proposed(number=1), proposed(minutes=4, number=2), proposed(minutes=40, number=3, state=State.OPEN)]
    said = judged(witness(*reversed(records), findings=QUEUE))
    assert (said.asked, said.number, said.opened, said.state) == (3, 3, NOON, State.OPEN)
    assert said.due == at(10)


def test_proposed_again_for_new_trouble_it_counts_twice_the_newest_first():
    findings = (wrong(closed=6), wrong(30, number=2))
    newer, older = judge(witness(proposed(), proposed(minutes=30, number=2), findings=findings), LATER).proposals
    assert (newer.opened, newer.word) == (at(30), Word.NEEDED)
    assert (older.opened, older.word) == (NOON, Word.PASSED)


def test_carried_out_the_second_time_the_first_time_still_counts():
    findings = (wrong(closed=6), wrong(30, number=2))
    records = (proposed(), proposed(minutes=30, number=2, state=State.APPLIED))
    said = judged(witness(*records, findings=findings, changes=(done(raise_most(), 31),)))
    assert (said.opened, said.word) == (NOON, Word.PASSED)


def test_carried_out_in_the_end_the_same_trouble_is_not_here():
    records = (proposed(), proposed(minutes=40, number=2, state=State.APPLIED))
    assert judge(witness(*records, findings=QUEUE, changes=(done(raise_most(), 41),)), LATER).proposals == ()


def test_a_dismissal_counts_and_says_who_and_why():
    dismissed = proposed(state=State.DISMISSED, by="ada", reason="the batch ends at noon")
    said = judged(witness(dismissed, proposed(minutes=5, number=2, state=State.OPEN), findings=QUEUE))
    assert (said.word, said.by, said.reason) == (Word.NEEDED, "ada", "the batch ends at noon")


def test_the_tally_has_every_word():
    shadow = judge(witness(proposed(), proposed(raise_least(), minutes=55), findings=DRAINED), LATER)
    assert shadow.role == PLANNER
    assert shadow.tally == {Word.SOMEBODY_DID: 0, Word.NEEDED: 0, Word.PASSED: 1, Word.NOT_KNOWN: 1}
    assert judge(witness(), LATER).tally == dict.fromkeys(Word, 0)
