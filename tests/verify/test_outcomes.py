"""Outcomes: met, missed, worse or unknown, once, counted from when the change was seen in force."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest

from controlplane.model.belief import RoleBeliefs
from controlplane.model.change import ChangeRecord, ChangeState, OutcomeState
from controlplane.model.fleet import Fleet
from controlplane.model.keys import ObjectRef
from controlplane.model.recommendation import Direction, Kind
from controlplane.model.role import Bounds, RoleView
from controlplane.recommend.patches import engine_flag
from controlplane.verify.outcomes import NOT_MERGED_FOR, verify
from tests.builders import (
    NOON,
    PLANNER,
    Values,
    a_calm_role,
    a_change,
    a_change_record,
    a_fleet,
    a_recommendation,
    a_replica,
    minutely,
    some_beliefs,
)

MINUTE = timedelta(minutes=1)
WRITTEN = NOON - 12 * MINUTE
"""The expectation of the builders: 2 min to settle, judged after 10; so this one can be judged at noon."""


def record(at: datetime = WRITTEN, state: ChangeState | None = ChangeState.APPLIED) -> ChangeRecord:
    return a_change_record(a_change(at=at), state)


def in_force(since: datetime = WRITTEN, bounds: Bounds | None = None) -> dict[str, RoleBeliefs]:
    return {PLANNER: some_beliefs(bounds=bounds or Bounds(min=3, max=8), bounds_since=since)}


def judged(
    change: ChangeRecord, *, beliefs: dict[str, RoleBeliefs] | None = None, role: RoleView | None = None, **over: Values
):
    role = role or a_calm_role(ready=3, **over)
    said = verify(a_fleet(role), in_force() if beliefs is None else beliefs, [change], NOON)  # type: ignore[arg-type]
    return said[0] if said else None


def test_a_promise_that_held_is_met():
    outcome = judged(record())
    assert outcome is not None
    assert outcome.state is OutcomeState.MET
    assert outcome.said == "waiting per replica was 0 on average, promised < 5; it held at 33 of 33 ticks"


def test_a_promise_that_did_not_hold_is_missed():
    outcome = judged(record(), waiting_per_replica=9.0)
    assert outcome is not None and outcome.state is OutcomeState.MISSED
    assert outcome.measured == 9.0


def test_one_odd_tick_is_no_verdict():
    values = minutely(*[0.0] * 20)
    odd = replace(values, values=(*values.values[:15], 30.0, *values.values[16:]))
    ten_minutes = judged(record(NOON - 13 * MINUTE), beliefs=in_force(NOON - 13 * MINUTE), waiting_per_replica=odd)
    assert ten_minutes is not None and ten_minutes.state is OutcomeState.MISSED, "1 of 9 minutes is more than a tenth"
    values = replace(values, values=(0.0,) * 181, step=timedelta(seconds=15))
    odd = replace(values, values=(*values.values[:170], 30.0, *values.values[171:]))
    ticks = judged(record(), waiting_per_replica=odd)
    assert ticks is not None and ticks.state is OutcomeState.MET


@pytest.mark.parametrize("wait", [0, 1, 9])
def test_nothing_is_said_before_its_time(wait: int):
    at = NOON - wait * MINUTE
    assert judged(record(at), beliefs=in_force(at)) is None


def test_a_change_that_has_its_outcome_is_never_judged_again():
    done = replace(record(), outcome=judged(record()))
    assert judged(done) is None


def test_harm_for_a_whole_settling_time_is_worse_whatever_the_goal_did():
    outcome = judged(record(NOON - 5 * MINUTE), beliefs=in_force(NOON - 5 * MINUTE), ttft_p95=9.0)
    assert outcome is not None and outcome.state is OutcomeState.WORSE
    assert outcome.said == "TTFT p95 is 9 s, > 4 s since 11:55 UTC"


def test_harm_before_the_change_was_not_done_by_it():
    early = judged(record(NOON - MINUTE), beliefs=in_force(NOON - MINUTE), ttft_p95=9.0)
    assert early is None


def test_a_moment_of_harm_is_not_worse():
    blip = minutely(*[1.0] * 19, 9.0)
    outcome = judged(record(), ttft_p95=blip)
    assert outcome is not None and outcome.state is OutcomeState.MET


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(None, id="never seen"),
        pytest.param(minutely(*[0.0] * 8, *[None] * 8, *[0.0] * 4), id="half of it"),
    ],
)
def test_no_data_is_never_success(values: Values):
    outcome = judged(record(), waiting_per_replica=values)
    assert outcome is not None
    assert outcome.state is OutcomeState.UNKNOWN
    assert outcome.measured is None
    assert "nothing is concluded" in outcome.said


def test_a_dry_run_is_never_judged_as_if_applied():
    outcome = judged(record(NOON, ChangeState.DRY_RUN))
    assert outcome is not None and outcome.state is OutcomeState.UNKNOWN
    assert outcome.said == "dry run: nothing was changed, so there is nothing to judge"


@pytest.mark.parametrize("state", [ChangeState.FAILED, ChangeState.CONFLICT])
def test_what_was_not_written_is_not_judged(state: ChangeState):
    outcome = judged(record(NOON, state))
    assert outcome is not None and outcome.state is OutcomeState.UNKNOWN
    assert outcome.said == "it was not written: written"


def test_a_patch_file_counts_from_when_its_bounds_are_seen_in_force():
    merged_late = in_force(NOON - 3 * MINUTE)
    assert judged(record(), beliefs=merged_late) is None
    assert judged(record(), beliefs=in_force(NOON - 10 * MINUTE)) is not None


def test_what_is_not_merged_is_waited_for_and_then_unknown():
    old_bounds = in_force(bounds=Bounds(min=2, max=8))
    assert judged(record(), beliefs=old_bounds) is None
    outcome = judged(record(NOON - NOT_MERGED_FOR), beliefs=old_bounds)
    assert outcome is not None and outcome.state is OutcomeState.UNKNOWN
    assert outcome.said == "not seen in force after 2 h: not merged, or changed back"


def test_where_bounds_cannot_be_seen_it_says_what_is_missing():
    outcome = judged(record(NOON - NOT_MERGED_FOR), beliefs={})
    assert outcome is not None and "kube-state-metrics" in outcome.said


def test_an_intent_without_an_answer_is_left_to_the_sweeper():
    assert judged(record(state=None)) is None
    assert judged(record(state=ChangeState.UNKNOWN)) is None
    lost = judged(record(NOON - NOT_MERGED_FOR, ChangeState.UNKNOWN))
    assert lost is not None and "whether it was written is not known" in lost.said


def test_a_role_that_is_gone_cannot_be_judged():
    empty = Fleet(name="x", at=NOON, roles=MappingProxyType({}))
    (outcome,) = verify(empty, {}, [record()], NOON)
    assert outcome.state is OutcomeState.UNKNOWN


def test_an_engine_flag_counts_from_when_every_replica_has_restarted():
    flag = a_recommendation(
        kind=Kind.ENGINE_FLAGS,
        direction=Direction.NEUTRAL,
        patch=engine_flag(ObjectRef("Deployment", "llm", "planner"), "--kv-cache-dtype=fp8"),
    )
    change = a_change_record(a_change(flag, at=WRITTEN))
    old, new = a_replica(number=0, started=NOON - timedelta(days=1)), a_replica(number=1, started=WRITTEN + MINUTE)
    half = a_calm_role(ready=2, replicas=(old, new))  # type: ignore[arg-type]
    whole = a_calm_role(ready=2, replicas=(replace(old, started=WRITTEN + 2 * MINUTE), new))  # type: ignore[arg-type]
    assert judged(change, role=half) is None
    outcome = judged(change, role=whole)
    assert outcome is not None and outcome.state is OutcomeState.MET
