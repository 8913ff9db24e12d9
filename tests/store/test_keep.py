"""What one tick leaves in the ledger: findings, recommendations, decisions, changes, outcomes, notes."""

from dataclasses import replace

import pytest

from controlplane.model.change import ChangeState, OutcomeState
from controlplane.model.decision import Verdict
from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading
from controlplane.model.recommendation import State
from controlplane.store.ledger import Ledger
from tests.builders import (
    a_change,
    a_check,
    a_decision,
    a_finding,
    a_patch,
    a_receipt,
    a_recommendation,
    an_outcome,
    some_beliefs,
)
from tests.store.steps import POLICY, at, keep, minutes, tick

MORE = a_recommendation()
MOST = a_recommendation(patch=a_patch("/spec/minReplicaCount", 2, 5))
ELSEWHERE = a_recommendation("worker")


def keys(ledger: Ledger, number: int = 1000) -> list[str]:
    return [w.note.key for w in ledger.waiting(at(number), minutes(5))]


def state(ledger: Ledger, recommendation=MORE) -> State | None:
    record = ledger.recommendation(recommendation.id)
    return record.state if record else None


# --- findings


def test_a_finding_opens_once_and_is_seen_again(ledger: Ledger) -> None:
    keep(ledger, tick(0, findings=(a_finding(),)))
    keep(ledger, tick(1, findings=(replace(a_finding(), summary="9 wait"),)))
    (record,) = ledger.findings()
    assert (record.number, record.opened, record.seen, record.closed) == (1, at(0), at(1), None)
    assert record.finding.summary == "9 wait"
    assert keys(ledger) == ["queue-buildup:planner#1"]


def test_a_finding_that_is_no_longer_seen_closes_and_the_next_one_is_number_two(ledger: Ledger) -> None:
    keep(ledger, tick(0, findings=(a_finding(),)))
    keep(ledger, tick(1))
    keep(ledger, tick(2, findings=(a_finding(),)))
    newest, first = ledger.findings()
    assert (first.number, first.seen, first.closed) == (1, at(0), at(1))
    assert (newest.number, newest.opened, newest.closed) == (2, at(2), None)
    assert keys(ledger) == ["queue-buildup:planner#1", "queue-buildup:planner#1 over", "queue-buildup:planner#2"]


def test_an_unsure_finding_stays_open_and_is_not_seen(ledger: Ledger) -> None:
    keep(ledger, tick(0, findings=(a_finding(),)))
    keep(ledger, tick(1, unsure=(a_finding().id,)))
    (record,) = ledger.findings(open_only=True)
    assert (record.seen, record.closed) == (at(0), None)


# --- recommendations


def test_a_recommendation_opens_once_and_shows_the_newest_evidence(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    keep(ledger, tick(1, proposals=[replace(MORE, because=("Still.",))]))
    record = ledger.recommendation(MORE.id)
    assert record is not None
    assert (record.number, record.version, record.state) == (1, 1, State.OPEN)
    assert (record.opened, record.seen) == (at(0), at(1))
    assert record.recommendation.because == ("Still.",)
    assert keys(ledger) == [f"{MORE.id}#1"]


def test_one_that_is_not_proposed_again_expires_and_comes_back_as_number_two(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    keep(ledger, tick(1))
    assert state(ledger) is State.EXPIRED
    keep(ledger, tick(2, proposals=[MORE]))
    record = ledger.recommendation(MORE.id)
    assert record is not None
    assert (record.number, record.version, record.state) == (2, 1, State.OPEN)
    assert len(ledger.recommendations()) == 1, "only the newest record of an id is listed"


def test_one_that_gives_way_to_another_for_the_same_object_is_superseded(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    keep(ledger, tick(1, proposals=[MOST]))
    record = ledger.recommendation(MORE.id)
    assert record is not None
    assert (record.state, record.reason) == (State.SUPERSEDED, f"replaced by {MOST.id}")


def test_another_objects_recommendation_replaces_nothing(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    keep(ledger, tick(1, proposals=[ELSEWHERE]))
    assert state(ledger) is State.EXPIRED


def test_while_its_finding_is_unsure_it_stays_open_for_as_long_as_it_is_good(ledger: Ledger) -> None:
    keep(ledger, tick(0, findings=(a_finding(),), proposals=[MORE]))
    keep(ledger, tick(60, unsure=(a_finding().id,)))
    assert state(ledger) is State.OPEN
    keep(ledger, tick(61, unsure=(a_finding().id,)))
    assert state(ledger) is State.EXPIRED


def test_a_dismissed_one_stays_quiet_for_a_day(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    ledger.dismiss(MORE.id, 1, "ada", "we are migrating", at(0))
    keep(ledger, tick(1, proposals=[MORE]))
    assert state(ledger) is State.DISMISSED
    day = 24 * 60 * 4
    keep(ledger, tick(day - 1, proposals=[MORE]))
    assert state(ledger) is State.DISMISSED
    keep(ledger, tick(day, proposals=[MORE]))
    assert state(ledger) is State.OPEN
    assert keys(ledger, day) == [f"{MORE.id}#1", f"{MORE.id}#2"]


def test_an_approval_that_could_not_be_applied_in_time_is_open_again(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    ledger.approve(MORE.id, 1, "ada", at(0))
    keep(ledger, tick(60, proposals=[MORE]))
    assert state(ledger) is State.APPROVED
    keep(ledger, tick(61, proposals=[MORE]))
    record = ledger.recommendation(MORE.id)
    assert record is not None
    assert (record.state, record.version, record.number, record.by) == (State.OPEN, 3, 1, None)


def test_what_was_approved_is_what_stays_shown(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    ledger.approve(MORE.id, 1, "ada", at(0))
    keep(ledger, tick(1, proposals=[replace(MORE, because=("Later words.",))]))
    record = ledger.recommendation(MORE.id)
    assert record is not None
    assert record.recommendation == MORE


def test_an_applied_one_is_not_asked_again_until_its_time_to_help_is_over(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    change = a_change(MORE, at=at(0), by=None)
    assert ledger.intend(change)
    keep(ledger, tick(1, proposals=[MORE], receipts=(a_receipt(change),)))
    keep(ledger, tick(39, proposals=[MORE]))
    assert state(ledger) is State.APPLIED
    keep(ledger, tick(40, proposals=[MORE]))
    record = ledger.recommendation(MORE.id)
    assert record is not None
    assert (record.state, record.number) == (State.OPEN, 2)


def test_an_applied_one_may_come_back_once_it_was_judged(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    change = a_change(MORE, at=at(0), by=None)
    ledger.intend(change)
    keep(ledger, tick(1, receipts=(a_receipt(change),)))
    keep(ledger, tick(2, outcomes=(an_outcome(change),)))
    keep(ledger, tick(3, proposals=[MORE]))
    assert state(ledger) is State.OPEN


def test_one_that_could_not_be_written_is_asked_again(ledger: Ledger) -> None:
    keep(ledger, tick(0, proposals=[MORE]))
    change = a_change(MORE, at=at(0), by=None)
    ledger.intend(change)
    keep(ledger, tick(1, proposals=[MORE], receipts=(a_receipt(change, ChangeState.CONFLICT, "file says 9"),)))
    record = ledger.recommendation(MORE.id)
    assert record is not None
    assert record.state is State.EXPIRED
    assert record.reason is not None
    assert "file says 9" in record.reason
    keep(ledger, tick(2, proposals=[MORE]))
    assert state(ledger) is State.OPEN


# --- decisions


def test_a_decision_is_stored_when_its_verdict_or_its_objections_differ(ledger: Ledger) -> None:
    held = a_check("cooldown", passed=False, number="3 min < 10 min")
    verdicts = [
        a_decision(MORE, Verdict.HOLD, checks=(held,), at=at(0)),
        a_decision(MORE, Verdict.HOLD, checks=(replace(held, number="4 min < 10 min"),), at=at(1)),
        a_decision(MORE, Verdict.ASK, at=at(2)),
        a_decision(MORE, Verdict.ASK, at=at(3)),
        a_decision(MORE, Verdict.APPLY, approved_by="ada", at=at(4)),
    ]
    for number, decision in enumerate(verdicts):
        keep(ledger, tick(number, proposals=[decision]))
    assert [d.at for d in ledger.decisions(recommendation=MORE.id)] == [at(4), at(2), at(0)]


def test_all_a_decision_was_made_from_is_kept_with_it(ledger: Ledger) -> None:
    keep(ledger, tick(0, findings=(a_finding(),)))
    cycle = tick(1, findings=(a_finding(),), proposals=[MORE, ELSEWHERE])
    past = ledger.recall(cycle.at)
    ledger.keep(cycle, past, POLICY)
    kept = ledger.kept(cycle.decisions[0].id)
    assert kept is not None
    assert (kept.fleet, kept.past, kept.policy) == (cycle.fleet, past, POLICY)
    assert kept.decisions == cycle.decisions
    assert kept.decision == cycle.decisions[0]


def test_an_unknown_decision_has_nothing_kept(ledger: Ledger) -> None:
    assert ledger.kept(a_decision().id) is None


# --- the same tick again


def test_a_tick_kept_twice_is_kept_once(ledger: Ledger) -> None:
    cycle = tick(0, findings=(a_finding(),), proposals=[MORE])
    past = ledger.recall(cycle.at)
    for _ in range(2):
        ledger.keep(cycle, past, POLICY)
    assert len(ledger.findings()) == len(ledger.recommendations()) == len(ledger.decisions()) == 1
    assert len(keys(ledger)) == 2


# --- changes and outcomes


def test_receipt_and_outcome_join_their_change(ledger: Ledger) -> None:
    change = a_change(MORE, at=at(0), by=None)
    assert ledger.intend(change)
    receipt, outcome = a_receipt(change), an_outcome(change, OutcomeState.WORSE)
    keep(ledger, tick(0, proposals=[MORE], receipts=(receipt,)))
    keep(ledger, tick(1, outcomes=(outcome,)))
    record = ledger.change(change.id)
    assert record is not None
    assert (record.change, record.receipt, record.outcome) == (change, receipt, outcome)
    assert ledger.changes(role=RoleName("planner")) == (record,)
    assert f"{change.id} applied" in keys(ledger)
    assert f"{change.id} judged" in keys(ledger)


def test_a_change_is_judged_once(ledger: Ledger) -> None:
    change = a_change(MORE, at=at(0), by=None)
    ledger.intend(change)
    first = an_outcome(change, OutcomeState.MET)
    keep(ledger, tick(1, receipts=(a_receipt(change),), outcomes=(first,)))
    keep(ledger, tick(2, outcomes=(an_outcome(change, OutcomeState.WORSE),)))
    record = ledger.change(change.id)
    assert record is not None
    assert record.outcome == first


def test_an_outcome_of_a_change_nobody_knows_is_ignored(ledger: Ledger) -> None:
    keep(ledger, tick(0, outcomes=(an_outcome(),)))
    assert ledger.changes() == ()


# --- what is recalled and read back


def test_what_was_learned_is_recalled(ledger: Ledger) -> None:
    learned = some_beliefs(prefix_hit_baseline=0.71, baseline_ticks=9)
    keep(ledger, replace(tick(0), beliefs={learned.role: learned}))
    assert ledger.recall(at(1)).beliefs == {learned.role: learned}


def test_the_past_of_a_tick_holds_live_and_dismissed_and_the_changes_of_a_day(ledger: Ledger) -> None:
    change = a_change(ELSEWHERE, at=at(0), by=None)
    ledger.intend(change)
    keep(ledger, tick(0, findings=(a_finding(),), proposals=[MORE, MOST, ELSEWHERE], receipts=(a_receipt(change),)))
    ledger.dismiss(MOST.id, 1, "ada", "no", at(0))
    past = ledger.recall(at(1))
    assert set(past.recommendations) == {MORE.id, MOST.id}
    assert [r.finding.id for r in past.open_findings] == [a_finding().id]
    assert [c.change.id for c in past.changes] == [change.id]


def test_an_old_change_that_awaits_its_outcome_is_still_recalled_and_a_judged_one_is_not(ledger: Ledger) -> None:
    waits, judged = a_change(MORE, at=at(0), by=None), a_change(ELSEWHERE, at=at(0), by=None)
    for change in (waits, judged):
        ledger.intend(change)
    keep(ledger, tick(0, receipts=(a_receipt(waits), a_receipt(judged)), outcomes=(an_outcome(judged),)))
    two_days = 2 * 24 * 60 * 4
    assert [c.change.id for c in ledger.recall(at(two_days)).changes] == [waits.id]


def test_the_newest_cycle_is_there_after_a_restart_with_its_newest_column(ledger: Ledger) -> None:
    assert ledger.latest() is None
    keep(ledger, tick(0))
    cycle = keep(ledger, tick(1, findings=(a_finding(),)))
    latest = ledger.latest()
    assert latest is not None
    assert (latest.at, latest.findings) == (cycle.at, cycle.findings)
    view = latest.fleet.roles[RoleName("planner")]
    assert (view.ticks, view.columns[Reading.WAITING], view.now(Reading.WAITING)) == ((at(1),), (1.0,), 1.0)


@pytest.mark.parametrize("role", ["planner", "worker"])
def test_lists_can_be_asked_by_role_since_and_limit(ledger: Ledger, role: str) -> None:
    for number in range(3):
        keep(
            ledger,
            tick(
                number, findings=(a_finding("a"), a_finding("b"), a_finding("a", "worker")), proposals=[MORE, ELSEWHERE]
            ),
        )
    name = RoleName(role)
    assert {f.finding.role for f in ledger.findings(role=name)} == {name}
    assert {r.recommendation.role for r in ledger.recommendations(role=name)} == {name}
    assert {d.recommendation.role for d in ledger.decisions(role=name)} == {name}
    assert len(ledger.findings(limit=2)) == 2
    assert ledger.findings(since=at(3)) == ()
    assert len(ledger.recommendations(states=[State.OPEN], since=at(2))) == 2
    assert ledger.recommendations(states=[State.DISMISSED]) == ()
