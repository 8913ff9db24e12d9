"""Blind spots: what the promises need and cannot be seen, with the fix."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.detect.blind import BlindSpot
from controlplane.detect.watch import Ending
from controlplane.model.belief import RoleBeliefs
from controlplane.model.page import Fault
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState
from tests.builders import NOON, PLANNER, a_calm_role, a_replica, a_role, a_spec, minutely

detector = BlindSpot()
NOTHING_KNOWN = RoleBeliefs(role=PLANNER)
LOST = a_replica(number=1, state=ReplicaState.LOST, fault=Fault.REFUSED)
DARK = {name: minutely(3, None, None, None, None, None) for name in ("running", "waiting", "kv_usage_max")}


def test_a_role_that_went_dark_is_found_with_the_time_it_did():
    finding = detector.detect(a_role(coverage=minutely(1, *[0.0] * 5), replicas=(LOST,), **DARK), NOTHING_KNOWN)
    assert finding is not None
    assert finding.since == NOON - timedelta(minutes=4)
    assert "cannot see running, waiting, KV cache used, highest" in finding.summary
    assert "planner-1" in finding.summary
    assert "connection refused: is the engine running, and is the port right?" in finding.summary


def test_some_replicas_silent_are_named():
    role = a_calm_role(ready=2, coverage=0.5, replicas=(a_replica(), LOST))
    finding = detector.detect(role, NOTHING_KNOWN)
    assert finding is not None
    assert "1 of 2 replicas not answering: planner-1" in finding.summary


def test_a_percentile_missing_under_traffic_is_found_with_its_reason():
    role = a_calm_role(ttft_p95=None)
    role = type(role)(
        spec=role.spec,
        at=role.at,
        step=role.step,
        ticks=role.ticks,
        columns=role.columns,
        replicas=role.replicas,
        missing={Reading.TTFT_P95: "this engine serves no TTFT histogram: update it"},
    )
    finding = detector.detect(role, NOTHING_KNOWN)
    assert finding is not None
    assert "TTFT p95" in finding.summary and "update it" in finding.summary


def test_a_role_nobody_configured_a_source_for_is_told_so():
    dark = {name: minutely(*[None] * 6) for name in ("running", "waiting", "coverage", "kv_usage_max")}
    finding = detector.detect(a_role(ready=None, replicas=(), **dark), NOTHING_KNOWN)
    assert finding is not None
    assert "give the role targets, a pod selector or a Prometheus" in finding.summary


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({}, id="all is seen"),
        pytest.param({"ttft_p95": None, "itl_p95": None, "requests": 0.0}, id="percentiles without requests"),
        pytest.param(
            {"running": minutely(6, 6, 6, 6, None, None), "waiting": minutely(*[0] * 6)}, id="two scrapes lost"
        ),
        pytest.param({"running": minutely(None)}, id="the first tick after a start"),
        pytest.param({"coverage": minutely(*[0.5] * 6), "pending": 1.0}, id="a replica is starting"),
        pytest.param({"gpu_activity": None, "prefix_hit_ratio": None}, id="no promise needs it"),
    ],
)
def test_says_nothing(over: dict[str, Any]):
    assert detector.detect(a_calm_role(**over), NOTHING_KNOWN) is None


def test_what_is_not_promised_need_not_be_seen():
    role = a_calm_role(a_spec(ttft=None, itl=None), ttft_p95=None, itl_p95=None, kv_usage_max=None)
    assert detector.detect(role, NOTHING_KNOWN) is None


def test_it_ends_when_everything_is_seen_for_a_while():
    assert detector.ending(a_calm_role(), NOTHING_KNOWN) is Ending.OVER
    assert detector.ending(a_calm_role(running=None), NOTHING_KNOWN) is Ending.HOLDS
    assert detector.ending(a_calm_role(coverage=0.5), NOTHING_KNOWN) is Ending.HOLDS
    back = a_calm_role(running=minutely(None, None, None, 6))
    assert detector.ending(back, NOTHING_KNOWN) is Ending.SETTLING
