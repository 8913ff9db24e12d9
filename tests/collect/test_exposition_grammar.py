"""One line at a time: what is read, and what is refused."""

import math

import pytest

from controlplane.collect.exposition import parse
from controlplane.collect.exposition_grammar import number, numbers
from controlplane.errors import ExpositionError
from controlplane.model.page import Fault, MetricKey


def one(line: str, *, openmetrics: bool = False) -> tuple[MetricKey, float]:
    """The only sample of a page of one line."""
    page = parse((line + "\n" + ("# EOF\n" if openmetrics else "")).encode(), openmetrics=openmetrics)
    assert len(page.values) == 1
    return page.layout.keys[0], page.values[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("-0", 0.0),
        ("+1", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ("6.012936192e+09", 6012936192.0),
        ("123456789012345678901234567890", 123456789012345678901234567890.0),
        ("+Inf", math.inf),
        ("Inf", math.inf),
        ("inf", math.inf),
        ("-Inf", -math.inf),
    ],
)
def test_a_number_is_read(text: str, value: float):
    assert number(text.encode()) == value
    assert one(f"x {text}") == (MetricKey("x"), value)


@pytest.mark.parametrize("text", ["NaN", "nan"])
def test_not_a_number_is_a_value(text: str):
    assert math.isnan(one(f"x {text}")[1])


@pytest.mark.parametrize(
    "text",
    [
        *("0x10", "0x1p3", "1_000", "1,5", "٣", "１", "1e", "e5", ".", "+", "--1", "1e999", "-1e999", "9" * 400),
        *("infinit", "nano", "1f", "True", "0b1", "1j", "1\r", "½", "1\x00", "null", "None"),
    ],
)
def test_what_is_not_exactly_a_number_is_refused(text: str):
    with pytest.raises(ValueError, match=r"not a number|out of range"):
        number(text.encode())
    with pytest.raises(ValueError, match=r"not a number|out of range|could not convert"):
        numbers([b"1", text.encode(), b"2"])
    with pytest.raises(ExpositionError) as caught:
        one(f"x {text}")
    assert caught.value.fault is Fault.MALFORMED


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("x 1", ()),
        ("x{} 1", ()),
        ('x{a="1"} 1', (("a", "1"),)),
        ('x{a="1",} 1', (("a", "1"),)),
        ('x{b="2",a="1"} 1', (("a", "1"), ("b", "2"))),
        ('x { a = "1" , b = "2" } 1', (("a", "1"), ("b", "2"))),
        (r'x{a="C:\\dir",b="say \"hi\"",c="two\nlines"} 1', (("a", "C:\\dir"), ("b", 'say "hi"'), ("c", "two\nlines"))),
        (r'x{a="\d"} 1', (("a", r"\d"),)),
        ('x{a="} 5 # ",b="{,}"} 1', (("a", "} 5 # "), ("b", "{,}"))),
        ('x{a="日本 \u202e"} 1', (("a", "日本 \u202e"),)),
        ('x{a="<script>alert(1)</script>"} 1', (("a", "<script>alert(1)</script>"),)),
        ('x{a=""} 1', ()),
        ('x{a="1"}1', (("a", "1"),)),
        ('\tx{a="1"}\t1 \t', (("a", "1"),)),
    ],
)
def test_labels_are_read_as_written(line: str, labels: tuple[tuple[str, str], ...]):
    assert one(line) == (MetricKey("x", labels), 1.0)


def test_a_quoted_name_of_text_format_one_is_read():
    assert one('{"my.metric","a.b"="1"} 1')[0] == MetricKey("my.metric", (("a.b", "1"),))


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "x ",
        "x1",
        "1x 1",
        "x-y 1",
        "é 1",
        "x{ 1",
        "x} 1",
        "x{a} 1",
        'x{a="1} 1',
        "x{a=1} 1",
        "x{a='1'} 1",
        'x{a="1" b="2"} 1',
        'x{,a="1"} 1',
        'x{a="1",,} 1',
        'x{a="1",a="2"} 1',
        'x{__name__="y"} 1',
        'x{1a="1"} 1',
        'x{"y"} 1',
        '{a="1"} 1',
        "{} 1",
        '{"a","b"} 1',
        "x 1 2 3",
        "x 1 1.5",
        "x 1 later",
        "<!DOCTYPE html>",
        '{"error": "not found"}',
        "\ufeffx 1",
        'x_bucket{le="small"} 1',
        'x_bucket{le="٣"} 1',
        'x_bucket{le="1_0"} 1',
        "# TYPE",
        "# TYPE x",
        "# TYPE x nonsense",
        "# HELP 1x text",
    ],
)
def test_what_is_not_a_sample_is_refused_with_its_line(line: str):
    with pytest.raises(ExpositionError) as caught:
        parse(f"good 1\n{line}\ngood2 1\n".encode())
    assert caught.value.fault is Fault.MALFORMED
    assert caught.value.line == 2


def test_an_exemplar_on_a_classic_page_is_never_taken_for_a_timestamp():
    with pytest.raises(ExpositionError) as caught:
        one('x_bucket{le="0.1"} 8 # {trace_id="4bf9"} 0.067')
    assert caught.value.fault is Fault.MALFORMED


@pytest.mark.parametrize(
    "line",
    [
        'x_total 8 # {trace_id="4bf9"} 0.067',
        'x_total 8 # {trace_id="4bf9"} 0.067 1520879607.789',
        "x_total 8 # {} 0.067",
        'x_total 8 1520879607.789 # {trace_id="a # b"} 0.067 1520879607.789',
    ],
)
def test_an_exemplar_on_an_openmetrics_page_is_checked_and_dropped(line: str):
    assert one(line, openmetrics=True) == (MetricKey("x_total"), 8.0)


@pytest.mark.parametrize(
    "tail",
    ["# {", "# {} ", "# {} x", "# {} 1 x", "# {} 1 NaN", "# {} 1 2 3", "# 1", '# {a="1} 1', "#{} 1", "# {a=1} 1"],
)
def test_a_wrong_exemplar_is_refused(tail: str):
    with pytest.raises(ExpositionError) as caught:
        one(f"x_total 8 {tail}", openmetrics=True)
    assert caught.value.fault is Fault.MALFORMED


def test_an_error_shows_little_of_the_page_and_nothing_that_could_act():
    with pytest.raises(ExpositionError) as caught:
        parse(("\x1b[31m<script>\u202e" + "x" * 5000 + "\n").encode())
    assert len(caught.value.detail) < 200
    assert caught.value.detail.isascii() and caught.value.detail.isprintable()
