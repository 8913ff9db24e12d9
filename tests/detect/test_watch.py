"""The rules all detectors share about windows, gaps and endings."""

import math
from datetime import timedelta

import pytest

from controlplane.detect.watch import Ending, Number, above, below, ending, require_apart, sustained
from controlplane.model.reading import Reading
from tests.builders import NOON, Course, a_role, minutely, ticking

W = Reading.WAITING_PER_REPLICA
FIVE = timedelta(minutes=5)


def over_five(value: float) -> bool:
    return value > 5


def since(course: Course, span: timedelta = FIVE):
    return sustained(a_role(waiting_per_replica=course), span, over_five, W)


def test_it_began_at_the_first_tick_that_held():
    assert since(minutely(1, 9, 9, 9, 9, 9, 9)) == NOON - FIVE


def test_a_lost_tick_or_two_in_a_long_window_do_not_matter():
    values: list[Number] = [9] * 40
    values[20] = values[30] = None
    assert since(ticking(*values)) == NOON - timedelta(seconds=15 * 39)


@pytest.mark.parametrize(
    "course",
    [
        pytest.param(minutely(), id="no history"),
        pytest.param(minutely(9), id="the first tick after a start"),
        pytest.param(minutely(9, 9, 9, 9, 9), id="one minute short"),
        pytest.param(minutely(9, 9, 9, 9, 9, 9, 9, None), id="unknown now"),
        pytest.param(minutely(9, 9, 9, 9, 9, 9, 9, math.nan), id="not a number now"),
        pytest.param(minutely(9, 9, 9, 9, 9, 9, 9, math.inf), id="infinite now"),
        pytest.param(minutely(9, 9, 9, 1, 9, 9, 9), id="interrupted"),
        pytest.param(minutely(9, 9, None, None, 9, 9, 9), id="less than nine tenths known"),
        pytest.param(minutely(*[9, None] * 8, 9), id="every other tick lost"),
    ],
)
def test_nothing_is_said_from(course: Course):
    assert since(course) is None


def test_a_hole_of_more_than_two_ticks_is_the_beginning():
    values: list[Number] = [9] * 30 + [None] * 3 + [9] * 30
    assert since(ticking(*values)) == NOON - timedelta(seconds=15 * 29)


def test_missing_ticks_are_a_hole_too():
    """After a standstill of our own the ticks themselves are missing, not just their values."""
    role = a_role(waiting_per_replica=ticking(*[9] * 60))
    kept = [i for i in range(60) if not 30 <= i < 40]
    jumped = type(role)(
        spec=role.spec,
        at=role.at,
        step=role.step,
        ticks=tuple(role.ticks[i] for i in kept),
        columns={W: tuple(role.columns[W][i] for i in kept)},
    )
    assert sustained(jumped, FIVE, over_five, W) is None
    assert sustained(jumped, timedelta(minutes=4), over_five, W) == role.ticks[40]


def test_readings_that_may_be_unknown_are_passed_as_unknown():
    seen: list[Number] = []

    def note(_: float, other: Number) -> bool:
        seen.append(other)
        return True

    role = a_role(waiting_per_replica=minutely(9, 9, 9), waiting=minutely(1, None, math.nan))
    assert sustained(role, timedelta(minutes=2), note, W, also=(Reading.WAITING,)) is not None
    assert seen == [None, None, 1]


def test_the_end_is_unknown_settling_or_known():
    def end(course: Course) -> Ending:
        return ending(a_role(waiting_per_replica=course), timedelta(minutes=2), lambda v: v <= 4, W)

    assert end(minutely(9, 1, 1, None)) is Ending.UNKNOWN
    assert end(minutely(1, 1, 1, math.nan)) is Ending.UNKNOWN
    assert end(minutely(1, 1, 1, 4.5)) is Ending.HOLDS
    assert end(minutely(9, 9, 1, 1)) is Ending.SETTLING
    assert end(minutely(9, 1, 1, 1)) is Ending.OVER
    assert end(minutely(1)) is Ending.SETTLING


def test_unknown_is_neither_above_nor_below():
    assert not above(None, 0) and not below(None, 1)
    assert not above(math.nan, 0) and not below(math.nan, 1)


def test_limits_to_open_and_to_close_are_a_tenth_apart():
    require_apart(10, 9)
    require_apart(10, 11)
    with pytest.raises(ValueError, match="must close at least 10 % away"):
        require_apart(10, 9.5)
