"""Prefix collapse: against what is usual, with traffic, and for a while."""

from typing import Any

import pytest

from controlplane.detect.prefix import PrefixCollapse
from controlplane.detect.watch import Ending
from controlplane.model.belief import RoleBeliefs
from tests.builders import PLANNER, a_role, minutely, some_beliefs

detector = PrefixCollapse()
USUAL = some_beliefs(prefix_hit_baseline=0.8, baseline_ticks=500)
LOW = minutely(0.8, *[0.2] * 11)


def test_a_collapse_is_found_and_says_what_is_usual():
    finding = detector.detect(a_role(prefix_hit_ratio=LOW, prefix_queried=1000.0), USUAL)
    assert finding is not None
    assert finding.summary.startswith("prefix cache hits are under 50 % of the usual 80 %")
    assert finding.evidence[0].limit == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("readings", "beliefs"),
    [
        pytest.param({"prefix_hit_ratio": LOW, "prefix_queried": 1000.0}, RoleBeliefs(role=PLANNER), id="not learned"),
        pytest.param(
            {"prefix_hit_ratio": LOW, "prefix_queried": 1000.0},
            some_beliefs(prefix_hit_baseline=0.8, baseline_ticks=20),
            id="hardly learned",
        ),
        pytest.param(
            {"prefix_hit_ratio": 0.0, "prefix_queried": 1000.0},
            some_beliefs(prefix_hit_baseline=0.1, baseline_ticks=500),
            id="never hit much",
        ),
        pytest.param({"prefix_hit_ratio": LOW, "prefix_queried": 10.0}, USUAL, id="no traffic"),
        pytest.param({"prefix_hit_ratio": LOW}, USUAL, id="traffic unknown"),
        pytest.param({"prefix_hit_ratio": 0.5, "prefix_queried": 1000.0}, USUAL, id="a little lower"),
        pytest.param({"prefix_hit_ratio": minutely(0.8, 0.2, 0.2), "prefix_queried": 1000.0}, USUAL, id="a cold cache"),
        pytest.param({"prefix_hit_ratio": minutely(*[0.2] * 11, None), "prefix_queried": 1e3}, USUAL, id="unknown now"),
    ],
)
def test_says_nothing(readings: dict[str, Any], beliefs: RoleBeliefs):
    assert detector.detect(a_role(**readings), beliefs) is None


def test_it_ends_well_above_the_limit_or_when_nobody_asks():
    assert detector.ending(a_role(prefix_hit_ratio=0.6), USUAL) is Ending.OVER
    assert detector.ending(a_role(prefix_hit_ratio=0.5), USUAL) is Ending.HOLDS
    assert detector.ending(a_role(), USUAL) is Ending.UNKNOWN
    assert detector.ending(a_role(running=0.0, waiting=0.0), USUAL) is Ending.OVER
    assert detector.ending(a_role(prefix_hit_ratio=0.6), RoleBeliefs(role=PLANNER)) is Ending.UNKNOWN
