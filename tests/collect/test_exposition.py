"""Whole pages: the rules between lines, limits, and what is remembered from one page to the next."""

import pytest

from controlplane.collect.exposition import PageReader, parse
from controlplane.collect.exposition_book import Book
from controlplane.collect.limits import Limits
from controlplane.errors import ExpositionError
from controlplane.model.page import Fault, MetricKey, Page
from tests.collect.pages import OPENMETRICS, TEXT, real


def refused(body: str | bytes, *, openmetrics: bool = False, limits: Limits | None = None) -> ExpositionError:
    """The error a page ends with."""
    data = body.encode() if isinstance(body, str) else body
    with pytest.raises(ExpositionError) as caught:
        parse(data, openmetrics=openmetrics, limits=limits)
    return caught.value


def values(page: Page) -> dict[str, float]:
    return {str(key): value for key, value in zip(page.layout.keys, page.values, strict=True)}


# --- classic text -----------------------------------------------------------------------------------------------


def test_a_page_is_read_in_page_order_with_its_types():
    page = parse(b'# HELP b Some help.\n# TYPE b gauge\nb{x="1"} 2\n\n# comment\n# TYPE a counter\na 1\n')
    assert page.layout.keys == (MetricKey("b", (("x", "1"),)), MetricKey("a"))
    assert page.values == (2.0, 1.0)
    assert page.layout.types == {"b": "gauge", "a": "counter"}


@pytest.mark.parametrize("body", ["", "\n", "# only a comment\n", "# TYPE x gauge\n"])
def test_a_page_without_a_sample_is_empty_not_all_zero(body: str):
    assert refused(body).fault is Fault.EMPTY


def test_a_page_that_stops_in_a_line_is_cut_short():
    error = refused("a 1\nb 12")
    assert (error.fault, error.line) == (Fault.TRUNCATED, 2)


def test_bytes_that_are_not_utf8_are_refused_with_their_line():
    error = refused(b'a 1\nb{x="\xff"} 1\n')
    assert (error.fault, error.line) == (Fault.ENCODING, 2)


def test_another_charset_is_refused():
    with pytest.raises(ExpositionError) as caught:
        PageReader().read(b"a 1\n", "text/plain; charset=utf-16")
    assert caught.value.fault is Fault.ENCODING


@pytest.mark.parametrize(
    "body",
    [
        "a 1\na 1\n",
        "a 1\na 2\n",
        'a{x="1",y="2"} 1\na{y="2",x="1"} 1\n',
        'a{x="1"} 1\na{x="1",} 1\n',
        'a{x=""} 1\na 2\n',
        "a 1 1000\na 2 2000\n",
        'a 1\n{"a"} 1\n',
    ],
)
def test_a_series_that_is_there_twice_spoils_the_page(body: str):
    error = refused(body)
    assert (error.fault, error.line) == (Fault.DUPLICATE, 2)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("# TYPE a counter\n# TYPE a gauge\na 1\n", 2),
        ("a 1\n# TYPE a counter\n", 2),
        ("a_sum 1\n# TYPE a summary\na_count 1\n", 2),
        ("# TYPE a info\na 1\n", 1),
        ("# TYPE a histogram\na_bucket 1\n", 2),
    ],
)
def test_metadata_that_contradicts_the_page_is_refused(body: str, line: int):
    error = refused(body)
    assert (error.fault, error.line) == (Fault.MALFORMED, line)


def test_the_same_type_said_twice_is_tolerated_as_merged_pages_have_it():
    assert len(parse(b'# TYPE a counter\na{x="1"} 1\n# TYPE a counter\na{x="2"} 1\n').values) == 2


def test_a_type_that_fits_another_familys_suffix_is_no_contradiction():
    page = parse(b"# TYPE a_total counter\na_total 1\n# TYPE a gauge\na 1\n# TYPE a_created gauge\na_created 5\n")
    assert page.layout.types == {"a_total": "counter", "a": "gauge", "a_created": "gauge"}


# --- OpenMetrics --------------------------------------------------------------------------------------------------


def test_openmetrics_is_read_by_content_type():
    body = (
        b"# TYPE up_seconds gauge\n# UNIT up_seconds seconds\n# HELP up_seconds Help.\nup_seconds 1\n"
        b'# TYPE h histogram\nh_bucket{le="+Inf"} 2 # {trace_id="x"} 0.5\nh_count 2\nh_sum 1\n# EOF\n'
    )
    page = PageReader().read(body, OPENMETRICS)
    assert values(page) == {"up_seconds": 1.0, 'h_bucket{le="+Inf"}': 2.0, "h_count": 2.0, "h_sum": 1.0}
    assert page.layout.types == {"up_seconds": "gauge", "h": "histogram"}
    with pytest.raises(ExpositionError):
        PageReader().read(body, TEXT)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("a 1\n", Fault.TRUNCATED),
        ("a 1\n# EO", Fault.TRUNCATED),
        ("# EOF\n", Fault.EMPTY),
        ("a 1\n# EOF\nb 1\n# EOF\n", Fault.MALFORMED),
        ("a 1\n\n# EOF\n", Fault.MALFORMED),
        ("# a comment\na 1\n# EOF\n", Fault.MALFORMED),
        ("# TYPE a gauge\n# TYPE a gauge\na 1\n# EOF\n", Fault.MALFORMED),
        ("a 1\n# HELP a too late\n# EOF\n", Fault.MALFORMED),
        ('a{x="1"} 1\nb 1\na{x="2"} 1\n# EOF\n', Fault.MALFORMED),
        ("# TYPE a_s gauge\n# UNIT a_s seconds\na_s 1\n# EOF\n", Fault.MALFORMED),
        ("# TYPE a untyped\na 1\n# EOF\n", Fault.MALFORMED),
        ("# TYPE a gaugehistogram\na_bucket 1\n# EOF\n", Fault.MALFORMED),
        ("a 1\na 1\n# EOF\n", Fault.DUPLICATE),
    ],
)
def test_openmetrics_is_held_to_its_own_rules(body: str, fault: Fault):
    assert refused(body, openmetrics=True).fault is fault


def test_openmetrics_may_end_without_a_line_end():
    assert values(parse(b"a 1\n# EOF", openmetrics=True)) == {"a": 1.0}


# --- timestamps ---------------------------------------------------------------------------------------------------

NOW = 1_795_000_000.0


@pytest.mark.parametrize("offset", [-299, 0, 599])
def test_a_timestamp_near_our_own_clock_changes_nothing(offset: float):
    page = PageReader().read(f"a 1 {(NOW + offset) * 1000:.0f}\nb 2\n".encode(), TEXT, received=NOW)
    assert values(page) == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("offset", [-301, 601, 10**6])
def test_a_sample_from_another_time_is_absent(offset: float):
    page = PageReader().read(f"a 1 {(NOW + offset) * 1000:.0f}\nb 2\n".encode(), TEXT, received=NOW)
    assert values(page) == {"b": 2.0}


def test_openmetrics_timestamps_are_seconds():
    page = PageReader().read(f"a 1 {NOW}\nb 2 {NOW + 700}\n# EOF\n".encode(), OPENMETRICS, received=NOW)
    assert values(page) == {"a": 1.0}


def test_pages_with_timestamps_keep_their_layout_as_well():
    reader = PageReader()
    first = reader.read(f"a 1 {NOW * 1000:.0f}\n".encode(), TEXT, received=NOW)
    second = reader.read(f"a 2 {(NOW + 15) * 1000:.0f}\n".encode(), TEXT, received=NOW + 15)
    assert second.layout is first.layout
    assert second.values == (2.0,)


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "limits", "fault"),
    [
        ("a 1\n" * 10, Limits(body=39), Fault.TOO_LARGE),
        ("".join(f"a{i} 1\n" for i in range(11)), Limits(samples=10), Fault.TOO_MANY),
        ("#\n" * 20_000 + "a 1\n", Limits(samples=10), Fault.TOO_MANY),
        ("a{" + ",".join(f'l{i}="1"' for i in range(65)) + "} 1\n", Limits(), Fault.TOO_LARGE),
        ("a" * 257 + " 1\n", Limits(), Fault.TOO_LARGE),
        ("a{" + "l" * 257 + '="1"} 1\n', Limits(), Fault.TOO_LARGE),
        ('a{l="' + "é" * 1025 + '"} 1\n', Limits(), Fault.TOO_LARGE),
        ('a{l="' + "x" * 5_000_000 + '"} 1\n', Limits(), Fault.TOO_LARGE),
        ("a{" + ",".join(f'l{i}="1"' for i in range(20_000)) + "} 1\n", Limits(), Fault.TOO_LARGE),
    ],
)
def test_a_page_over_a_limit_is_refused_as_a_whole(body: str, limits: Limits, fault: Fault):
    assert refused(body, limits=limits).fault is fault


def test_a_page_at_its_limits_is_read():
    limits = Limits(samples=2, labels=2, name=3, value=2, body=100)
    assert len(parse(b'abc{abc="12",x="1"} 1\nb 1\n', limits=limits).values) == 2


# --- what is wanted -----------------------------------------------------------------------------------------------


def test_only_wanted_samples_are_kept():
    page = parse(b"# TYPE a gauge\na 1\n# TYPE b gauge\nb 2\n", wanted={"b"})
    assert (values(page), page.layout.types) == ({"b": 2.0}, {"b": "gauge"})


@pytest.mark.parametrize("bad", ["b x\n", "b 1\nb 1\n", 'b{x="1} 1\n'])
def test_what_nobody_wants_must_be_right_all_the_same(bad: str):
    reader = PageReader(wanted={"a"})
    reader.read(b"a 1\nb 1\n", TEXT)
    with pytest.raises(ExpositionError):
        reader.read(f"a 1\n{bad}".encode(), TEXT)


# --- memory from page to page -------------------------------------------------------------------------------------


def test_the_layout_is_the_same_object_while_the_series_stay():
    reader = PageReader()
    first = reader.read(real("vllm-0.32.0-planner-1"), TEXT)
    second = reader.read(real("vllm-0.32.0-planner-2"), TEXT)
    assert second.layout is first.layout
    assert second.values != first.values
    assert second == Page(first.layout, parse(real("vllm-0.32.0-planner-2")).values)


def test_a_new_series_makes_a_new_layout_and_its_loss_the_old_one():
    reader = PageReader()
    first = reader.read(b"a 1\n", TEXT)
    second = reader.read(b"a 1\nb 1\n", TEXT)
    third = reader.read(b"a 5\n", TEXT)
    assert second.layout is not first.layout
    assert third.layout.keys == first.layout.keys
    assert third.values == (5.0,)


def test_series_in_another_order_are_another_layout():
    reader = PageReader()
    reader.read(b"a 1\nb 2\n", TEXT)
    page = reader.read(b"b 2\na 1\n", TEXT)
    assert values(page) == {"b": 2.0, "a": 1.0}


def test_a_change_of_type_alone_is_seen():
    reader = PageReader()
    reader.read(b"# TYPE a gauge\na 1\n", TEXT)
    assert reader.read(b"# TYPE a counter\na 1\n", TEXT).layout.types == {"a": "counter"}


def test_a_bad_page_leaves_no_trace():
    reader = PageReader()
    good = reader.read(b"a 1\nb 2\n", TEXT)
    with pytest.raises(ExpositionError):
        reader.read(b"a 7\nb x\n", TEXT)
    again = reader.read(b"a 1\nb 2\n", TEXT)
    assert again.layout is good.layout
    assert again.values == (1.0, 2.0)


def test_a_page_of_another_format_is_not_read_with_the_old_ones_eyes():
    reader = PageReader()
    reader.read(b"a 1\n# EOF\n", TEXT)
    with pytest.raises(ExpositionError):
        reader.read(b"# x\na 1\n# EOF\n", OPENMETRICS)
    assert values(reader.read(b"a 2\n# EOF\n", OPENMETRICS)) == {"a": 2.0}


def test_replicas_share_one_layout_through_their_book():
    book = Book(wanted={"a"})
    readers = [PageReader(book=book) for _ in range(3)]
    pages = [reader.read(b'a{x="1"} %d\nb{pod="p%d"} 1\n' % (i, i), TEXT) for i, reader in enumerate(readers)]
    assert len({id(page.layout) for page in pages}) == 1
    assert [page.values for page in pages] == [(0.0,), (1.0,), (2.0,)]


def test_a_book_that_grew_too_big_forgets_and_goes_on():
    reader = PageReader(book=Book(most=3))
    for n in range(30):
        page = reader.read("".join(f"s{i} {i}\n" for i in range(n, n + 5)).encode(), TEXT)
        assert page.values == tuple(float(i) for i in range(n, n + 5))
