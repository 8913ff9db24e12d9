"""Whether a query can give more than one series, told from its text; what cannot be followed is called many."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.doctor.shape import DEEPEST, LONGEST, shape


@pytest.mark.parametrize(
    "query",
    [
        "sum(a)",
        "max(a) by ()",
        "-sum(a)",
        "sum(a) or vector(0)",
        "sum(a) / count(b)",
        "max(a) / 0.8 > 1",
        "count(count by (pod) (a))",
        'sum by (model_name) (a{model_name="x",pod!=""})',
        "histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))",
        'histogram_quantile(0.95, sum(rate(x_bucket{model="m"}[5m])) by (model, le))',
        "topk(1, a)",
        "scalar(sum(a))",
        "vector(1)",
        "avg_over_time(sum(a)[5m:30s])",
        "sum(rate(a[1m] offset 5m)) and on () (max(c) > 3)",
        "sum(a @ start())",
        "clamp_max(sum(rate(a[1m])), 4) unless b",
        "max(a) * on () group_left () min(b)",
        'max(label_replace(a, "x", "y", "", "") or b)',
        "1",
        "time()",
        "absent(a)",
    ],
)
def test_one_series_at_most(query: str):
    assert shape(query).one


@pytest.mark.parametrize(
    "query",
    [
        "a",
        'a{model_name="x"}',
        "rate(a[5m])",
        "sum by (pod) (a)",
        "sum(a) by (pod)",
        "sum without (instance) (a)",
        'sum by (model_name) (a{model_name="x"} or b)',
        'sum by (model_name) (a{model_name=~"x|y"})',
        "histogram_quantile(0.95, rate(x_bucket[5m]))",
        "histogram_quantile(0.95, sum by (le, pod) (rate(x_bucket[5m])))",
        "topk(3, a)",
        "count_values('v', a)",
        'label_replace(max(a), "x", "y", "", "") or max(b)',
        "topk(1, a) or vector(0)",
        "sum by (pod) (a) / on (pod) b",
        "a / scalar(sum(b))",
        "",
        "sum(",
        "sum(a))",
        "(((a",
        "sum(a) sum(b)",
        "(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1),
        "sum(" + "a" * LONGEST + ")",
    ],
)
def test_more_than_one_or_nobody_knows(query: str):
    assert not shape(query).one


@pytest.mark.parametrize(
    ("query", "outer"),
    [
        ("avg(a) / 5", "avg"),
        ("5 * max(a)", "max"),
        ("clamp_min(quantile(0.9, a), 1)", "quantile"),
        ("histogram_quantile(0.9, sum by (le) (a))", "histogram_quantile"),
        ("sum(rate(a[5m]))", "sum"),
        ("a", ""),
    ],
)
def test_what_a_query_ends_with_is_known(query: str, outer: str):
    assert shape(query).outer == outer


@settings(max_examples=150, deadline=None)
@given(st.text("()[]{}=,\"'by orsum0a@:-/+*~!\n", max_size=80))
def test_any_text_has_an_answer(query: str):
    shape(query)
