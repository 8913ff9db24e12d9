"""What was learned from earlier pages, so that the next one costs a comparison instead of a parse.

Replicas of a role serve the same series: whatever is known about a raw text is shared between all targets. All of
it can be forgotten at any moment, which is what happens when it grows too big.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import compress
from operator import getitem
from types import MappingProxyType
from typing import NamedTuple, cast
from weakref import WeakValueDictionary

from controlplane.collect.exposition_grammar import Sample, is_number, numbers, sample, snippet
from controlplane.collect.limits import Limits
from controlplane.errors import ExpositionError
from controlplane.model.page import Fault, Labels, Layout, MetricKey, Page

_cut = cast("Callable[[bytes, slice], bytes]", getitem)


class Series(NamedTuple):
    """What is known of one raw series text."""

    identity: bytes
    """The same for all ways of writing the same series: another order of labels, other blanks."""
    name: str
    key: MetricKey | None
    """``None`` when nobody wants it."""
    has_bound: bool
    """It carries a numeric ``le``."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class SharedLayout:
    """A layout that disappears from the book with its last page reader."""

    layout: Layout
    identity: tuple[object, ...]


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Template:
    """A page with its numbers taken out. What fits into it has the same series in the same order."""

    shape: "Shape"
    cuts: tuple[slice, ...]
    """Where the number begins, for each sample line."""
    worded: bytes
    """A byte per line: 1 where it holds no sample."""
    wanted: bytes
    """A byte per sample."""
    shared: SharedLayout

    def fill(self, lines: list[bytes]) -> Page | None:
        """The page with new numbers; ``None`` when it does not fit, or a number is not written as it must be.

        Every step runs in C over the whole page: this is the one place where speed decides the style.
        """
        shape = self.shape
        if len(lines) != len(shape.sampled) or tuple(compress(lines, self.worded)) != shape.comments:
            return None
        rows = list(compress(lines, shape.sampled))
        if not all(map(bytes.startswith, rows, shape.prefixes)):
            return None
        try:
            values = numbers(list(map(_cut, rows, self.cuts)))
        except ValueError:
            return None
        return Page(self.shared.layout, tuple(compress(values, self.wanted)))


class Shape(NamedTuple):
    """A page without its numbers, in a form that can be compared."""

    openmetrics: bool
    sampled: bytes
    """A byte per line: 1 where it holds a sample."""
    comments: tuple[bytes, ...]
    """The lines that hold none."""
    prefixes: tuple[bytes, ...]
    """The sample lines up to and with their last blank."""

    @classmethod
    def of(cls, lines: list[bytes], *, openmetrics: bool) -> "Shape":
        """The shape of a page."""
        sampled = bytes(line[:1] not in (b"", b"#") for line in lines)
        comments = tuple(line for line in lines if line[:1] in (b"", b"#"))
        prefixes = tuple(line[: line.rfind(b" ") + 1] for line in compress(lines, sampled))
        return cls(openmetrics, sampled, comments, prefixes)


@dataclass(slots=True, kw_only=True)
class Book:
    """Shared memory of the page readers of one scraper. Not thread safe: it lives in the scraper's loop."""

    limits: Limits = field(default_factory=Limits)
    wanted: Collection[str] | None = None
    """Sample names to keep; ``None`` keeps all."""
    most: int = 100_000
    """Texts kept for sharing, some 20 MB; more than two pages of 50,000 samples do not come by honestly."""

    _series: dict[bytes, Series] = field(default_factory=dict)
    _labels: dict[bytes, Labels] = field(default_factory=dict)
    _texts: dict[bytes, bytes] = field(default_factory=dict)
    _cuts: dict[int, slice] = field(default_factory=dict)
    _templates: WeakValueDictionary[Shape, Template] = field(default_factory=WeakValueDictionary)
    _layouts: WeakValueDictionary[tuple[object, ...], SharedLayout] = field(default_factory=WeakValueDictionary)

    def known(self, text: bytes) -> Series | None:
        """What is known of a raw series text."""
        return self._series.get(text)

    def learn(self, line: bytes, at: int, *, openmetrics: bool) -> tuple[Sample, Series]:
        """Take a sample line apart and remember its series."""
        for memory in (self._series, self._labels):
            if len(memory) >= self.most:
                memory.clear()
        found = sample(line, at, self.limits, openmetrics=openmetrics, known=self._labels)
        series = self._series.get(found.series)
        if series is None:
            text = self._shared_text(found.series)
            series = self._series[text] = self._series_of(text, found, at)
        return found, series

    def _series_of(self, text: bytes, found: Sample, at: int) -> Series:
        key = MetricKey(found.name, found.labels)
        bound = key.label("le")
        if bound is not None and found.name.endswith("_bucket") and not is_number(bound):
            raise ExpositionError(Fault.MALFORMED, f"le is not a number: {snippet(text)}", at)
        identity = str(key).encode()
        return Series(
            identity=text if identity == text else identity,
            name=found.name,
            key=key if self.wanted is None or found.name in self.wanted else None,
            has_bound=bound is not None,
        )

    def template(self, shape: Shape) -> Template | None:
        """The template that an earlier page of this shape has left."""
        return self._templates.get(shape)

    def new_template(self, shape: Shape, *, wanted: bytes, shared: SharedLayout) -> Template:
        """Remember a page all of whose lines are plain."""
        shape = shape._replace(
            comments=tuple(map(self._shared_text, shape.comments)),
            prefixes=tuple(map(self._shared_text, shape.prefixes)),
        )
        template = Template(
            shape=shape,
            cuts=tuple(self._cuts.setdefault(len(p), slice(len(p), None)) for p in shape.prefixes),
            worded=bytes(not is_sample for is_sample in shape.sampled),
            wanted=wanted,
            shared=shared,
        )
        self._templates[shape] = template
        return template

    def layout(self, keys: tuple[MetricKey, ...], types: Mapping[str, str]) -> SharedLayout:
        """The one layout of these series."""
        identity = (keys, tuple(types.items()))
        shared = self._layouts.get(identity)
        if shared is None:
            shared = SharedLayout(Layout(keys, MappingProxyType(dict(types))), identity)
            self._layouts[identity] = shared
        return shared

    def _shared_text(self, text: bytes) -> bytes:
        if len(self._texts) >= self.most:
            self._texts.clear()
        return self._texts.setdefault(text, text)
