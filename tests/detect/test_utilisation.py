"""Low utilisation: the engine is idle, two signals agree, none disagrees, all of it was seen."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.detect.utilisation import LowUtilisation
from controlplane.detect.watch import Ending
from controlplane.model.belief import RoleBeliefs
from controlplane.model.reading import Reading
from tests.builders import IDLE, NOON, PLANNER, a_calm_role, a_spec, steady, ticking

NOTHING_KNOWN = RoleBeliefs(role=PLANNER)
detector = LowUtilisation()
HALF_HOUR = [0.01] * 121


def idle(**over: Any):
    return a_calm_role(**{**IDLE, **over})


def test_an_idle_role_is_found_with_what_it_wastes():
    finding = detector.detect(idle(dollars_per_hour=10.0), NOTHING_KNOWN)
    assert finding is not None
    assert finding.since == NOON - timedelta(minutes=45)
    assert finding.dollars_per_hour == pytest.approx(9.9)
    assert finding.summary == "hardly used for 45 min: under 20 % by every signal"


def test_without_a_spend_the_price_is_used_and_without_a_price_nothing_is_said_of_money():
    by_price = detector.detect(idle(dollars_per_hour=None), NOTHING_KNOWN)
    unknown = detector.detect(a_calm_role(a_spec(price=None), **{**IDLE, "dollars_per_hour": None}), NOTHING_KNOWN)
    assert by_price is not None and by_price.dollars_per_hour == pytest.approx(2 * 5.0 * 0.99)
    assert unknown is not None and unknown.dollars_per_hour is None


def test_two_signals_are_enough_when_the_third_is_unknown():
    assert detector.detect(idle(kv_usage=None), NOTHING_KNOWN) is not None
    assert detector.detect(idle(gpu_activity=None), NOTHING_KNOWN) is not None


def test_a_scrape_lost_now_and_then_does_not_start_the_half_hour_again():
    patchy = ticking(*[None if i % 20 == 7 else 0.01 for i in range(181)])
    assert detector.detect(idle(gpu_activity=patchy), NOTHING_KNOWN) is not None


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({"gpu_activity": 0.9}, id="the GPU disagrees"),
        pytest.param({"gpu_dram_activity": 0.5}, id="the memory bus disagrees: a decode that looks idle"),
        pytest.param({"running": 4.0}, id="a GPU counter stuck at zero while the engine works"),
        pytest.param({"waiting": 1.0}, id="somebody waits"),
        pytest.param({"gpu_activity": None, "gpu_dram_activity": None}, id="only one signal"),
        pytest.param({"running": None}, id="the engine was not seen"),
        pytest.param({"waiting": None}, id="the queue was not seen"),
        pytest.param({"coverage": 0.5}, id="only half of the replicas"),
        pytest.param({"coverage": None}, id="nobody counted the replicas"),
        pytest.param({"ready": 0.0}, id="nothing runs"),
        pytest.param({"gpu_activity": ticking(*HALF_HOUR[:100])}, id="not seen for half an hour"),
        pytest.param({"running": ticking(*[None] * 61, *[0.0] * 119)}, id="just recovered"),
        pytest.param({"gpu_activity": ticking(*[0.01, None] * 60, 0.01)}, id="every other scrape lost"),
    ],
)
def test_says_nothing(over: dict[str, Any]):
    assert detector.detect(idle(**over), NOTHING_KNOWN) is None


def test_it_ends_when_it_is_known_to_be_used_again():
    busy = a_calm_role(running=3.0)
    blink = idle(gpu_activity=ticking(*[0.01] * 180, 0.9))
    assert detector.ending(busy, NOTHING_KNOWN) is Ending.OVER
    assert detector.ending(blink, NOTHING_KNOWN) is Ending.SETTLING
    assert detector.ending(idle(), NOTHING_KNOWN) is Ending.HOLDS
    assert detector.ending(idle(running=None), NOTHING_KNOWN) is Ending.UNKNOWN


def test_at_the_moment_of_a_restart_nothing_is_known_to_have_ended():
    assert detector.ending(a_calm_role(running=ticking(6)), NOTHING_KNOWN) is not Ending.OVER


def test_gpu_lines_are_drawn():
    assert {limit.reading for limit in detector.limits(a_spec())} == {Reading.GPU_ACTIVITY, Reading.GPU_DRAM_ACTIVITY}
    assert steady(1.0).values[0] == 1.0
