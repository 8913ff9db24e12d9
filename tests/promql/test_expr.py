"""PromQL is put together from parts that cannot break out of their place."""

from datetime import timedelta

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.promql.expr import Match, aggregate, duration, either, label, one_of, quote, select

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=40)


def matchers_of(expression):
    return [(m.name, m.value) for m in promql_parser.parse(expression).matchers.matchers]


@given(TEXT)
def test_whatever_a_label_says_the_parser_reads_the_same(value):
    assert ("pod", value) in matchers_of(select("up", (("pod", value),)))


@given(st.lists(TEXT, min_size=2, max_size=4, unique=True))
def test_a_choice_of_values_is_taken_literally(values):
    match = one_of("pod", values)
    expression = f"up{{{match}}}"
    assert matchers_of(expression) == [("pod", match.value)]
    assert len(match.value.split("|")) >= len(values)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", '"plain"'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ('x"} or vector(0) #', '"x\\"} or vector(0) #"'),
        ("two\nlines", '"two\\nlines"'),
    ],
)
def test_values_are_quoted(value, written):
    assert quote(value) == written


@pytest.mark.parametrize(
    ("span", "written"),
    [
        (timedelta(minutes=1), "1m"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(days=1, hours=2), "1d2h"),
        (timedelta(milliseconds=1), "1ms"),
    ],
)
def test_durations_are_written_as_prometheus_reads_them(span, written):
    assert duration(span) == written


def test_a_range_of_nothing_is_refused():
    with pytest.raises(ValueError, match="not a range"):
        duration(timedelta(0))


def test_names_outside_the_classic_grammar_are_quoted():
    assert select("my.metric", (("a", "b"),)) == '{"my.metric",a="b"}'
    assert label("my-label") == '"my-label"'


def test_a_made_up_operator_is_refused():
    with pytest.raises(ValueError, match="no such matcher"):
        Match("a", "b", "=~~")


def test_one_alternative_needs_no_or():
    assert either(["a", "a"]) == "a"
    assert either(["a", "b"]) == "(a or b)"
    assert aggregate("sum", "x", ("a",)) == "sum by (a) (x)"
