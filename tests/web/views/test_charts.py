"""Charts keep their gaps, their limits, and say why they are empty."""

from datetime import timedelta

import pytest

from controlplane.model.change import ChangeState
from controlplane.model.history import RoleHistory
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.series import Series
from controlplane.model.units import Unit
from controlplane.web.views import charts, role_charts
from controlplane.web.views.spark import HEIGHT, WIDTH, spark
from tests.builders import (
    NOON,
    PLANNER,
    a_change,
    a_change_record,
    a_finding,
    a_finding_record,
    a_patch,
    a_recommendation,
    a_spec,
)

MINUTE = timedelta(minutes=1)
BEGIN = NOON - 10 * MINUTE
PLAN = charts.Plan(
    id="w", title="Waiting", unit=Unit.COUNT, lines=((Reading.WAITING_PER_REPLICA, "waiting", "c1", ""),)
)


def past(*values, skip=()):
    at = tuple(NOON - MINUTE * (len(values) - 1 - i) for i in range(len(values)))
    kept = [i for i in range(len(values)) if i not in skip]
    return RoleHistory(
        role=PLANNER,
        step=MINUTE,
        at=tuple(at[i] for i in kept),
        columns={Reading.WAITING_PER_REPLICA: tuple(values[i] for i in kept)},
    )


def drawn(history, **more):
    return charts.draw(PLAN, history, begin=BEGIN, end=NOON, **more)


def test_an_unknown_value_stays_a_gap_in_picture_and_table():
    chart = drawn(past(1.0, None, 3.0))
    assert chart.data()["lines"][0]["values"] == [1.0, None, 3.0]
    assert [values for _, values in chart.rows(NOON)] == [("3",), ("unknown",), ("1",)]


def test_a_time_nobody_looked_at_becomes_a_gap_too():
    chart = drawn(past(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, skip=(2, 3, 4)))
    assert chart.lines[0].values == (1.0, 1.0, None, 1.0)
    assert chart.at[2] == chart.at[1] + MINUTE


def test_one_missed_tick_is_no_hole():
    assert drawn(past(1.0, 1.0, 1.0, skip=(1,))).lines[0].values == (1.0, 1.0)


def test_the_time_axis_is_what_was_asked_for_not_what_is_known():
    assert drawn(past(1.0)).data()["span"] == [int(BEGIN.timestamp()), int(NOON.timestamp())]


@pytest.mark.parametrize(
    ("history", "missing", "why"),
    [
        pytest.param(past(), {}, "nothing was read in this time", id="no points"),
        pytest.param(past(None, None), {Reading.WAITING_PER_REPLICA: "no engine"}, "no engine", id="all unknown"),
        pytest.param(past(0.0), {Reading.WAITING_PER_REPLICA: "no engine"}, "", id="zero is a value"),
    ],
)
def test_an_empty_chart_says_why(history, missing, why):
    assert drawn(history, missing=missing).empty == why


def test_the_limit_comes_from_the_detector_and_is_drawn_once():
    twice = [Limit(reading=Reading.WAITING_PER_REPLICA, comparison=">", value=5.0, words=w) for w in ("limit", "again")]
    other = Limit(reading=Reading.KV_USAGE, comparison=">", value=0.9, words="limit")
    assert drawn(past(1.0), limits=[*twice, other]).across == (charts.Across(value=5.0, words="5 limit", tone="bad"),)


def test_a_finding_shades_the_charts_of_its_evidence_for_as_long_as_it_held():
    record = a_finding_record(a_finding(since=NOON - 30 * MINUTE), closed=NOON - 4 * MINUTE)
    (shade,) = drawn(past(1.0), findings=[record]).shades
    assert (shade.begin, shade.end) == (BEGIN, NOON - 4 * MINUTE), "cut to the chart"
    elsewhere = charts.shades([record], {Reading.KV_USAGE}, begin=BEGIN, end=NOON)
    assert elsewhere == ()
    over = a_finding_record(a_finding(since=NOON - 30 * MINUTE), closed=NOON - 20 * MINUTE)
    assert drawn(past(1.0), findings=[over]).shades == ()


def test_a_change_marks_the_moment_with_what_it_changed():
    inside = a_change_record(a_change(at=NOON - 2 * MINUTE))
    before = a_change_record(a_change(at=NOON - 20 * MINUTE), ChangeState.APPLIED)
    assert drawn(past(1.0), changes=[inside, before]).marks == (charts.Mark(at=NOON - 2 * MINUTE, words="2 → 3"),)
    flag = a_recommendation(patch=a_patch("/spec/args/-", None, "--kv-cache-dtype=fp8"))
    (mark,) = drawn(past(1.0), changes=[a_change_record(a_change(flag, at=NOON))]).marks
    assert mark.words == "raise-replicas", "a long value is named by its kind"


def test_the_table_is_thinned_from_the_newest_back():
    rows = drawn(past(*[float(i) for i in range(400)])).rows(NOON)
    assert len(rows) <= charts.TABLE_ROWS
    assert rows[0][1] == ("399",)


def test_tokens_are_input_without_the_cached_part():
    history = RoleHistory(
        role=PLANNER,
        step=MINUTE,
        at=(NOON, NOON, NOON),
        columns={Reading.PROMPT_TOKENS: (10.0, None, 3.0), Reading.CACHED_TOKENS: (4.0, 1.0, 5.0)},
    )
    assert role_charts.uncached(history) == (6.0, None, 0.0)
    without = RoleHistory(role=PLANNER, step=MINUTE, at=(NOON,), columns={Reading.PROMPT_TOKENS: (10.0,)})
    assert role_charts.uncached(without) == (10.0,), "an engine that caches nothing computes everything"


def test_an_objective_no_detector_watches_is_drawn_all_the_same():
    watched = (Limit(reading=Reading.TTFT_P95, comparison=">", value=2.0, words="objective"),)
    lines = role_charts.limits_of(a_spec(ttft=2.0, itl=0.06), watched)
    assert [(x.reading, x.value) for x in lines] == [(Reading.TTFT_P95, 2.0), (Reading.ITL_P95, 0.06)]


def test_a_sparkline_leaves_gaps_open_and_stays_in_its_box():
    at = tuple(NOON + i * MINUTE for i in range(6))
    drawing = spark(Series(at, (1.0, 2.0, None, 5.0, None, 99.0), MINUTE), limit=4.0, top=6.0)
    assert len(drawing.lines) == 1
    assert len(drawing.dots) == 2, "a value between two gaps is a dot"
    for x, y in drawing.dots:
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT


def test_a_sparkline_of_nothing_is_nothing():
    drawing = spark(Series((), (), MINUTE))
    assert (drawing.lines, drawing.dots, drawing.limit_y) == ((), (), None)
