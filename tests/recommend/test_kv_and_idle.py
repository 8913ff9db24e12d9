"""KV relief: the cheapest flag first. Idle replicas: one step, never below the floor."""

from typing import Any

import pytest

from controlplane.detect import DEFAULT_DETECTORS, detect
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Direction, Kind, Recommendation
from controlplane.model.role import Bounds, Engine, RoleSpec
from controlplane.recommend import DEFAULT_RECOMMENDERS, recommend
from controlplane.recommend.patches import actionable
from tests.builders import IDLE, PLANNER, Values, a_calm_role, a_fleet, a_spec, some_beliefs

FULL: dict[str, Values] = {"kv_usage_max": 0.97, "kv_usage": 0.95, "waiting": 4.0, "waiting_per_replica": 2.0}


def advice(spec: RoleSpec | None = None, *, bounds: Bounds | None = None, **readings: Values) -> Recommendation | None:
    role = a_calm_role(spec, bounds=bounds, **readings)  # type: ignore[arg-type]
    fleet, known = a_fleet(role), {PLANNER: some_beliefs()}
    said = recommend(fleet, known, detect(fleet, known, (), DEFAULT_DETECTORS).findings, DEFAULT_RECOMMENDERS)
    return said[0] if said else None


def test_a_full_cache_is_first_stored_as_fp8():
    said = advice(**FULL)
    assert said is not None
    assert said.title == "Store the KV cache of planner as FP8"
    assert [f.after for f in said.patch.fields] == ["--kv-cache-dtype=fp8"]
    assert str(said.patch.target) == "Deployment llm/planner"
    assert said.kind is Kind.ENGINE_FLAGS and said.direction is Direction.NEUTRAL
    assert "restart" in said.risk.if_done
    assert said.effect.dollars_per_hour == 0


def test_sglang_has_its_own_name_for_it():
    said = advice(a_spec(engine=Engine.SGLANG), **FULL)
    assert said is not None and said.patch.fields[0].after == "--kv-cache-dtype=fp8_e5m2"


def test_where_it_already_is_fp8_the_engine_gets_more_memory():
    said = advice(a_spec(kv_cache_dtype="fp8_e4m3"), **FULL)
    assert said is not None and said.patch.fields[0].after == "--gpu-memory-utilization=0.92"


def test_a_storm_with_fp8_lets_fewer_requests_run():
    said = advice(a_spec(kv_cache_dtype="fp8"), **FULL, preemptions=2.0, requests=1.0, running=100.0)
    assert said is not None and said.patch.fields[0].after == "--max-num-seqs=32"


@pytest.mark.parametrize("spec", [a_spec(workload=False), a_spec(engine=Engine.RAY_SERVE)])
def test_without_a_deployment_to_patch_it_is_advice(spec: RoleSpec):
    said = advice(spec, **FULL)
    assert said is not None
    assert str(said.patch) == "Role fleet.yaml/planner: /model/kv_cache_dtype auto → fp8"
    assert not actionable(said.patch)


def test_users_who_wait_come_before_a_restart():
    said = advice(**{**FULL, "waiting": 20.0, "waiting_per_replica": 10.0})
    assert said is not None and said.kind is Kind.RAISE_REPLICAS


def test_where_no_replica_can_be_added_the_cache_is_relieved():
    said = advice(a_spec(most=2), bounds=Bounds(min=1, max=2), **{**FULL, "waiting": 20.0, "waiting_per_replica": 10.0})
    assert said is not None and said.kind is Kind.ENGINE_FLAGS


def test_idle_replicas_held_by_the_lower_bound_are_released():
    said = advice(bounds=Bounds(min=2, max=8), **IDLE)
    assert said is not None
    assert str(said.patch) == "ScaledObject llm/planner: /spec/minReplicaCount 2 → 1"
    assert said.direction is Direction.TIGHTEN
    assert said.effect.dollars_per_hour == -5.0
    assert "Saves $5.00/h." in said.because[1]
    assert (said.expectation.reading, said.expectation.limit) == (Reading.REPLICAS_READY, 2)
    assert (said.expectation.guard, said.expectation.harm) == (Reading.TTFT_P95, 2.0)


def test_a_large_pool_shrinks_by_a_fifth():
    said = advice(bounds=Bounds(min=10, max=20), ready=10, **IDLE)
    assert said is not None and said.patch.fields[0].after == 8


def test_without_a_ttft_objective_the_queue_is_the_guard():
    said = advice(a_spec(ttft=None), bounds=Bounds(min=2, max=8), **IDLE)
    assert said is not None and said.expectation.guard is Reading.WAITING_PER_REPLICA


def test_the_floor_of_fleet_yaml_is_a_persons_to_lower():
    said = advice(a_spec(least=2), bounds=Bounds(min=2, max=8), **IDLE)
    assert said is not None
    assert str(said.patch) == "Role fleet.yaml/planner: /replicas/min 2 → 1"


def test_replicas_kept_by_the_trigger_are_for_a_person_to_look_at():
    said = advice(bounds=Bounds(min=1, max=8), **IDLE)
    assert said is not None
    assert said.title == "Look at why planner keeps 2 replicas"
    assert not actionable(said.patch)


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({"ready": 1}, id="the last replica stays"),
        pytest.param({"pending": 1.0}, id="one is starting"),
        pytest.param({"pending": None, "desired": None, "replicas_pending": None}, id="unknown whether one starts"),
        pytest.param({"gpu_activity": 0.9}, id="it is not idle"),
    ],
)
def test_nothing_is_released_when(over: dict[str, Any]):
    assert advice(bounds=Bounds(min=2, max=8), **{**IDLE, **over}) is None


def test_a_role_that_is_well_is_left_alone():
    assert advice() is None
