"""Read a metrics page: all of it is right, or nothing of it is used.

The first page of a target is taken apart line by line. The next ones nearly always hold the same series in the same
order: then only the numbers are read (0.2 ms for a vLLM page, where a parser needs 10 or more).
"""

from collections.abc import Collection

from controlplane.collect.exposition_book import Book, Shape, SharedLayout, Template
from controlplane.collect.exposition_families import Families
from controlplane.collect.exposition_grammar import number, snippet
from controlplane.collect.limits import Limits
from controlplane.errors import ExpositionError
from controlplane.model.page import Fault, MetricKey, Page

AHEAD = 600.0
"""Seconds a timestamp on the page may lie in the future; Prometheus refuses the same."""
BEHIND = 300.0
"""Seconds a timestamp may lie in the past: Prometheus, too, stops showing such a sample after 5 min."""

OPENMETRICS = "application/openmetrics-text"


def parse(
    body: bytes, *, openmetrics: bool = False, limits: Limits | None = None, wanted: Collection[str] | None = None
) -> Page:
    """Read one page without remembering it.

    Raises:
        ExpositionError: the page breaks its grammar or a limit, or a series is there twice.
    """
    content_type = OPENMETRICS if openmetrics else "text/plain"
    return PageReader(limits or Limits(), wanted).read(body, content_type)


class PageReader:
    """Reads the pages of one target and remembers which series they hold.

    Args:
        limits: bounds for each page.
        wanted: sample names to keep, as on the wire; the whole page is checked all the same.
        book: shared with the readers of other targets; it brings its own limits and wanted names.
    """

    def __init__(
        self, limits: Limits | None = None, wanted: Collection[str] | None = None, *, book: Book | None = None
    ) -> None:
        self._book = book or Book(limits=limits or Limits(), wanted=None if wanted is None else frozenset(wanted))
        self._last: Template | None = None
        self._shared: SharedLayout | None = None
        self._content_type = ""
        self._openmetrics = False

    def read(self, body: bytes, content_type: str = "", *, received: float | None = None) -> Page:
        """Read one page; the layout is the same object as last time unless the set of series has changed.

        Args:
            body: the whole page, decompressed.
            content_type: header of the answer: OpenMetrics where it says so, else classic text.
            received: seconds since 1970 by our own clock; samples whose own timestamp is more than 10 min ahead of
                it or 5 min behind are left out.

        Raises:
            ExpositionError: the page breaks its grammar or a limit, or a series is there twice.
        """
        if content_type != self._content_type:
            self._openmetrics = _is_openmetrics(content_type)
            self._content_type = content_type
        openmetrics = self._openmetrics
        lines = _lines(body, self._book.limits)
        if self._last is not None and self._last.shape.openmetrics is openmetrics:
            page = self._last.fill(lines)
            if page is not None:
                return page
        shape = Shape.of(lines, openmetrics=openmetrics)
        template = self._book.template(shape)
        if template is not None:
            page = template.fill(lines)
            if page is not None:
                self._last = template
                return page
        return self._learn(body, lines, shape, received)

    def _learn(self, body: bytes, lines: list[bytes], shape: Shape, received: float | None) -> Page:
        """Read a page whose series are new to this reader, or that carries timestamps or exemplars."""
        found = _Found(self._book, received, openmetrics=shape.openmetrics)
        found.take(body, lines)
        types = found.kept_types()
        keys = tuple(found.keys)
        shared = self._shared
        if shared is None or shared.identity != (keys, tuple(types.items())):
            shared = self._book.layout(keys, types)
        self._shared = shared
        self._last = None
        if found.plain:
            self._last = self._book.new_template(shape, wanted=bytes(found.wanted), shared=shared)
        return Page(shared.layout, tuple(found.values))


class _Found:
    """What a page turned out to hold, line by line."""

    def __init__(self, book: Book, received: float | None, *, openmetrics: bool) -> None:
        self.keys: list[MetricKey] = []
        self.values: list[float] = []
        self.wanted = bytearray()
        self.plain = True
        self._book = book
        self._received = received
        self._families = Families(openmetrics=openmetrics)
        self._kept: dict[str, None] = {}
        self._seen: set[bytes] = set()

    def kept_types(self) -> dict[str, str]:
        """Declared types of the families of which something was kept."""
        types = self._families.types
        return {family: types[family] for family in self._kept if family in types}

    def take(self, body: bytes, lines: list[bytes]) -> None:
        """Take in the whole page."""
        _check_end(lines, openmetrics=self._families.openmetrics)
        try:
            body.decode()
        except UnicodeDecodeError as error:
            at = body.count(b"\n", 0, error.start) + 1
            raise ExpositionError(Fault.ENCODING, "not UTF-8", at) from None
        openmetrics = self._families.openmetrics
        for at, line in enumerate(lines, 1):
            bare = line.strip(b" \t")
            if not bare:
                if openmetrics and at < len(lines):
                    raise ExpositionError(Fault.MALFORMED, "an empty line", at)
                self.plain = self.plain and not line
                continue
            if self._families.ended:
                raise ExpositionError(Fault.MALFORMED, f"something follows # EOF: {snippet(line)}", at)
            if bare.startswith(b"#"):
                self._families.comment(bare, at)
                self.plain = self.plain and line.startswith(b"#")
            else:
                self._sample(line, at)
        if not self._seen:
            raise ExpositionError(Fault.EMPTY, "no sample on the page")

    def _sample(self, line: bytes, at: int) -> None:
        head, _, tail = line.rpartition(b" ")
        series = self._book.known(head)
        timestamp = None
        try:
            value = number(tail) if series is not None else 0.0
        except ValueError:
            series = None
        if series is None:
            found, series = self._book.learn(line, at, openmetrics=self._families.openmetrics)
            value, timestamp = found.value, found.timestamp
            self.plain = self.plain and found.plain
        family = self._families.sample(series.name, at, has_bound=series.has_bound)
        if series.identity in self._seen:
            raise ExpositionError(Fault.DUPLICATE, snippet(series.identity), at)
        self._seen.add(series.identity)
        if len(self._seen) > self._book.limits.samples:
            raise ExpositionError(Fault.TOO_MANY, f"more than {self._book.limits.samples} samples", at)
        self.wanted.append(series.key is not None)
        if series.key is not None and self._is_current(timestamp):
            self.keys.append(series.key)
            self.values.append(value)
            self._kept[family] = None

    def _is_current(self, timestamp: float | None) -> bool:
        if timestamp is None or self._received is None:
            return True
        return -BEHIND <= timestamp - self._received <= AHEAD


def _check_end(lines: list[bytes], *, openmetrics: bool) -> None:
    """Refuse a page that stops in the middle of a line, or that has an end mark to miss."""
    if openmetrics:
        if b"# EOF" not in (lines[-1], *(lines[-2:-1] if not lines[-1] else ())):
            raise ExpositionError(Fault.TRUNCATED, "no # EOF at the end")
    elif lines[-1]:
        raise ExpositionError(Fault.TRUNCATED, f"the last line has no end: {snippet(lines[-1])}", len(lines))


def _is_openmetrics(content_type: str) -> bool:
    """Which grammar a page is in; a page that says it is not UTF-8 is refused."""
    media, *parameters = content_type.lower().split(";")
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "charset" and value.strip(" \t\"'") not in ("utf-8", "utf8", "us-ascii", ""):
            raise ExpositionError(Fault.ENCODING, f"charset {snippet(value.encode())}")
    return media.strip() == OPENMETRICS


def _lines(body: bytes, limits: Limits) -> list[bytes]:
    """Split a page into lines, unless it is too big for that."""
    if len(body) > limits.body:
        raise ExpositionError(Fault.TOO_LARGE, f"more than {limits.body} bytes")
    # A short page cannot have dangerously many lines; a long one is counted before millions of objects are made.
    if len(body) <= limits.lines or body.count(b"\n") <= limits.lines:
        return body.split(b"\n")
    raise ExpositionError(Fault.TOO_MANY, f"more than {limits.lines} lines")
