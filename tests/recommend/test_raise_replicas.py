"""The reference rule: which bound, how far, and when not."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.detect import DEFAULT_DETECTORS, detect
from controlplane.model.belief import RoleBeliefs, Start
from controlplane.model.keys import ReplicaKey
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Direction, Kind, Level, Recommendation
from controlplane.model.role import Bounds, RoleSpec
from controlplane.recommend import DEFAULT_RECOMMENDERS, recommend
from tests.builders import NOON, PLANNER, Values, a_calm_role, a_fleet, a_spec, minutely, some_beliefs

START = Start(replica=ReplicaKey(PLANNER, "planner-9"), ready=NOON, seconds=240.0)
LEARNED = some_beliefs(starts=(START,) * 5)


def advice(
    spec: RoleSpec | None = None, beliefs: RoleBeliefs = LEARNED, *, bounds: Bounds | None = None, **readings: Values
) -> Recommendation | None:
    """What is recommended for a role with a queue, unless its readings say otherwise."""
    queue: dict[str, Any] = {"waiting": 18.0, "waiting_per_replica": minutely(*[9] * 6), **readings}
    role = a_calm_role(spec, bounds=bounds, **queue)
    fleet, known = a_fleet(role), {PLANNER: beliefs}
    said = recommend(fleet, known, detect(fleet, known, (), DEFAULT_DETECTORS).findings, DEFAULT_RECOMMENDERS)
    assert len(said) <= 1
    return said[0] if said else None


def patch_of(recommendation: Recommendation | None) -> str:
    assert recommendation is not None
    return str(recommendation.patch)


def test_with_room_below_the_upper_bound_the_lower_one_is_raised():
    assert patch_of(advice(bounds=Bounds(min=1, max=4))) == "ScaledObject llm/planner: /spec/minReplicaCount 1 → 3"


def test_where_the_upper_bound_is_what_stops_it_that_one_is_raised():
    assert patch_of(advice(bounds=Bounds(min=1, max=2))) == "ScaledObject llm/planner: /spec/maxReplicaCount 2 → 3"


@pytest.mark.parametrize(("ready", "to"), [(1, 2), (2, 3), (4, 6), (5, 7)])
def test_a_step_is_one_replica_or_half_as_many_again(ready: int, to: int):
    said = advice(ready=ready, bounds=Bounds(min=1, max=8))
    assert said is not None and said.patch.fields[0].after == to


def test_it_never_goes_past_the_upper_bound_in_force():
    assert patch_of(advice(ready=4, bounds=Bounds(min=1, max=5))).endswith("1 → 5")


def test_at_the_ceiling_of_fleet_yaml_it_is_advice():
    said = advice(a_spec(most=2), bounds=Bounds(min=1, max=2))
    assert said is not None
    assert said.title == "Allow planner 3 replicas in fleet.yaml"
    assert patch_of(said) == "Role fleet.yaml/planner: /replicas/max 2 → 3"


def test_without_a_scaled_object_it_is_advice():
    assert patch_of(advice(a_spec(scaled_object=False))) == "Role fleet.yaml/planner: /replicas/min 1 → 3"


def test_a_replica_that_does_not_come_means_capacity_not_more_bounds():
    """Row C15: pending pods for longer than a start; raising the bound again would not help."""
    said = advice(pending=1.0, desired=3, waiting_per_replica=minutely(*[9] * 30))
    assert said is not None
    assert said.title == "Find GPU capacity for planner"
    assert said.patch.fields == ()
    assert "not started for 29 min" in said.because[1]


def test_it_says_since_when_how_much_and_by_when():
    said = advice()
    assert said is not None
    assert said.because == (
        "More than 5 requests wait per replica (now 9) since 11:55 UTC.",
        "A start takes 4 min (90th percentile of 5 seen): done now, it helps by 12:04 UTC.",
    )
    assert said.effect.dollars_per_hour == 5.0
    assert (said.kind, said.direction) == (Kind.RAISE_REPLICAS, Direction.LOOSEN)


def test_it_waits_for_a_start_before_it_is_judged():
    said = advice()
    assert said is not None
    goal = said.expectation
    assert (goal.reading, goal.comparison, goal.limit) == (Reading.WAITING_PER_REPLICA, "<", 5)
    assert goal.settle == timedelta(minutes=6)
    assert goal.guard is Reading.REPLICAS_READY and goal.harm_comparison == "<"


def test_each_number_has_the_query_behind_it():
    said = advice()
    assert said is not None
    assert all(e.query for e in said.evidence if e.reading is not None)


def test_what_is_not_known_lowers_confidence_and_is_told():
    sure, unsure = advice(), advice(beliefs=some_beliefs(), bounds_seen=False)
    assert sure is not None and sure.confidence.level is Level.HIGH
    assert unsure is not None and unsure.confidence.level is Level.LOW
    assert "but no start was seen yet" in unsure.confidence.reasons


def test_an_unknown_price_is_unknown_not_free():
    said = advice(a_spec(price=None))
    assert said is not None
    assert said.effect.dollars_per_hour is None
    assert "price" in said.effect.words


def test_a_late_first_token_is_cured_the_same_way():
    said = advice(waiting_per_replica=0.0, waiting=0.0, ttft_p95=minutely(*[3.0] * 6))
    assert said is not None
    assert said.expectation.reading is Reading.TTFT_P95
    assert said.expectation.limit == 2.0


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param({"waiting_per_replica": 1.0}, id="no queue"),
        pytest.param({"ready": None}, id="nobody knows how many there are"),
        pytest.param({"pending": 1.0, "waiting_per_replica": minutely(*[9] * 4)}, id="one is on its way"),
        pytest.param({"waiting_per_replica": minutely(*[9] * 6, None)}, id="the queue is unknown now"),
    ],
)
def test_nothing_is_recommended_when(readings: dict[str, Any]):
    assert advice(**readings) is None


def test_the_same_trouble_is_the_same_recommendation_from_tick_to_tick():
    first, later = advice(), advice(waiting_per_replica=minutely(*[12] * 7), waiting=24.0)
    assert first is not None and later is not None
    assert first.id == later.id
