"""The fleet as a whole: seeded, scaled within bounds, started slowly, restarted one by one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.simulate.deployment import Phase
from controlplane.simulate.kube_page import kube_page
from controlplane.simulate.shape import ClusterShape
from controlplane.simulate.story import DemoStory, Diurnal, reference_cluster
from tests.simulate.watching import START, a_fleet

MINUTE = timedelta(minutes=1)


def only(cluster: ClusterShape, name: str, **changed: object) -> ClusterShape:
    roles = tuple(replace(r, **changed) if r.name == name else r for r in cluster.roles)  # type: ignore[arg-type]
    return replace(cluster, roles=roles)


def test_the_same_seed_gives_the_same_fleet_however_often_one_looks():
    once = a_fleet(reference_cluster(), DemoStory())
    often = a_fleet(reference_cluster(), DemoStory())
    once.advance(START + 14 * MINUTE)
    for i in range(1, 14 * 60 + 1):
        often.advance(START + timedelta(seconds=i))
    tallies = [(p.name, p.engine.tally) for f in (once, often) for p in f.pods if p.engine is not None]
    half = len(tallies) // 2
    counted = [(name, t.finished, t.prompt_tokens, t.generation_tokens, t.preemptions) for name, t in tallies]
    assert counted[:half] == counted[half:]
    assert kube_page(once) == kube_page(often)


def test_another_seed_gives_another_fleet():
    one, other = a_fleet(reference_cluster(), seed=1), a_fleet(reference_cluster(), seed=2)
    assert {p.name for p in one.pods} != {p.name for p in other.pods}


def test_time_does_not_go_back():
    fleet = a_fleet(reference_cluster())
    fleet.advance(START + MINUTE)
    fleet.advance(START)
    assert fleet.now == START + MINUTE


def test_every_call_that_was_made_is_answered_once_traffic_ends():
    fleet = a_fleet(reference_cluster(), sessions_per_minute=6.0)
    fleet.advance(START + 10 * MINUTE)
    started, ended = fleet.traffic.sessions_started, fleet.traffic.sessions_finished
    assert started > 30
    assert ended > started / 2
    assert started - ended <= 28


def test_a_crowd_makes_the_worker_role_grow_and_it_shrinks_after_the_hpas_five_minutes():
    fleet = a_fleet(reference_cluster(), DemoStory())
    seen = []
    for i in range(4 * 34):
        fleet.advance(START + timedelta(seconds=15 * i))
        worker = fleet.deployments["worker"]
        seen.append((len(worker.ready), worker.wished))
    assert max(ready for ready, _ in seen) >= 3
    assert all(2 <= wished <= 4 for _, wished in seen)
    assert seen[-1] == (2, 2)


def test_a_replica_that_was_asked_for_serves_only_after_its_cold_start():
    fleet = a_fleet(reference_cluster())
    fleet.scaled_objects["worker"].bound(3, 4)
    fleet.advance(START + 20 * timedelta(seconds=1))
    worker = fleet.deployments["worker"]
    (starting,) = (p for p in worker.pods if p.phase is Phase.STARTING)
    assert set(starting.phases) == {"image", "weights", "engine", "warm_up"}
    assert starting.engine is None
    fleet.advance(START + timedelta(seconds=starting.ready_at + 2))
    assert starting.phase is Phase.READY


def test_without_a_free_gpu_a_pod_is_not_scheduled():
    fleet = a_fleet(reference_cluster())
    fleet.scaled_objects["planner"].bound(5, 5)
    fleet.advance(START + 6 * MINUTE)
    phases = sorted(p.phase for p in fleet.deployments["planner"].pods)
    assert phases.count(Phase.UNSCHEDULABLE) == 1
    assert 'phase="Pending"} 1.0' in kube_page(fleet)


def test_fp8_doubles_the_blocks_after_a_restart_that_never_leaves_the_role_without_a_replica():
    fleet = a_fleet(reference_cluster(), sessions_per_minute=8.0)
    fleet.advance(START + 5 * MINUTE)
    planner = fleet.deployments["planner"]
    (old,) = planner.pods
    assert old.engine is not None
    blocks = old.engine.blocks
    fleet.restart_with_kv_cache_dtype("planner", "fp8")
    while old in planner.pods:
        fleet.advance(fleet.now + timedelta(seconds=5))
        assert planner.ready
        assert len(planner.active) <= 2
    (new,) = planner.pods
    assert new.engine is not None
    assert new.engine.blocks == 2 * blocks
    assert fleet.at > 5 * 60 + 100, "a 70B takes its time"


def test_a_call_cut_off_by_a_pods_end_is_made_again():
    fleet = a_fleet(reference_cluster(), DemoStory())
    fleet.advance(START + 20 * MINUTE)
    waiting = len(fleet.deployments["planner"].pods[0].engine.waiting)  # type: ignore[union-attr]
    assert waiting > 0
    fleet.restart_with_kv_cache_dtype("planner", "fp8")
    fleet.advance(START + 40 * MINUTE)
    assert fleet.traffic.sessions_started - fleet.traffic.sessions_finished <= 28
    assert fleet.deployments["planner"].pods[0].engine.tally.finished > 100  # type: ignore[union-attr]


def test_long_documents_fill_the_planners_cache_and_fp8_is_the_cure():
    fleet = a_fleet(reference_cluster(), DemoStory())
    fleet.advance(START + 18 * MINUTE)
    usage, queue = [], []
    for _ in range(40):
        fleet.advance(fleet.now + timedelta(seconds=15))
        engine = fleet.deployments["planner"].ready[0].engine
        assert engine is not None
        usage.append(engine.kv_usage)
        queue.append(len(engine.waiting))
    assert sum(usage) / 40 > 0.9
    assert sum(queue) / 40 > 4
    fleet.restart_with_kv_cache_dtype("planner", "fp8")
    fleet.advance(fleet.now + 10 * MINUTE)
    engine = fleet.deployments["planner"].ready[0].engine
    assert engine is not None
    relieved = []
    for _ in range(40):
        fleet.advance(fleet.now + timedelta(seconds=15))
        relieved.append(engine.kv_usage)
    assert sum(relieved) / 40 < 0.8


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_roles_share_a_gpu_by_their_parts(share: float):
    fleet = a_fleet(only(reference_cluster(), "embedder", gpus_per_replica=share, min=2, max=2))
    held = [p.seats for p in fleet.deployments["embedder"].pods + fleet.deployments["reranker"].pods]
    gpus = {s.gpu for seats in held for s in seats}
    assert len(gpus) == (1 if share == 0.25 else 2)


@pytest.mark.parametrize(("hour", "rate"), [(15, 10.0), (3, 2.0), (9, 6.0), (39, 10.0)])
def test_days_are_busier_than_nights(hour: float, rate: float):
    assert Diurnal().mood(hour * 3600).sessions_per_minute == pytest.approx(rate)
    assert Diurnal(begins=9).mood((hour - 9) * 3600).sessions_per_minute == pytest.approx(rate)


def test_no_sessions_without_a_rate_and_a_ceiling_on_those_at_once():
    quiet = a_fleet(reference_cluster(), sessions_per_minute=0.0)
    quiet.advance(START + 10 * MINUTE)
    assert quiet.traffic.sessions_started == 0
    flooded = a_fleet(reference_cluster(), sessions_per_minute=600.0)
    flooded.advance(START + 3 * MINUTE)
    assert flooded.traffic.sessions_started - flooded.traffic.sessions_finished <= 28
    assert flooded.traffic.sessions_refused > 0
