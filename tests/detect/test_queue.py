"""Queue build-up: loud when it outlives patience, silent otherwise."""

from datetime import timedelta

import pytest

from controlplane.detect.queue import QueueBuildup
from controlplane.model.belief import RoleBeliefs
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, RoleView
from tests.builders import NOON, PLANNER, a_replica, a_role, a_spec, minutely

detector = QueueBuildup()
NOTHING_KNOWN = RoleBeliefs(role=PLANNER)


def test_a_queue_that_outlives_patience_is_found_with_the_time_it_began():
    finding = detector.detect(a_role(waiting_per_replica=minutely(1, 9, 9, 9)), NOTHING_KNOWN)
    assert finding is not None
    assert finding.since == NOON - timedelta(minutes=2)
    assert finding.summary == "more than 5 requests wait per replica"


def test_the_evidence_names_value_limit_and_query():
    finding = detector.detect(a_role(waiting_per_replica=minutely(9, 9, 9)), NOTHING_KNOWN)
    assert finding is not None
    first = finding.evidence[0]
    assert (first.value, first.limit, first.comparison) == (9, 5, ">")
    assert first.query == 'waiting_per_replica{role="planner"}'


@pytest.mark.parametrize(
    "role",
    [
        pytest.param(a_role(waiting_per_replica=minutely(9, 9, 9, 1)), id="drained"),
        pytest.param(a_role(waiting_per_replica=minutely(9, 9, 9, 5)), id="at the limit, not over it"),
        pytest.param(a_role(waiting_per_replica=minutely(1, 1, 9, 9)), id="too young"),
        pytest.param(a_role(waiting_per_replica=minutely()), id="nothing scraped"),
        pytest.param(a_role(waiting_per_replica=minutely(9, 9, 9, None)), id="unknown now"),
        pytest.param(a_role(waiting_per_replica=minutely(9, 9, 9), coverage=0.5), id="half of the replicas silent"),
        pytest.param(a_role(ready=2, desired=3, waiting_per_replica=minutely(9, 9, 9, 9)), id="help is on its way"),
    ],
)
def test_says_nothing(role: RoleView):
    assert detector.detect(role, NOTHING_KNOWN) is None


def test_a_replica_that_does_not_come_is_no_help_and_is_told():
    starting = a_replica(number=1, state=ReplicaState.STARTING)
    role = a_role(ready=1, desired=2, replicas=(a_replica(), starting), waiting_per_replica=minutely(9, 9, 9, 9))
    late = RoleBeliefs(role=PLANNER, pending_since=((starting.key, NOON - timedelta(minutes=25)),))
    finding = detector.detect(role, late)
    assert finding is not None
    assert "a replica asked for has not started for 25 min" in finding.summary


def test_one_replica_of_four_silent_does_not_hide_a_queue():
    assert detector.detect(a_role(ready=4, waiting_per_replica=minutely(9, 9, 9), coverage=0.75), NOTHING_KNOWN)


def test_the_limit_on_the_chart_is_the_limit_of_the_rule():
    (limit,) = QueueBuildup(limit=7).limits(a_spec())
    assert (limit.reading, limit.comparison, limit.value) == (Reading.WAITING_PER_REPLICA, ">", 7)


def test_limits_too_close_together_are_refused():
    with pytest.raises(ValueError, match="10 % away"):
        QueueBuildup(leave=0.95)
