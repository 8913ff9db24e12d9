"""Whole walks: from what a fleet does to what is recommended, done, judged and taken back."""

from datetime import datetime, timedelta

import pytest

from controlplane.loop.replay import replay
from controlplane.model.change import OutcomeState
from controlplane.model.cycle import Cycle
from controlplane.model.decision import Verdict
from controlplane.model.recommendation import Direction, Kind
from controlplane.model.role import Bounds, Mode
from tests.builders import CALM, IDLE, NOON, a_spec
from tests.scenarios.stage import Pool, Readings, Stage

MINUTE = timedelta(minutes=1)


def calm(pool: Pool, now: datetime) -> Readings:
    return CALM


def queue(pool: Pool, now: datetime) -> Readings:
    """Enough work for two replicas."""
    waiting = max(0.0, 27.0 - 10.0 * pool.ready)
    return {**CALM, "waiting": waiting, "waiting_per_replica": waiting / max(pool.ready, 1)}


def full_cache(pool: Pool, now: datetime) -> Readings:
    """A KV cache that is too small until it is stored as FP8 and the replicas have restarted."""
    relieved = bool(pool.flags) and now >= pool.started
    if relieved:
        return {**CALM, "kv_usage": 0.5, "kv_usage_max": 0.55}
    return {**CALM, "kv_usage": 0.95, "kv_usage_max": 0.98, "waiting": 3.0, "waiting_per_replica": 1.5}


def idle(pool: Pool, now: datetime) -> Readings:
    return {**CALM, **IDLE}


def idle_but_needed(pool: Pool, now: datetime) -> Readings:
    """Idle as it looks, until a replica is missing: then users wait."""
    if pool.ready >= 2:
        return {**CALM, **IDLE}
    return {**CALM, "ttft_p95": 6.0, "gpu_activity": 0.9}


def a_stage(readings=calm, *, mode: Mode = Mode.APPLY, ready: int = 2, least: int = 2, dry: bool = False) -> Stage:
    pool = Pool(spec=a_spec(mode=mode), readings=readings, bounds=Bounds(min=least, max=8), ready=ready)
    return Stage(pool, dry=dry)


def asked(cycle: Cycle) -> bool:
    return any(d.verdict is Verdict.ASK for d in cycle.decisions)


def outcome_in(cycle: Cycle) -> bool:
    return bool(cycle.outcomes)


def test_a_calm_hour_leads_to_nothing():
    stage = a_stage()
    stage.play(60 * MINUTE)
    assert stage.findings() == set()
    assert stage.memory.kept == []


def test_kv_pressure_is_found_proposed_approved_applied_and_met():
    stage = a_stage(full_cache, mode=Mode.PROPOSE)
    cycle = stage.until(asked, 5 * MINUTE)
    (decision,) = cycle.decisions
    assert decision.recommendation.title == "Store the KV cache of planner as FP8"
    assert stage.now - NOON <= 2 * MINUTE + timedelta(seconds=15), "patience, and the tick that began it"

    stage.memory.approve(stage.now)
    stage.tick()
    (record,) = stage.changes()
    assert record.change.approved_by == "ada"
    assert stage.pool.flags == ("--kv-cache-dtype=fp8",)

    cycle = stage.until(outcome_in, 60 * MINUTE)
    assert cycle.outcomes[0].state is OutcomeState.MET
    assert stage.findings() == set()
    assert len(stage.changes()) == 1


def test_a_queue_in_mode_apply_gets_its_replica_and_the_promise_is_met():
    stage = a_stage(queue, ready=1, least=1)
    stage.until(outcome_in, 60 * MINUTE)
    (record,) = stage.changes()
    assert str(record.change.patch) == "ScaledObject llm/planner: /spec/minReplicaCount 1 → 2"
    assert record.outcome is not None and record.outcome.state is OutcomeState.MET
    assert stage.findings() == set()


def test_cold_starts_are_learned_on_the_way():
    stage = a_stage(queue, ready=1, least=1)
    stage.until(outcome_in, 60 * MINUTE)
    beliefs = stage.memory.past.beliefs[stage.pool.spec.name]
    assert [s.seconds for s in beliefs.starts] == [pytest.approx(120, abs=15)]


def test_idle_replicas_are_released_and_the_saving_is_met():
    stage = a_stage(idle)
    stage.until(outcome_in, 90 * MINUTE)
    (record,) = stage.changes()
    assert record.change.kind is Kind.RELEASE_REPLICAS
    assert record.outcome is not None and record.outcome.state is OutcomeState.MET
    assert stage.pool.ready == 1
    stage.play(60 * MINUTE)
    assert stage.pool.ready == 1, "never below one"
    assert len(stage.changes()) == 1


def test_harm_is_seen_and_taken_back_by_the_same_guardrails():
    stage = a_stage(idle_but_needed)
    stage.until(lambda _: bool(stage.changes()), 40 * MINUTE)
    assert stage.pool.bounds == Bounds(min=1, max=8)
    cycle = stage.until(outcome_in, 60 * MINUTE)
    assert cycle.outcomes[0].state is OutcomeState.WORSE
    assert stage.pool.bounds == Bounds(min=2, max=8), "at the tick of the verdict"
    released, taken_back = stage.changes()
    assert taken_back.change.recommendation.undoes == released.change.id
    stage.until(outcome_in, 60 * MINUTE)
    assert stage.change(taken_back.change.id).outcome is not None
    assert stage.pool.ready == 2
    stage.play(90 * MINUTE)
    assert len(stage.changes()) == 2, "the same release is not tried again the same afternoon"


def test_a_fleet_that_goes_dark_is_left_alone():
    """A production fleet once fell to its minimum at peak because no data was read as zero (kedacore/keda#3065)."""
    stage = a_stage(idle, least=2)
    stage.play(25 * MINUTE)
    stage.pool.dark = True
    stage.play(45 * MINUTE)
    assert stage.findings() == {"blind-spot"}
    assert stage.changes() == []
    stage.pool.dark = False
    stage.play(29 * MINUTE)
    assert stage.changes() == [], "nor in the first half hour after it"
    stage.play(10 * MINUTE)
    assert len(stage.changes()) == 1


def test_an_open_finding_survives_the_dark_and_closes_when_it_is_seen_to_be_over():
    stage = a_stage(queue, mode=Mode.OBSERVE, ready=1, least=1)
    stage.play(5 * MINUTE)
    stage.pool.dark = True
    stage.play(20 * MINUTE)
    assert "queue-buildup" in stage.findings()
    stage.pool.dark, stage.pool.readings = False, calm
    stage.play(1 * MINUTE)
    assert "queue-buildup" in stage.findings()
    stage.play(3 * MINUTE)
    assert stage.findings() == set()
    assert stage.memory.closed.count("queue-buildup:planner") == 1


def test_a_restart_neither_closes_nor_opens_anything_early():
    stage = a_stage(queue, mode=Mode.OBSERVE, ready=1, least=1)
    stage.play(5 * MINUTE)
    stage.restart()
    stage.play(10 * MINUTE)
    assert stage.memory.closed == []
    assert {c.findings[0].since for c in stage.memory.cycles if c.findings} == {NOON + timedelta(seconds=15)}


def test_an_approval_that_came_too_late_does_nothing():
    stage = a_stage(full_cache, mode=Mode.PROPOSE)
    stage.until(asked, 5 * MINUTE)
    stage.memory.approve(stage.now - 20 * MINUTE)
    cycle = stage.tick()
    assert stage.changes() == []
    assert cycle.decisions[0].verdict is Verdict.ASK
    assert "good for 15 min" in cycle.decisions[0].because


def test_the_kill_switch_holds_what_was_approved():
    stage = a_stage(full_cache, mode=Mode.PROPOSE)
    stage.until(asked, 5 * MINUTE)
    stage.memory.approve(stage.now)
    stage.stop()
    cycle = stage.tick()
    assert stage.changes() == []
    assert cycle.decisions[0].because.startswith("held: stopped by bob")


def test_what_a_person_dismissed_is_not_proposed_again():
    stage = a_stage(full_cache, mode=Mode.PROPOSE)
    stage.until(asked, 5 * MINUTE)
    stage.memory.dismiss(stage.now)
    assert stage.play(60 * MINUTE).decisions == ()


def test_a_dry_run_changes_nothing_and_claims_nothing():
    stage = a_stage(queue, ready=1, least=1, dry=True)
    stage.play(60 * MINUTE)
    assert stage.pool.bounds == Bounds(min=1, max=8)
    (record,) = stage.changes()
    assert record.outcome is not None
    assert record.outcome.state is OutcomeState.UNKNOWN
    assert record.outcome.said.startswith("dry run")


def test_mode_observe_looks_and_says_what_it_would_have_done():
    stage = a_stage(queue, mode=Mode.OBSERVE, ready=1, least=1)
    cycle = stage.play(10 * MINUTE)
    assert stage.changes() == []
    assert cycle.decisions[0].because == "held: mode is observe: look only"


def test_a_square_wave_of_trouble_changes_the_role_a_few_times_an_hour_at_most():
    """Flapping: changes per hour stay under the caps whatever the readings do."""

    def wave(pool: Pool, now: datetime) -> Readings:
        up = int((now - NOON) / (7 * MINUTE)) % 2 == 0
        return {**CALM, "waiting": 40.0, "waiting_per_replica": 20.0} if up else {**CALM, **IDLE}

    stage = a_stage(wave, ready=1, least=1)
    stage.play(180 * MINUTE)
    assert len(stage.changes()) <= 3 * 3
    directions = [r.change.recommendation.direction for r in stage.changes()]
    assert Direction.TIGHTEN not in directions, "never idle for half an hour"


@pytest.mark.parametrize("readings", [queue, full_cache, idle, idle_but_needed])
def test_every_stored_decision_is_thought_again_with_the_same_answer(readings):
    stage = a_stage(readings, ready=1, least=1) if readings is queue else a_stage(readings)
    stage.play(60 * MINUTE)
    assert stage.memory.kept
    for kept in stage.memory.kept[:: max(1, len(stage.memory.kept) // 20)]:
        assert replay(kept).decisions == kept.decisions
