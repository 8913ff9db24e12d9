"""Broken promises: only with traffic, only when promised, critical from twice the objective."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.detect.itl import ItlObjective
from controlplane.detect.ttft import TtftObjective
from controlplane.detect.watch import Ending
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Severity
from controlplane.model.reading import Reading
from tests.builders import NOON, PLANNER, a_role, a_spec, minutely

NOTHING_KNOWN = RoleBeliefs(role=PLANNER)
ttft, itl = TtftObjective(), ItlObjective()


def test_a_late_first_token_is_found():
    finding = ttft.detect(a_role(ttft_p95=minutely(1, 3, 3, 3), requests=2.0), NOTHING_KNOWN)
    assert finding is not None
    assert finding.severity is Severity.WARNING
    assert finding.since == NOON - timedelta(minutes=2)
    assert finding.summary == "TTFT p95 is over its objective of 2 s"


def test_twice_the_objective_is_critical():
    finding = ttft.detect(a_role(ttft_p95=minutely(5, 5, 5), requests=2.0), NOTHING_KNOWN)
    assert finding is not None and finding.severity is Severity.CRITICAL


def test_slow_tokens_are_found():
    finding = itl.detect(a_role(itl_p95=minutely(0.08, 0.08, 0.08), requests=2.0), NOTHING_KNOWN)
    assert finding is not None
    assert finding.summary == "ITL p95 is over its objective of 60 ms"


def test_requests_that_do_not_finish_are_traffic_too():
    role = a_role(ttft_p95=minutely(30, 30, 30), requests=0.0, running=40.0)
    assert ttft.detect(role, NOTHING_KNOWN) is not None


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param({"ttft_p95": minutely(3, 3, 1.9), "requests": 2.0}, id="kept again"),
        pytest.param({"ttft_p95": minutely(3, 3, 3), "requests": 0.01}, id="a handful of requests"),
        pytest.param({"ttft_p95": minutely(3, 3, 3)}, id="traffic unknown"),
        pytest.param({"ttft_p95": minutely(3, 3, None), "requests": 2.0}, id="unknown now"),
        pytest.param({"ttft_p95": minutely(), "requests": 2.0}, id="nothing measured"),
        pytest.param({"ttft_p95": minutely(3, 3, 3), "requests": 2.0, "coverage": 0.5}, id="half blind"),
    ],
)
def test_says_nothing(readings: dict[str, Any]):
    assert ttft.detect(a_role(**readings), NOTHING_KNOWN) is None


def test_what_is_not_promised_cannot_be_broken():
    role = a_role(a_spec(ttft=None), ttft_p95=minutely(9, 9, 9), requests=2.0)
    assert ttft.detect(role, NOTHING_KNOWN) is None
    assert ttft.ending(role, NOTHING_KNOWN) is Ending.OVER
    assert ttft.limits(role.spec) == ()


def test_a_role_nobody_asks_keeps_its_promise():
    gone_quiet = a_role(ttft_p95=minutely(3, *[None] * 8), running=0.0, waiting=0.0, requests=0.0)
    unknown = a_role(ttft_p95=minutely(3, *[None] * 8))
    assert ttft.ending(gone_quiet, NOTHING_KNOWN) is Ending.OVER
    assert ttft.ending(unknown, NOTHING_KNOWN) is Ending.UNKNOWN


def test_it_closes_a_tenth_below_the_objective():
    assert ttft.ending(a_role(ttft_p95=1.9, requests=2.0), NOTHING_KNOWN) is Ending.HOLDS
    assert ttft.ending(a_role(ttft_p95=1.7, requests=2.0), NOTHING_KNOWN) is Ending.OVER


def test_the_line_on_the_chart_is_the_objective():
    (limit,) = itl.limits(a_spec(itl=0.04))
    assert (limit.reading, limit.value, limit.words) == (Reading.ITL_P95, 0.04, "objective")
