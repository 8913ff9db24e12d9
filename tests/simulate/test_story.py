"""The demo, without sockets: the real walk over the simulated fleet finds what the story promises, in time."""

from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.model.decision import Verdict
from controlplane.model.recommendation import Kind
from controlplane.settings.load import examine
from controlplane.simulate.declared import fleet_yaml
from controlplane.simulate.story import DemoStory, reference_cluster
from tests.simulate.watching import START, Watch, a_fleet

STORY = DemoStory()
OPENING = START + STORY.opening


@pytest.fixture(scope="module")
def watch() -> Watch:
    """The demo's 44 minutes; nobody approves anything."""
    cluster = reference_cluster()
    text = fleet_yaml(
        cluster, targets_file=Path("t"), patches=Path("p"), store="sqlite:///d.db", port=0, modes={"worker": "apply"}
    )
    fleet = a_fleet(cluster, STORY)
    fleet.advance(OPENING)
    watch = Watch(fleet, examine(text.encode(), folder=Path("/")).settings.role_specs())
    for _ in watch.ticks(44 * 4):
        pass
    return watch


def opened(watch: Watch, finding: str) -> timedelta:
    return watch.records[finding].opened - OPENING


@pytest.mark.parametrize(
    ("finding", "earliest", "latest"),
    [
        ("kv-pressure:planner", 3, 10),
        ("ttft-objective:planner", 3, 10),
        ("queue-buildup:planner", 3, 14),
        ("low-utilisation:embedder", 30, 32),
        ("ttft-objective:worker", 28, 36),
    ],
)
def test_each_trouble_is_found_in_its_time(watch: Watch, finding: str, earliest: float, latest: float):
    assert timedelta(minutes=earliest) <= opened(watch, finding) <= timedelta(minutes=latest)


def test_nothing_is_found_that_was_not_written_into_the_story(watch: Watch):
    expected = {
        "kv-pressure:planner",
        "ttft-objective:planner",
        "queue-buildup:planner",
        "preemption-storm:planner",
        "prefix-collapse:planner",
        "low-utilisation:embedder",
        "low-utilisation:reranker",
        "ttft-objective:worker",
        "itl-objective:worker",
        "queue-buildup:worker",
    }
    assert set(watch.records) <= expected


def test_the_planner_is_offered_an_fp8_cache_as_long_as_the_pressure_lasts(watch: Watch):
    opened = watch.records["kv-pressure:planner"].opened
    fp8 = [
        d
        for cycle in watch.cycles
        if opened <= cycle.at <= opened + timedelta(minutes=5)
        for d in cycle.decisions
        if d.recommendation.kind is Kind.ENGINE_FLAGS
    ]
    assert len(fp8) > 18, "a person has time to approve it"
    assert {d.recommendation.id for d in fp8} == {fp8[0].recommendation.id}
    assert fp8[0].recommendation.patch.fields[0].after == "--kv-cache-dtype=fp8"
    assert fp8[0].verdict is Verdict.ASK


def test_the_embedder_is_offered_one_replica_less_and_the_worker_more(watch: Watch):
    offered = {(d.recommendation.role, d.recommendation.kind): d for c in watch.cycles for d in c.decisions}
    release = offered["embedder", Kind.RELEASE_REPLICAS].recommendation  # type: ignore[index]
    assert release.effect.dollars_per_hour == pytest.approx(-0.25)
    assert ("worker", Kind.RAISE_REPLICAS) in offered


def test_everything_the_walk_needs_to_know_is_known(watch: Watch):
    for role in watch.cycles[-1].fleet.roles.values():
        wanted = {"running", "kv_usage", "ttft_p95", "gpu_activity", "replicas_ready", "coverage", "dollars_per_hour"}
        known = {str(reading) for reading, column in role.columns.items() if column[-1] is not None}
        assert wanted <= known, (role.name, role.missing)
        assert role.bounds is not None
