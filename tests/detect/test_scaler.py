"""A blind autoscaler: found with the time it went blind, not when a person paused it, never from silence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.detect.scaler import ScalerBlind
from controlplane.detect.watch import Ending
from controlplane.estimate.beliefs import estimate
from controlplane.model.workload import ScalerView, Standing
from tests.builders import NOON, PLANNER, a_calm_role, a_fleet, some_beliefs

BLIND = ScalerView(ready=True, metric_known=False, problem="unable to get external metric: no server")
SEES = ScalerView(ready=True, metric_known=True)


def a_role_with(scaler):
    return replace(a_calm_role(), standing=Standing(scaler=scaler))


def test_a_blind_autoscaler_is_found_with_the_clusters_own_words():
    """C10."""
    since = NOON - timedelta(minutes=3)
    finding = ScalerBlind().detect(a_role_with(BLIND), some_beliefs(scaler_blind_since=since))
    assert finding is not None
    assert finding.since == since
    assert "unable to get external metric: no server" in finding.summary


@pytest.mark.parametrize("since", [None, NOON - timedelta(minutes=1)])
def test_says_nothing_at_once(since):
    assert ScalerBlind().detect(a_role_with(BLIND), some_beliefs(scaler_blind_since=since)) is None


@pytest.mark.parametrize(
    ("scaler", "ending"),
    [
        (BLIND, Ending.HOLDS),
        (SEES, Ending.OVER),
        (replace(BLIND, paused=True), Ending.OVER),
        (None, Ending.UNKNOWN),
    ],
)
def test_it_is_over_when_it_sees_or_a_person_paused_it(scaler, ending):
    assert ScalerBlind().ending(a_role_with(scaler), some_beliefs()) is ending


@pytest.mark.parametrize(
    ("scaler", "before", "after"),
    [
        pytest.param(BLIND, None, NOON, id="went blind"),
        pytest.param(BLIND, NOON - timedelta(hours=1), NOON - timedelta(hours=1), id="still blind"),
        pytest.param(SEES, NOON - timedelta(hours=1), None, id="sees again"),
        pytest.param(None, NOON - timedelta(hours=1), NOON - timedelta(hours=1), id="nobody can tell"),
        pytest.param(SEES, None, None, id="sees"),
    ],
)
def test_since_when_is_learned_and_kept(scaler, before, after):
    learned = estimate(a_fleet(a_role_with(scaler)), {PLANNER: some_beliefs(scaler_blind_since=before)})
    assert learned[PLANNER].scaler_blind_since == after
