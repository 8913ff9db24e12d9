"""KV pressure: full and somebody pays for it."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.detect.kv_pressure import KvPressure
from controlplane.detect.preemption import PreemptionStorm
from controlplane.detect.watch import Ending
from controlplane.model.belief import RoleBeliefs
from tests.builders import NOON, PLANNER, a_role, minutely

NOTHING_KNOWN = RoleBeliefs(role=PLANNER)
pressure, storm = KvPressure(), PreemptionStorm()


def test_a_full_cache_with_requests_waiting_is_pressure():
    role = a_role(kv_usage_max=minutely(0.5, 0.95, 0.96, 0.99), waiting=minutely(0, 3, 2, 4), preemptions=0.0)
    finding = pressure.detect(role, NOTHING_KNOWN)
    assert finding is not None
    assert finding.since == NOON - timedelta(minutes=2)
    assert finding.summary == "the KV cache is over 90 % full and requests wait"


def test_a_full_cache_that_throws_requests_out_is_pressure():
    role = a_role(kv_usage_max=minutely(0.95, 0.96, 0.99), waiting=0.0, preemptions=0.3)
    finding = pressure.detect(role, NOTHING_KNOWN)
    assert finding is not None and "thrown out" in finding.summary


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param({"kv_usage_max": 0.99, "waiting": 0.0, "preemptions": 0.0}, id="full and nobody waits"),
        pytest.param({"kv_usage_max": 0.99}, id="nobody knows whether anybody waits"),
        pytest.param({"kv_usage_max": 0.7, "waiting": 9.0, "preemptions": 1.0}, id="room left"),
        pytest.param({"kv_usage_max": minutely(0.99, 0.6, 0.99), "waiting": 9.0}, id="it breathes"),
        pytest.param({"kv_usage_max": minutely(0.99, 0.99, None), "waiting": 9.0}, id="unknown now"),
        pytest.param({"kv_usage_max": 99.0, "waiting": 9.0, "coverage": 0.4}, id="most replicas silent"),
    ],
)
def test_no_pressure(readings: dict[str, Any]):
    assert pressure.detect(a_role(**readings), NOTHING_KNOWN) is None


def test_pressure_ends_when_there_is_room_or_when_nobody_pays():
    assert pressure.ending(a_role(kv_usage_max=0.8, waiting=3.0), NOTHING_KNOWN) is Ending.OVER
    assert pressure.ending(a_role(kv_usage_max=0.95, waiting=0.0, preemptions=0.0), NOTHING_KNOWN) is Ending.OVER
    assert pressure.ending(a_role(kv_usage_max=0.95, waiting=0.0), NOTHING_KNOWN) is Ending.HOLDS
    assert pressure.ending(a_role(kv_usage_max=0.85, waiting=3.0), NOTHING_KNOWN) is Ending.HOLDS
    assert pressure.ending(a_role(waiting=0.0, preemptions=0.0), NOTHING_KNOWN) is Ending.UNKNOWN


def test_a_storm_is_a_share_of_what_finishes():
    assert storm.detect(a_role(preemptions=minutely(0, 0.5, 0.5, 0.5, 0.5), requests=2.0), NOTHING_KNOWN)
    assert storm.detect(a_role(preemptions=minutely(0.5, 0.5, 0.5, 0.5), requests=0.0), NOTHING_KNOWN)


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param({"preemptions": 0.3, "requests": 2.0}, id="one in seven"),
        pytest.param({"preemptions": 0.05, "requests": 0.1}, id="now and then"),
        pytest.param({"preemptions": minutely(0.5, 0.5, 0.0, 0.5), "requests": 0.1}, id="a burst"),
        pytest.param({"preemptions": 5.0}, id="nobody knows how many finish"),
    ],
)
def test_no_storm(readings: dict[str, Any]):
    assert storm.detect(a_role(**readings), NOTHING_KNOWN) is None


def test_a_storm_ends_below_seven_tenths_of_its_limits():
    assert storm.ending(a_role(preemptions=0.35, requests=2.0), NOTHING_KNOWN) is Ending.HOLDS
    assert storm.ending(a_role(preemptions=0.2, requests=2.0), NOTHING_KNOWN) is Ending.OVER
