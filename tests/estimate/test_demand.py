"""What arrives is what was finished and what piled up; a trend is a rise beyond chance."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.estimate.demand import arrivals, demand_at, dispersion
from tests.builders import a_role, ticking

LAG = 4
LEAD = timedelta(minutes=3)


def test_what_piles_up_has_arrived():
    role = a_role(requests=ticking(*[2.0] * 9), running=ticking(*[5.0] * 9), waiting=ticking(*range(0, 90, 10)))
    assert arrivals(role)[:4] == (None,) * 4
    assert arrivals(role)[-1] == pytest.approx(2.0 + 40 / 60)


def test_what_drains_has_not():
    role = a_role(requests=2.0, running=5.0, waiting=ticking(*range(90, 0, -10)))
    assert arrivals(role)[-1] == pytest.approx(2.0 - 40 / 60)


@pytest.mark.parametrize("blind", ["requests", "running", "waiting"])
def test_half_of_it_is_unknown(blind: str):
    known = {"requests": ticking(*[2.0] * 9), "running": ticking(*[5.0] * 9), "waiting": ticking(*[0.0] * 9)}
    known[blind] = ticking(*[2.0] * 4, None, *[2.0] * 3, None)
    assert arrivals(a_role(**known))[-1] is None


def test_a_hole_in_memory_is_no_minute():
    role = a_role(requests=2.0, running=5.0, waiting=ticking(*[0.0] * 9, step=timedelta(minutes=4)))
    assert set(arrivals(role)) <= {None, 2.0}
    assert arrivals(role)[0] is None


def per_minute(*rates: float) -> list[float]:
    """A column that holds each rate for a minute; the last value is the newest."""
    return [rate for rate in rates for _ in range(LAG)]


def test_calm_arrivals_are_chance_and_bursts_are_not():
    calm = per_minute(*[2.0] * 12)
    bursts = per_minute(*[1.0, 20.0] * 6)
    assert dispersion(calm, LAG) == 1.0
    assert dispersion(bursts, LAG) == 30.0
    assert dispersion([None] * 40, LAG) == 1.0


def test_load_that_fell_once_is_no_burst():
    """It must not raise the reserve above what was needed before it fell."""
    assert dispersion(per_minute(*[8.0] * 8, *[2.0] * 4), LAG) == 1.0


def test_a_jump_of_the_last_minute_counts_at_once_and_a_wobble_does_not():
    jump, wobble = per_minute(*[2.0] * 11, 9.0), per_minute(*[2.0] * 11, 2.2)
    found = demand_at(jump, len(jump) - 1, LAG, 1.0, LEAD)
    assert found is not None
    assert found.now == 9.0
    calm = demand_at(wobble, len(wobble) - 1, LAG, 1.0, LEAD)
    assert calm is not None
    assert (calm.now, calm.trend) == (pytest.approx(6.2 / 3), 0.0)


def test_a_trend_reaches_as_far_as_a_start_takes_and_never_more_than_doubles():
    rising = per_minute(*[4.0] * 8, 5.0, 6.0, 7.0, 8.0)
    near, far = (demand_at(rising, len(rising) - 1, LAG, 1.0, timedelta(minutes=m)) for m in (1, 30))
    assert near is not None
    assert far is not None
    assert 0 < near.trend < far.trend
    assert far.expected == pytest.approx(16.0)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=1, max_size=80), st.floats(1, 30))
def test_any_past_gives_a_finite_demand_or_none(column: list[float | None], burst: float):
    found = demand_at(column, len(column) - 1, LAG, burst, LEAD)
    assert (found is None) == (column[-1] is None)
    assert found is None or 0 <= found.expected <= 2e6 + 1
