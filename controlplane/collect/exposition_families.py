"""What HELP, TYPE, UNIT and EOF lines promise about the samples around them.

Classic text is held to what would otherwise be ambiguous (one type per family, said before its samples).
OpenMetrics is held to its own word: families do not come back, metadata comes once, and nothing follows ``# EOF``.
"""

from collections.abc import Mapping

from controlplane.collect.exposition_grammar import meta, snippet
from controlplane.errors import ExpositionError
from controlplane.model.page import Fault

_CLASSIC: Mapping[str, tuple[str, ...]] = {
    "counter": ("",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
    "untyped": ("",),
}
_OPENMETRICS: Mapping[str, tuple[str, ...]] = {
    "counter": ("_total", "_created", ""),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"),
    "summary": ("", "_sum", "_count", "_created"),
    "stateset": ("",),
    "info": ("_info", ""),
    "unknown": ("",),
}
_BUCKETED = ("histogram", "gaugehistogram")


class Families:
    """Follows a page from top to bottom and refuses what contradicts its own metadata."""

    def __init__(self, *, openmetrics: bool) -> None:
        self.openmetrics = openmetrics
        self.types: dict[str, str] = {}
        """Declared types by family."""
        self.ended = False
        """``# EOF`` was seen."""
        self._suffixes = _OPENMETRICS if openmetrics else _CLASSIC
        self._owners: dict[str, str] = {}
        """Sample names that a typed family claims, and the family."""
        self._sampled: set[str] = set()
        self._said: set[tuple[str, str]] = set()
        self._current = ""
        self._closed: set[str] = set()

    def comment(self, line: bytes, at: int) -> None:
        """Take in one comment line."""
        said = meta(line, at)
        if self.openmetrics:
            if line == b"# EOF":
                self.ended = True
                return
            if said is None:
                raise ExpositionError(Fault.MALFORMED, f"a comment OpenMetrics does not know: {snippet(line)}", at)
        if said is None:
            return
        word, family, text = said
        if self.openmetrics:
            self._enter(family, at)
            if (word, family) in self._said or family in self._sampled:
                raise ExpositionError(Fault.MALFORMED, f"{word} comes twice or too late: {snippet(line)}", at)
            self._said.add((word, family))
            if word == "UNIT" and text and not family.endswith(f"_{text}"):
                raise ExpositionError(Fault.MALFORMED, f"the name does not end in its unit: {snippet(line)}", at)
        if word == "TYPE":
            self._type(family, text.strip(" \t"), line, at)

    def _type(self, family: str, kind: str, line: bytes, at: int) -> None:
        if kind not in self._suffixes:
            raise ExpositionError(Fault.MALFORMED, f"no such type: {snippet(line)}", at)
        if self.types.get(family, kind) != kind:
            raise ExpositionError(Fault.MALFORMED, f"a second, different type: {snippet(line)}", at)
        names = [family + suffix for suffix in self._suffixes[kind]]
        if family not in self.types and not self._sampled.isdisjoint(names):
            raise ExpositionError(Fault.MALFORMED, f"the type comes after its samples: {snippet(line)}", at)
        self.types[family] = kind
        for name in names:
            self._owners.setdefault(name, family)

    def sample(self, name: str, at: int, *, has_bound: bool) -> str:
        """Take in one sample and say its family."""
        family = name if name in self.types else self._owners.get(name, name)
        if not has_bound and name.endswith("_bucket") and self.types.get(family) in _BUCKETED:
            raise ExpositionError(Fault.MALFORMED, f"a histogram bucket without le: {snippet(name.encode())}", at)
        if self.openmetrics:
            self._enter(family, at)
            self._sampled.add(family)
        self._sampled.add(name)
        return family

    def _enter(self, family: str, at: int) -> None:
        if family == self._current:
            return
        if family in self._closed:
            raise ExpositionError(Fault.MALFORMED, f"family {snippet(family.encode())} comes back", at)
        self._closed.add(self._current)
        self._current = family
