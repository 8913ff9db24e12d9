"""Percentiles follow Prometheus' rule, and never invent a number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.observe.quantiles import merge, quantile

INF = math.inf


def buckets(edges, values):
    return (*edges, INF), tuple(float(sum(1 for v in values if v <= edge)) for edge in (*edges, INF))


def test_inside_a_bucket_observations_are_evenly_spread():
    assert quantile(0.5, ((1.0, 2.0, INF), (0.0, 10.0, 10.0))) == 1.5
    assert quantile(0.5, ((1.0, INF), (10.0, 10.0))) == 0.5


def test_a_quantile_in_the_open_bucket_is_its_lower_edge():
    assert quantile(0.99, ((1.0, 2.0, INF), (1.0, 2.0, 100.0))) == 2.0


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(((1.0, INF), (4.0, 4.0)), id="four observations"),
        pytest.param(((1.0, INF), (0.0, 0.0)), id="none"),
        pytest.param(((1.0, 2.0), (5.0, 9.0)), id="no open bucket"),
        pytest.param(((INF,), (9.0,)), id="only the open bucket"),
        pytest.param(((1.0, INF), (5.0, math.nan)), id="not a number"),
    ],
)
def test_says_nothing(said):
    assert quantile(0.95, said) is None


@given(st.lists(st.floats(0.01, 99), min_size=5, max_size=60), st.floats(0.01, 0.999))
def test_a_quantile_lies_in_the_bucket_of_the_observation_it_is_about(values, q):
    edges = (0.1, 1.0, 5.0, 10.0, 100.0)
    told = quantile(q, buckets(edges, values))
    exact = sorted(values)[max(0, math.ceil(q * len(values)) - 1)]
    upper = min(edge for edge in edges if edge >= exact)
    lower = max([0.0, *(edge for edge in edges if edge < exact)])
    assert lower <= told <= upper * (1 + 1e-9)


@given(st.lists(st.floats(0.01, 99), min_size=3), st.lists(st.floats(0.01, 99), min_size=3))
def test_histograms_with_different_edges_merge_exactly_on_those_they_share(some, others):
    merged = merge([buckets((0.1, 1.0, 5.0), some), buckets((0.1, 5.0, 10.0), others)])
    assert merged == buckets((0.1, 5.0), [*some, *others])


def test_histograms_without_a_shared_edge_cannot_be_compared():
    assert merge([buckets((1.0,), [1]), buckets((2.0,), [1])]) is None
    assert merge([]) is None


def test_a_bucket_behind_its_neighbour_does_not_turn_time_back():
    assert quantile(0.9, ((1.0, 2.0, 3.0, INF), (8.0, 7.0, 10.0, 10.0))) == pytest.approx(2.5)
