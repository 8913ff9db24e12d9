"""Two texts are the same query when their tokens mean the same; and what a query asks for is found in any text."""

import pytest

from controlplane.doctor.query import metric_names, tokens


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("sum by (a,b)(x{c='d'})", 'sum by (a, b) (x{c="d"})'),
        ("rate(x[300s]) > 1e6", "rate(x[5m]) > 1e+06"),
        ("x * 0.10", "x*0.1"),
        ("x[1h30m]", "x[90m]"),
        ("x{a=~`\\d+`}", 'x{a=~"\\\\d+"}'),
        ('x{b="1", a="2",}', 'x{a="2",b="1"}'),
        ("x # a remark\n  + y", "x + y"),
        ('x{a="one \\" two"}', "x{a='one \" two'}"),
    ],
)
def test_the_same_query_in_another_spelling(written: str, printed: str) -> None:
    assert tokens(written) == tokens(printed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x > 5", "x > 6"),
        ("x[5m]", "x[6m]"),
        ('x{a="b"}', 'x{a!="b"}'),
        ("sum by (a) (x)", "sum by (b) (x)"),
        ("x or y", "x and y"),
        ('x{a=" "}', 'x{a=""}'),
    ],
)
def test_another_query(one: str, other: str) -> None:
    assert tokens(one) != tokens(other)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('sum by (pod, role) (vllm:x{le="y", z=~"w"})', {"vllm:x"}),
        ("a * on (b) group_left (c) d", {"a", "d"}),
        ("sum(a) by (b) / count without (c) (d)", {"a", "d"}),
        ("rate(a_total[5m] offset 1h) and on () absent(b)", {"a_total", "b"}),
        ("time() - max by (x) (y)", {"y"}),
        ('label_replace(a, "b", "$1", "c", "(.+)")', {"a"}),
        ("a > bool 0 unless b", {"a", "b"}),
        ("histogram_quantile(0.95, sum by (le) (rate(a_bucket[5m])))", {"a_bucket"}),
        ('{__name__=~"a|b"}', set()),
        ("vector(1)", set()),
        ("", set()),
    ],
)
def test_what_a_query_asks_for(query: str, names: set[str]) -> None:
    assert metric_names(query) == names
