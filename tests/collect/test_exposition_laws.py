"""Laws that hold for every page, whatever is on it."""

import math
from collections.abc import Mapping

from hypothesis import example, given, settings
from hypothesis import strategies as st

from controlplane.collect.exposition import PageReader, parse
from controlplane.collect.limits import Limits
from controlplane.errors import ExpositionError
from controlplane.model.page import Page
from tests.collect.pages import OPENMETRICS, TEXT, Series, Written, pages, real

REAL = real("vllm-0.32.0-planner-1")
SMALL = real("litellm-1.109.1-idle")
KNOWN = PageReader()
KNOWN.read(REAL, TEXT)


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def means(page: Page, meaning: Mapping[Series, float]) -> bool:
    """Whether a page holds exactly these series and values."""
    read = {(k.name, k.labels): v for k, v in zip(page.layout.keys, page.values, strict=True)}
    return read.keys() == meaning.keys() and all(same(v, meaning[k]) for k, v in read.items())


def outcome(reader: PageReader, body: bytes, content_type: str = TEXT) -> object:
    """What a reader makes of a body, in a form that can be compared; never anything but a page or our own error."""
    try:
        page = reader.read(body, content_type)
    except ExpositionError as error:
        return (error.fault, error.detail, error.line)
    return (page.layout.keys, dict(page.layout.types), [repr(v) for v in page.values])


@given(pages())
def test_a_valid_page_is_read_as_it_was_meant(page: Written):
    assert means(parse(page.body), page.meaning)


@given(pages(), st.data())
def test_the_second_page_of_a_target_is_read_like_the_first(page: Written, data: st.DataObject):
    reader = PageReader()
    first = reader.read(page.body, TEXT)
    again = reader.read(page.body, TEXT)
    assert again.layout is first.layout
    assert means(again, page.meaning)


@given(pages())
def test_a_page_cut_anywhere_is_refused_or_holds_whole_lines_only(page: Written):
    body = page.body
    for end in range(len(body)):
        result = outcome(PageReader(), body[:end])
        if body[:end].endswith(b"\n") or not end:
            continue
        assert isinstance(result[0], str), (end, result)  # type: ignore[index]


@settings(max_examples=500)
@given(st.binary(max_size=300), st.sampled_from([TEXT, OPENMETRICS, "", "text/html", "application/json"]))
def test_no_bytes_end_in_anything_but_a_page_or_our_own_error(body: bytes, content_type: str):
    outcome(PageReader(), body, content_type)


TOKENS = [
    "a",
    "b_bucket",
    "{",
    "}",
    '"',
    "\\",
    "\n",
    "\n",
    " ",
    " ",
    "=",
    ",",
    'le="1"',
    'x="y"',
    "1",
    "-",
    "+Inf",
    "NaN",
]
TOKENS += [
    "# ",
    "HELP ",
    "TYPE ",
    "UNIT ",
    "EOF",
    "counter",
    "histogram",
    "1e",
    "0x",
    "_",
    ".",
    "٣",
    "\t",
    "\r",
    "\x00",
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(TOKENS), max_size=40).map("".join), st.booleans())
@example('a{x="y"} 1\na{x="y"} 1\n', False)
def test_no_heap_of_tokens_ends_in_anything_but_a_page_or_our_own_error(text: str, openmetrics: bool):
    result = outcome(PageReader(), text.encode(), OPENMETRICS if openmetrics else TEXT)
    assert isinstance(result, tuple)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real page with a few bytes changed, gone or added."""
    body = bytearray(draw(st.sampled_from([REAL, SMALL])))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body) - 1))
        how = draw(st.integers(0, 2))
        if how == 0:
            body[at] = draw(st.sampled_from(b'0129.eE+-_ \t\n"{}=,#NxI\\\xff'))
        elif how == 1:
            del body[at : at + draw(st.integers(1, 200))]
        else:
            body[at:at] = draw(st.binary(min_size=1, max_size=5))
    return bytes(body)


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_what_was_remembered_never_changes_what_is_read(body: bytes):
    assert outcome(KNOWN, body) == outcome(PageReader(), body)


@given(pages(), st.integers(1, 5))
def test_no_more_is_kept_than_the_limit_allows(page: Written, most: int):
    result = outcome(PageReader(Limits(samples=most)), page.body)
    assert len(page.meaning) <= most or result[0] == "too many series"  # type: ignore[index]
