"""Each guardrail: what it lets through, what it objects to, and the number it names."""

from dataclasses import replace

import pytest

from controlplane.decide.guardrail import Case, number_of
from controlplane.decide.guardrails.approval import FreshApproval
from controlplane.decide.guardrails.blast_radius import BlastRadius
from controlplane.decide.guardrails.budget import Budget
from controlplane.decide.guardrails.fleet_health import FleetHealth
from controlplane.decide.guardrails.fresh_data import FreshData
from controlplane.decide.guardrails.kill_switch import KillSwitch
from controlplane.decide.guardrails.ladder import Ladder
from controlplane.decide.guardrails.own_bounds import OwnBounds
from controlplane.decide.guardrails.patchable import Patchable
from controlplane.decide.guardrails.steady import Steady
from controlplane.decide.guardrails.step_limit import StepLimit
from controlplane.model.cycle import Recollection, Stop
from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Approval, Kind, Recommendation, State
from controlplane.model.role import Bounds, Mode, ReplicaState
from controlplane.recommend.patches import in_words, no_patch
from tests.builders import (
    NOON,
    a_calm_role,
    a_fleet,
    a_patch,
    a_recollection,
    a_recommendation,
    a_record,
    a_replica,
    a_source,
    a_spec,
    an_evidence,
    minutely,
)
from tests.decide.cases import MINUTES, a_case, a_flag, after, both, done, least, most

PLANNER_BEFORE = RoleName("planner-before")
"""A role that is no longer in fleet.yaml."""


def test_the_kill_switch_stops_everything():
    past = replace(a_recollection(), stop=Stop(by="ada", at=NOON, reason="launch"))
    check = KillSwitch().check(a_case(past=past))
    assert not check.passed and not check.answerable
    assert check.said == "stopped by ada at 12:00 UTC: launch"
    assert KillSwitch().check(a_case()).passed


@pytest.mark.parametrize(
    ("mode", "passed", "answerable"),
    [(Mode.OBSERVE, False, False), (Mode.PROPOSE, False, True), (Mode.APPLY, True, False)],
)
def test_the_ladder_of_trust(mode: Mode, passed: bool, answerable: bool):
    check = Ladder().check(a_case(role=a_calm_role(a_spec(mode=mode))))
    assert (check.passed, check.answerable) == (passed, answerable)


def test_an_engine_flag_needs_a_person_even_in_mode_apply():
    role = a_calm_role(a_spec(mode=Mode.APPLY))
    assert Ladder().check(a_case(a_flag(), role)).answerable
    assert Ladder(restarts=True).check(a_case(a_flag(), role)).passed


@pytest.mark.parametrize(("age", "passed"), [(0, True), (15, True), (16, False)])
def test_an_approval_grows_old(age: int, passed: bool):
    record = a_record(state=State.APPROVED, decided=NOON - age * MINUTES)
    check = FreshApproval().check(a_case(past=a_recollection(record)))
    assert check.passed is passed
    assert FreshApproval().check(a_case()).passed


def test_an_approval_without_a_date_counts_as_old():
    undated = replace(a_record(state=State.APPROVED), decided=None)
    check = FreshApproval().check(a_case(past=a_recollection(undated)))
    assert not check.passed and check.answerable


def half(ago: int = 1) -> Approval:
    return Approval(by="anna", at=NOON - ago * MINUTES)


def approved_by(first: Approval | None, by: str = "bob"):
    return a_recollection(replace(a_record(state=State.APPROVED, by=by), first=first))


def test_two_people_are_two_and_their_names_stand_in_the_decision():
    case = a_case(past=approved_by(half()))
    check = FreshApproval(people=2).check(case)
    assert (check.passed, check.said, case.approved_by) == (True, "approved by anna and bob", "anna and bob")


@pytest.mark.parametrize("past", [approved_by(None), approved_by(half(), by="anna")], ids=["one", "one twice"])
def test_one_person_is_not_two_and_no_approval_answers_that(past: Recollection):
    check = FreshApproval(people=2).check(a_case(past=past))
    assert (check.passed, check.answerable, check.number) == (False, False, "1 of 2")
    assert FreshApproval().check(a_case(past=past)).passed


def test_two_approvals_are_as_old_as_the_older_one():
    case = a_case(past=approved_by(half(ago=16)))
    check = FreshApproval(people=2).check(case)
    assert (check.passed, case.approved_by) == (False, None)
    assert check.said == "approved 16 min ago, good for 15 min"


@pytest.mark.parametrize(
    ("people", "ago", "said"),
    [
        (2, 1, "approved by anna, one more person is needed"),
        (2, 16, "no approval to grow old"),
        (1, 1, "no approval to grow old"),
    ],
)
def test_a_half_approval_is_told_and_stops_nothing_that_needs_none(people: int, ago: int, said: str):
    waiting = a_recollection(replace(a_record(), first=half(ago)))
    check = FreshApproval(people=people).check(a_case(past=waiting))
    assert (check.passed, check.said) == (True, said)


@pytest.mark.parametrize("people", [0, 3, -1])
def test_nobody_and_three_people_cannot_be_asked_for(people: int):
    with pytest.raises(ValueError, match="people is 1 or 2"):
        FreshApproval(people=people)


def test_advice_is_never_written():
    spec = a_spec(scaled_object=False)
    role = a_calm_role(spec)
    check = Patchable().check(a_case(replace(least(1, 2), patch=in_words(spec, "/replicas/max", 1, 2)), role))
    assert (check.passed, check.said) == (False, "nothing to patch: add scaled_object to the role planner")
    flag = replace(a_flag(), patch=in_words(a_spec(workload=False), "/model/kv_cache_dtype", "auto", "fp8"))
    without = Patchable().check(a_case(flag, a_calm_role(a_spec(workload=False))))
    assert not without.passed and "add workload" in without.said
    assert "fleet.yaml is yours" in Patchable().check(a_case(flag, a_calm_role(a_spec()))).said
    ceiling = replace(least(1, 2), patch=in_words(a_spec(), "/replicas/max", 1, 2))
    yours = Patchable().check(a_case(ceiling))
    assert (yours.passed, yours.said) == (False, "fleet.yaml is yours to change: we never write it")
    assert not Patchable().check(a_case(replace(least(1, 2), patch=no_patch(a_spec())))).passed
    assert Patchable().check(a_case()).passed


@pytest.mark.parametrize(
    ("case", "number"),
    [
        pytest.param(a_case(now=NOON + 5 * MINUTES), "5 min > 60 s", id="old"),
        pytest.param(a_case(now=NOON - 5 * MINUTES), "5 min > 60 s", id="from the future"),
        pytest.param(a_case(role=a_calm_role(waiting_per_replica=None)), "unknown", id="unknown"),
        pytest.param(
            a_case(role=a_calm_role(waiting_per_replica=minutely(9, None, 9, None, 9, None, 9))),
            "0.50 < 0.9",
            id="full of holes",
        ),
        pytest.param(a_case(least(2, 1), a_calm_role(coverage=0.8)), "0.80 < 0.9", id="release on part of the data"),
        pytest.param(a_case(least(2, 1), a_calm_role(coverage=None)), "unknown", id="release on uncounted data"),
        pytest.param(
            a_case(least(2, 1), a_calm_role(waiting_per_replica=minutely(*[0] * 20), running=minutely(*[0] * 40))),
            "0.67 < 0.9",
            id="release in the first half hour after a gap",
        ),
    ],
)
def test_old_or_patchy_data_changes_nothing(case: Case, number: str):
    check = FreshData().check(case)
    assert (check.passed, check.answerable, check.number) == (False, False, number)


def test_a_window_known_to_nine_tenths_is_complete():
    holes = minutely(*[9.0] * 8, None, 9.0)
    window = FreshData(window=10 * MINUTES)
    assert window.check(a_case(role=a_calm_role(waiting_per_replica=holes))).number == "0.90 ≥ 0.9"
    assert FreshData(complete=0.7).check(a_case(least(2, 1), a_calm_role(coverage=0.7))).passed


def test_only_what_the_recommendation_rests_on_must_be_known():
    aside = replace(an_evidence(Reading.GPU_ACTIVITY, None), since=None)
    resting = a_recommendation()
    role = a_calm_role(gpu_activity=None)
    assert FreshData().check(a_case(replace(resting, evidence=(*resting.evidence, aside)), role)).passed


def test_scaling_up_may_go_on_with_some_replicas_silent_scaling_down_may_not():
    """Kubernetes' own rule: kubernetes/kubernetes#99514."""
    role = a_calm_role(coverage=0.7)
    assert FreshData().check(a_case(least(2, 3), role)).passed
    assert not FreshData().check(a_case(least(2, 1), role)).passed


def test_bounds_that_are_not_seen_need_a_person_and_bar_a_release():
    role = a_calm_role(bounds_seen=False)  # type: ignore[arg-type]
    up, down = FreshData().check(a_case(least(2, 3), role)), FreshData().check(a_case(least(2, 1), role))
    assert not up.passed and up.answerable
    assert not down.passed and not down.answerable


def test_nothing_is_released_while_replicas_come_and_go():
    """Row C14: a drain or a rollout makes readings odd."""
    assert Steady().check(a_case(least(2, 1))).passed
    assert not Steady().check(a_case(least(2, 1), a_calm_role(ready=2, pending=1))).passed
    assert not Steady().check(a_case(least(2, 1), a_calm_role(ready=2, replicas_pending=None))).passed
    assert Steady().check(a_case(least(2, 3), a_calm_role(ready=2, pending=1))).passed
    assert Steady().check(a_case(least(9, 8), a_calm_role(ready=9, pending=1))).passed, "one of ten may be missing"
    assert Steady().check(a_case(least(8, 7), a_calm_role(ready=8, pending=1))).number == "1 of 9 starting"


@pytest.mark.parametrize(
    ("recommendation", "passed"),
    [
        (least(2, 3), True),
        (least(2, 1), False),
        (most(8, 9), True),
        (most(8, 11), False),
        (least(8, 9), False),
        (most(8, 1), False),
        (least(2, 0), False),
        (both((2, 5), (8, 4)), False),
        (both((2, 5), (8, 6)), True),
        (both((2, 6), (8, 6)), True),
        (least(1, 2), True),
        (most(8, 10), True),
        (a_flag(), True),
    ],
)
def test_replicas_stay_within_the_floor_and_ceiling_of_fleet_yaml(recommendation, passed: bool):
    role = a_calm_role(a_spec(least=2, most=10), bounds=Bounds(min=2, max=8))
    assert OwnBounds().check(a_case(recommendation, role)).passed is passed


def test_a_bound_that_is_no_number_is_refused():
    odd = a_recommendation(patch=replace(least(2, 3).patch, fields=(replace(least(2, 3).patch.fields[0], after="3"),)))
    assert not OwnBounds().check(a_case(odd)).passed


def taken_out(path: str, before: int, kind: Kind) -> Recommendation:
    """A bound that is taken out of the object again: KEDA's own is in force then."""
    return a_recommendation(patch=a_patch(path, before, None), kind=kind)


def test_an_undo_that_takes_a_bound_out_again_may_be_approved_where_kedas_own_is_outside_the_range():
    role = a_calm_role(a_spec(least=2, most=10), bounds=Bounds(min=2, max=8))
    check = OwnBounds().check(a_case(taken_out("/spec/minReplicaCount", 2, Kind.UNDO), role))
    assert (check.passed, check.answerable, check.number) == (False, True, "0 not in 2…10")
    assert not OwnBounds().check(a_case(taken_out("/spec/minReplicaCount", 2, Kind.RAISE_REPLICAS), role)).answerable
    wide = a_calm_role(a_spec(least=2, most=200), bounds=Bounds(min=2, max=8))
    assert OwnBounds().check(a_case(taken_out("/spec/maxReplicaCount", 8, Kind.UNDO), wide)).passed


def test_a_bound_that_is_taken_out_counts_as_kedas_own():
    assert number_of(taken_out("/spec/maxReplicaCount", 8, Kind.UNDO).patch.fields[0]) == (8, 100)
    assert number_of(taken_out("/spec/minReplicaCount", 2, Kind.UNDO).patch.fields[0]) == (2, 0)
    assert number_of(taken_out("/spec/pollingInterval", 2, Kind.UNDO).patch.fields[0]) is None


@pytest.mark.parametrize(
    ("ready", "recommendation", "number", "passed"),
    [
        pytest.param(2, least(2, 4), "+2, at most +2", True, id="two more are always a step"),
        pytest.param(2, least(2, 5), "+3, at most +2", False, id="three more of two"),
        pytest.param(8, least(8, 12), "+4, at most +4", True, id="half as many again"),
        pytest.param(4, least(1, 6), "+2, at most +2", True, id="counted from what is there"),
        pytest.param(2, most(2, 4), "+2, at most +2", True, id="an upper bound"),
        pytest.param(2, least(2, 1), "-1, at most -1", True, id="one less"),
        pytest.param(4, least(4, 2), "-2, at most -1", False, id="two less of four"),
        pytest.param(10, least(10, 8), "-2, at most -2", True, id="a fifth less"),
        pytest.param(2, most(8, 2), "0", True, id="an upper bound far above"),
        pytest.param(6, most(8, 5), "-1, at most -1", True, id="an upper bound counts from what is there"),
        pytest.param(6, most(8, 4), "-2, at most -1", False, id="two less of six"),
        pytest.param(3, least(8, 10), "+2, at most +4", True, id="the base is the bound where it is higher"),
        pytest.param(2, most(8, 11), "+3, at most +2", False, id="the base is what is there where it is lower"),
        pytest.param(None, least(2, 5), "+3, at most +2", False, id="unknown how many are there"),
    ],
)
def test_steps_are_small(ready: float | None, recommendation, number: str, passed: bool):
    check = StepLimit().check(a_case(recommendation, a_calm_role(ready=ready, replicas=())))
    assert (check.number, check.passed) == (number, passed)


def test_a_replica_that_is_asked_for_counts_as_there():
    assert a_case(role=a_calm_role(ready=2, desired=3)).replicas == 3
    assert a_case(role=a_calm_role(ready=3, desired=2)).replicas == 3
    assert a_case(role=a_calm_role(ready=None, replicas=())).replicas is None


def test_the_budget_counts_the_worst_a_change_allows():
    planner = a_calm_role(bounds=Bounds(min=2, max=4), dollars_per_hour=10.0)
    worker = a_calm_role(a_spec("worker"), dollars_per_hour=10.0)
    fits = a_fleet(planner, worker, budget=35.0)
    tight = a_fleet(planner, worker, budget=34.0)
    exact = Budget().check(a_case(most(4, 5), planner, fleet=fits))
    assert (exact.passed, exact.number) == (True, "$35.00/h of $35.00/h")
    assert not Budget().check(a_case(most(4, 5), planner, fleet=tight)).passed
    spent = a_fleet(planner, worker, budget=1.0)
    assert Budget().check(a_case(least(3, 2), planner, fleet=spent)).passed
    assert Budget().check(a_case(a_flag(), planner, fleet=spent)).passed


def test_what_is_spent_now_counts_where_the_bound_is_below_it():
    """The autoscaler runs five; a lower bound of three costs no less than they do."""
    role = a_calm_role(dollars_per_hour=25.0, ready=5, bounds=Bounds(min=2, max=8))
    check = Budget().check(a_case(least(2, 3), role, fleet=a_fleet(role, budget=30.0)))
    assert check.number == "$25.00/h of $30.00/h"


def test_half_a_price_is_no_price():
    unpriced = a_calm_role(a_spec(price=None), dollars_per_hour=10.0)
    unspent = a_calm_role(dollars_per_hour=None)
    for role in (unpriced, unspent):
        assert Budget().check(a_case(least(2, 3), role, fleet=a_fleet(role, budget=99.0))).number == "unknown"


def test_what_was_just_let_through_is_in_the_budget_too():
    planner, worker = a_calm_role(dollars_per_hour=10.0), a_calm_role(a_spec("worker"), dollars_per_hour=10.0)
    fleet = a_fleet(planner, worker, budget=26.0)
    alone = a_case(least(2, 3), planner, fleet=fleet)
    second = replace(alone, granted=(replace(least(2, 3), role=worker.name),))
    assert Budget().check(alone).passed
    assert not Budget().check(second).passed


def test_an_unknown_price_needs_a_person():
    role = a_calm_role(a_spec(price=None), dollars_per_hour=None)
    check = Budget().check(a_case(least(2, 3), role, fleet=a_fleet(role, budget=100.0)))
    assert not check.passed and check.answerable
    assert Budget().check(a_case(least(2, 3), role)).passed, "no budget, nothing to keep to"


def test_few_changes_an_hour_in_a_namespace():
    assert BlastRadius().check(a_case(past=after(done(50), done(40)), role=a_calm_role(a_spec(gpus=1)))).passed
    assert not BlastRadius().check(a_case(past=after(done(50), done(40), done(30)))).passed
    assert BlastRadius().check(a_case(past=after(done(90), done(80), done(60)))).passed
    assert not BlastRadius(changes=1).check(a_case(granted=(least(2, 3),))).passed


def test_few_gpus_of_the_fleet_an_hour():
    role = a_calm_role(a_spec(gpus=4))
    assert BlastRadius().check(a_case(least(2, 3), role)).number == "4 of 4 GPUs"
    assert not BlastRadius().check(a_case(least(2, 4), role)).passed
    earlier = BlastRadius(gpus=100).check(
        a_case(least(2, 3), role, past=after(done(50), done(40, both((2, 3), (4, 7)))))
    )
    assert earlier.number == "20 of 100 GPUs", "4 now, 4 and 3 times 4 before"
    gone = done(50, replace(least(2, 3), role=PLANNER_BEFORE))
    assert BlastRadius().check(a_case(least(2, 3), role, past=after(gone))).number == "4 of 4 GPUs"
    large = a_calm_role(a_spec(gpus=4), ready=20, replicas=())
    assert BlastRadius().check(a_case(least(20, 22), large)).passed
    restart = BlastRadius().check(a_case(a_flag(), large))
    assert not restart.passed and restart.answerable


def test_much_of_the_fleet_unseen_means_observe_only():
    good = tuple(a_source(f"planner-{i}") for i in range(9))
    role = a_calm_role()
    one_in_ten = a_fleet(role, sources=(*good, a_source("planner-9", ok=False)))
    two_in_eleven = a_fleet(role, sources=(*good, a_source("a", ok=False), a_source("b", ok=False)))
    assert FleetHealth().check(a_case(fleet=one_in_ten)).passed
    assert FleetHealth().check(a_case(fleet=two_in_eleven)).number == "2 of 11 silent"
    assert not FleetHealth().check(a_case(fleet=two_in_eleven)).passed
    assert not FleetHealth().check(a_case(fleet=a_fleet(role, sources=()))).passed


def test_a_fleet_is_seen_without_its_sessions():
    """Else naming a source of sessions before the first call would hold every change."""
    fleet = a_fleet(sources=(a_source("planner-0"), a_source("sessions", ok=False)))
    check = FleetHealth().check(a_case(fleet=fleet))
    assert (check.passed, check.number) == (True, "0 of 1 silent")


def test_a_replica_that_starts_need_not_answer_yet():
    role = a_calm_role(replicas=(a_replica(), a_replica(number=1, state=ReplicaState.STARTING)))  # type: ignore[arg-type]
    fleet = a_fleet(role, sources=(a_source("planner-0"), a_source("planner-1", ok=False)))
    check = FleetHealth().check(a_case(role=role, fleet=fleet))
    assert (check.passed, check.number) == (True, "0 of 1 silent")
