"""Since when a role has been watched."""

from datetime import timedelta

from controlplane.estimate.beliefs import estimate
from controlplane.model.belief import RoleBeliefs
from tests.builders import NOON, PLANNER, a_fleet, a_role


def test_a_role_is_watched_from_its_first_answering_replica_on():
    silent = estimate(a_fleet(a_role(ready=0)), {})
    assert silent[PLANNER].watched_since is None
    seen = estimate(a_fleet(a_role(ready=2)), silent)
    assert seen[PLANNER].watched_since == NOON
    earlier = {PLANNER: RoleBeliefs(role=PLANNER, watched_since=NOON - timedelta(days=3))}
    assert estimate(a_fleet(a_role(ready=2)), earlier)[PLANNER].watched_since == NOON - timedelta(days=3)
