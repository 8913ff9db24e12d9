"""How many calls were in flight at once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.observe.fanout import LATELY, MOST_SPANS, Spans, lately, most_at_once
from tests.builders import NOON


def spans(*pairs: tuple[float, float]) -> Spans:
    """Begin and end, in seconds after noon."""
    return tuple((NOON + timedelta(seconds=a), NOON + timedelta(seconds=b)) for a, b in pairs)


@pytest.mark.parametrize(
    ("calls", "most"),
    [
        pytest.param(spans(), 0, id="none"),
        pytest.param(spans((0, 5)), 1, id="one"),
        pytest.param(spans((0, 5), (5, 9)), 1, id="one after the other"),
        pytest.param(spans((0, 6), (5, 9)), 2, id="two overlap"),
        pytest.param(spans((0, 9), (1, 2), (3, 4), (3, 5)), 3, id="a long one beside short ones"),
        pytest.param(spans((3, 3), (3, 3)), 0, id="no longer than an instant"),
    ],
)
def test_the_most_calls_in_flight_at_once(calls: Spans, most: int) -> None:
    assert most_at_once(calls) == most


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), max_size=40))
def test_counting_at_every_begin_gives_the_same(pairs: list[tuple[int, int]]) -> None:
    calls = spans(*((begun, begun + took) for begun, took in pairs))
    brute = max((sum(b <= at < e for b, e in calls) for at, _ in calls), default=0)
    assert most_at_once(calls) == brute


def test_only_calls_that_ended_lately_are_remembered_and_of_those_the_newest_thousand() -> None:
    newest = NOON + LATELY
    old, edge = spans((-5, -1)), spans((-5, 0))
    many = spans(*((0, 1 + i / 1000) for i in range(MOST_SPANS + 5)))
    assert lately((*old, *edge), newest) == edge
    assert lately(many[::-1], newest) == many[5:]
