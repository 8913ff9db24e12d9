"""The usual prefix hit ratio is learned from traffic, slowly, and not from its own collapse."""

import math

import pytest

from controlplane.estimate.prefix import LEARNED_TICKS, learn_prefix, usual_prefix_hits
from controlplane.model.belief import RoleBeliefs
from tests.builders import a_role, some_beliefs


def learn(beliefs: RoleBeliefs, ratio: float | None, times: int, queried: float | None = 1000.0) -> RoleBeliefs:
    role = a_role(prefix_hit_ratio=ratio, prefix_queried=queried)
    for _ in range(times):
        beliefs = learn_prefix(role, beliefs)
    return beliefs


def test_nothing_is_usual_before_half_an_hour_of_traffic():
    assert usual_prefix_hits(learn(some_beliefs(), 0.7, LEARNED_TICKS - 1)) is None
    assert usual_prefix_hits(learn(some_beliefs(), 0.7, LEARNED_TICKS)) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("ratio", "queried"), [(None, 1000.0), (0.7, None), (0.7, 1.0), (math.nan, 1000.0), (0.7, math.nan), (1.7, 1000.0)]
)
def test_nothing_is_learned_from(ratio: float | None, queried: float | None):
    before = some_beliefs(prefix_hit_baseline=0.5, baseline_ticks=200)
    assert learn(before, ratio, 1, queried) is before


def test_a_collapse_of_two_hours_does_not_become_usual():
    beliefs = learn(some_beliefs(), 0.8, 3 * LEARNED_TICKS)
    collapsed = learn(beliefs, 0.1, 480)
    usual = usual_prefix_hits(collapsed)
    assert usual is not None and usual > 0.75


def test_a_change_for_good_becomes_usual_in_the_end():
    beliefs = learn(some_beliefs(), 0.8, 3 * LEARNED_TICKS)
    usual = usual_prefix_hits(learn(beliefs, 0.6, 10 * 1440))
    assert usual == pytest.approx(0.6, abs=0.01)
