"""Guardrails that look at how a role stands in its cluster: scaler, pods, rollout, machines (C10, C13, C14, C15)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.decide.guardrails.capacity import Capacity
from controlplane.decide.guardrails.scaler import Scaler
from controlplane.decide.guardrails.steady import Steady
from controlplane.model.role import Bounds
from controlplane.model.workload import PodView, ScalerView, Standing, standing
from tests.builders import NOON, a_calm_role
from tests.decide.cases import a_case, a_flag, least, most

AT_WORK = ScalerView(ready=True, active=True, fallback=False, paused=False, metric_known=True)


def standing_so(recommendation=None, **facts):
    role = replace(a_calm_role(bounds=Bounds(min=2, max=8)), standing=Standing(**{"scaler": AT_WORK, **facts}))
    return a_case(recommendation or most(8, 9), role)


@pytest.mark.parametrize(
    ("scaler", "recommendation", "passed", "number"),
    [
        pytest.param(AT_WORK, most(8, 9), True, "ready", id="at work"),
        pytest.param(replace(AT_WORK, paused=True), most(8, 9), False, "paused", id="C13 paused by a person"),
        pytest.param(replace(AT_WORK, paused=True), least(2, 1), False, "paused", id="C13 paused, downward"),
        pytest.param(replace(AT_WORK, ready=False), most(8, 9), False, "blind", id="C10 not ready"),
        pytest.param(replace(AT_WORK, metric_known=False), most(8, 9), False, "blind", id="C10 no metric"),
        pytest.param(replace(AT_WORK, fallback=True), least(2, 1), False, "fallback", id="C10 fallback, downward"),
        pytest.param(replace(AT_WORK, fallback=True), most(8, 9), True, "ready", id="fallback, upward"),
        pytest.param(ScalerView(), most(8, 9), True, "ready", id="conditions not told"),
        pytest.param(None, most(8, 9), True, "unknown", id="nothing known"),
        pytest.param(replace(AT_WORK, paused=True), a_flag(), True, "", id="no bounds are changed"),
    ],
)
def test_what_scales_it_must_be_at_work(scaler, recommendation, passed: bool, number: str):
    check = Scaler().check(standing_so(recommendation, scaler=scaler))
    assert (check.passed, check.number, check.answerable) == (passed, number, False)


def test_outside_a_cluster_nothing_is_known_against_it():
    for guardrail in (Scaler(), Capacity(), Steady()):
        assert guardrail.check(a_case(most(8, 9))).passed


@pytest.mark.parametrize(
    ("facts", "recommendation", "passed"),
    [
        pytest.param({"not_ready": 0.1}, least(3, 2), True, id="a tenth may be missing"),
        pytest.param({"not_ready": 0.11}, least(3, 2), False, id="C14 a node is drained"),
        pytest.param({"rolling_out": True}, least(3, 2), False, id="C14 a rollout"),
        pytest.param({"rolling_out": True, "not_ready": 0.5}, most(8, 9), True, id="more may be added"),
        pytest.param({"not_ready": None, "rolling_out": None}, least(3, 2), True, id="told by readings alone"),
    ],
)
def test_nothing_is_taken_away_while_pods_come_and_go(facts, recommendation, passed: bool):
    assert Steady().check(standing_so(recommendation, **facts)).passed is passed


def test_more_is_not_asked_for_while_pods_find_no_machine():
    """C15: the advice is then capacity, not a higher bound."""
    facts = {"unplaced": 2, "why_unplaced": "0/4 nodes: Insufficient nvidia.com/gpu"}
    check = Capacity().check(standing_so(**facts))
    assert not check.passed and not check.answerable
    assert "Insufficient nvidia.com/gpu" in check.said
    assert Capacity().check(standing_so(least(3, 2), **facts)).passed, "less may always be asked for"
    assert Capacity(unplaced=2).check(standing_so(**facts)).passed


def test_the_facts_are_summed_up_from_the_pods():
    pods = (
        PodView(name="a", ready_since=NOON - timedelta(hours=1)),
        PodView(name="b", unschedulable="no GPU"),
        PodView(name="c", unschedulable="no GPU either", leaving=True),
    )
    assert standing(AT_WORK, pods, False) == Standing(
        scaler=AT_WORK, not_ready=0.5, unplaced=1, why_unplaced="no GPU", rolling_out=False
    )
    assert standing(None, None, None) == Standing()
