"""The arbiter: guardrails only ever reduce, one change per role, and approval answers only what it may."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.decide.arbiter import DEFAULT_GUARDRAILS, DISMISSED_FOR, decide
from controlplane.decide.guardrail import Case, Guardrail, objection
from controlplane.model.cycle import Recollection, Stop
from controlplane.model.decision import Check, Decision, Verdict
from controlplane.model.recommendation import Kind, Recommendation, State
from controlplane.model.role import Bounds, Mode, RoleView
from tests.builders import NOON, a_calm_role, a_fleet, a_recollection, a_recommendation, a_record, a_spec
from tests.decide.cases import a_flag, least, most

RANK = {Verdict.HOLD: 0, Verdict.ASK: 1, Verdict.APPLY: 2}


def planner(mode: Mode = Mode.APPLY) -> RoleView:
    return a_calm_role(a_spec(mode=mode), bounds=Bounds(min=2, max=8), waiting=20.0, waiting_per_replica=10.0)


def verdict(
    recommendation: Recommendation, role: RoleView, past: Recollection | None = None, guardrails=DEFAULT_GUARDRAILS
) -> Decision:
    (decision,) = decide([recommendation], a_fleet(role), past or a_recollection(), guardrails, NOON)
    return decision


def test_in_mode_apply_what_nothing_speaks_against_is_done():
    decision = verdict(least(2, 3), planner())
    assert decision.verdict is Verdict.APPLY
    assert decision.because == "mode is apply and nothing objects"
    assert decision.objections == ()


def test_in_mode_propose_a_person_is_asked():
    decision = verdict(least(2, 3), planner(Mode.PROPOSE))
    assert decision.verdict is Verdict.ASK
    assert decision.because == "mode is propose: a person approves"


def test_what_a_person_approved_is_done_in_their_name():
    approved = a_recollection(a_record(least(2, 3), State.APPROVED, by="ada"))
    decision = verdict(least(2, 3), planner(Mode.PROPOSE), approved)
    assert decision.verdict is Verdict.APPLY
    assert decision.approved_by == "ada"


def test_an_approval_that_has_grown_old_is_asked_for_again():
    """Row E5: the world has moved since."""
    old = a_recollection(a_record(least(2, 3), State.APPROVED, decided=NOON - timedelta(minutes=16)))
    decision = verdict(least(2, 3), planner(Mode.PROPOSE), old)
    assert decision.verdict is Verdict.ASK
    assert decision.approved_by is None


def test_an_approval_does_not_carry_over_to_another_patch():
    approved = a_recollection(a_record(least(2, 3), State.APPROVED))
    assert verdict(least(2, 4), planner(Mode.PROPOSE), approved).verdict is Verdict.ASK


def test_approval_overrides_no_guardrail_of_safety():
    stopped = replace(
        a_recollection(a_record(least(2, 3), State.APPROVED)), stop=Stop(by="bob", at=NOON, reason="incident")
    )
    decision = verdict(least(2, 3), planner(Mode.PROPOSE), stopped)
    assert decision.verdict is Verdict.HOLD
    assert decision.because == "held: stopped by bob at 12:00 UTC: incident"


def test_mode_observe_holds_even_what_was_approved():
    approved = a_recollection(a_record(least(2, 3), State.APPROVED))
    assert verdict(least(2, 3), planner(Mode.OBSERVE), approved).verdict is Verdict.HOLD


def test_without_any_guardrail_configured_the_ladder_and_the_kill_switch_remain():
    stopped = replace(a_recollection(), stop=Stop(by="bob", at=NOON, reason="incident"))
    assert verdict(least(2, 3), planner(Mode.PROPOSE), guardrails=()).verdict is Verdict.ASK
    assert verdict(least(2, 3), planner(), stopped, guardrails=()).verdict is Verdict.HOLD


def test_a_dismissed_recommendation_rests_for_a_day():
    lately = a_recollection(a_record(least(2, 3), State.DISMISSED, decided=NOON - timedelta(hours=23)))
    yesterday = a_recollection(a_record(least(2, 3), State.DISMISSED, decided=NOON - DISMISSED_FOR))
    fleet = a_fleet(planner())
    assert decide([least(2, 3)], fleet, lately, DEFAULT_GUARDRAILS, NOON) == ()
    assert len(decide([least(2, 4)], fleet, lately, DEFAULT_GUARDRAILS, NOON)) == 1
    assert len(decide([least(2, 3)], fleet, yesterday, DEFAULT_GUARDRAILS, NOON)) == 1


def test_one_change_per_role_at_a_tick_the_undo_first():
    undo = replace(least(2, 4), kind=Kind.UNDO)
    decisions = decide([least(2, 3), undo], a_fleet(planner()), a_recollection(), DEFAULT_GUARDRAILS, NOON)
    assert [(d.recommendation.kind, d.verdict) for d in decisions] == [
        (Kind.UNDO, Verdict.APPLY),
        (Kind.RAISE_REPLICAS, Verdict.HOLD),
    ]
    assert "another change of this role goes first" in decisions[1].because


def test_a_role_that_is_gone_gets_no_decision():
    assert decide([a_recommendation("gone")], a_fleet(planner()), a_recollection(), DEFAULT_GUARDRAILS, NOON) == ()


def test_the_same_proposal_twice_is_decided_once():
    assert len(decide([least(2, 3)] * 2, a_fleet(planner()), a_recollection(), DEFAULT_GUARDRAILS, NOON)) == 1


@dataclass(frozen=True, slots=True)
class Grumpy:
    """Always objects."""

    id: ClassVar[str] = "grumpy"
    answerable: bool

    def check(self, case: Case) -> Check:
        return objection(self.id, f"no {case.recommendation.kind}", answerable=self.answerable)


proposals = st.lists(
    st.one_of(
        st.builds(least, st.integers(1, 8), st.integers(0, 9)).filter(
            lambda r: r.patch.fields[0].before != r.patch.fields[0].after
        ),
        st.builds(most, st.integers(1, 8), st.integers(0, 9)),
        st.builds(a_flag),
    ),
    max_size=4,
)
subsets = st.lists(st.sampled_from(DEFAULT_GUARDRAILS), unique_by=lambda g: g.id)
extra = st.lists(st.builds(Grumpy, answerable=st.booleans()), max_size=1)


@given(proposals, subsets, extra, st.sampled_from(Mode), st.booleans())
@settings(max_examples=200, deadline=None)
def test_guardrails_only_ever_reduce(
    said: list[Recommendation], some: list[Guardrail], more: list[Grumpy], mode: Mode, approved: bool
):
    """Adding a guardrail never lets through what was stopped before, and no role is changed twice."""
    records = [a_record(r, State.APPROVED) for r in said] if approved else []
    fleet, past = a_fleet(planner(mode)), a_recollection(*records)
    for proposal in said:
        (fewer,) = decide([proposal], fleet, past, some, NOON)
        (with_more,) = decide([proposal], fleet, past, [*some, *more], NOON)
        assert RANK[with_more.verdict] <= RANK[fewer.verdict]
    decisions = decide(said, fleet, past, [*some, *more], NOON)
    assert sum(d.verdict is Verdict.APPLY for d in decisions) <= 1
    for decision in decisions:
        unanswered = [c for c in decision.objections if not c.answerable or decision.approved_by is None]
        assert (decision.verdict is Verdict.APPLY) is not bool(unanswered)


@given(proposals, st.sampled_from(Mode))
@settings(max_examples=200, deadline=None)
def test_nothing_that_is_done_leaves_the_declared_bounds(said: list[Recommendation], mode: Mode):
    role = planner(mode)
    past = a_recollection(*[a_record(r, State.APPROVED) for r in said])
    for decision in decide(said, a_fleet(role), past, DEFAULT_GUARDRAILS, NOON):
        if decision.verdict is Verdict.APPLY and decision.recommendation.kind is not Kind.ENGINE_FLAGS:
            for changed in decision.recommendation.patch.fields:
                assert isinstance(changed.after, int)
                assert max(1, role.spec.replicas.min) <= changed.after <= role.spec.replicas.max


def test_every_guardrail_of_the_policy_speaks_and_names_itself():
    checks = verdict(least(2, 3), planner()).checks
    assert {g.id for g in DEFAULT_GUARDRAILS} <= {c.guardrail for c in checks}
    assert all(c.said for c in checks)


@pytest.mark.parametrize("guardrail", DEFAULT_GUARDRAILS, ids=lambda g: g.id)
def test_ids_are_kebab_case(guardrail: Guardrail):
    assert guardrail.id == guardrail.id.lower() and " " not in guardrail.id and "_" not in guardrail.id
