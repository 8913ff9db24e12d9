"""Writes the Prometheus text format as ``prometheus_client`` does: the same order, the same numbers.

A page's series hardly change, so everything but the numbers is prepared once and a page is one join.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf, isinf, isnan

from controlplane.simulate.tally import Histogram

Labels = tuple[tuple[str, str], ...]


def number(value: float) -> str:
    """A sample value: ``14.0``, ``2.025046016e+09``, ``+Inf``."""
    value = float(value)
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    whole, point, rest = text.partition(".")
    if value > 0 and point and len(whole) > 6:
        return f"{whole[0]}.{whole[1:]}{rest}".rstrip("0").rstrip(".") + f"e+{len(whole) - 1:02d}"
    return text


def labels_text(labels: Iterable[tuple[str, str]], *, order: bool = True) -> str:
    """``{a="b",c="d"}``, sorted by name unless the exporter keeps its own order; empty without labels."""
    pairs = sorted(labels) if order else list(labels)
    if not pairs:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in pairs) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def bound_text(bound: float) -> str:
    """An ``le`` value."""
    return "+Inf" if bound == inf else number(bound)


@dataclass(slots=True)
class Page:
    """Prepared text of a page; ``fill`` puts the numbers in."""

    _texts: list[str] = field(default_factory=list)
    _head: str = ""

    def family(self, name: str, kind: str, help_: str) -> None:
        """HELP and TYPE of the samples that follow."""
        self._head += f"# HELP {name} {help_}\n# TYPE {name} {kind}\n"

    def sample(self, name: str, labels: str = "") -> None:
        """One sample; its number comes with ``fill``."""
        self._texts.append(f"{self._head}{name}{labels} ")
        self._head = ""

    def fill(self, values: Sequence[float]) -> str:
        """The page with one number per sample, in order of preparation."""
        return "".join(f"{text}{number(v)}\n" for text, v in zip(self._texts, values, strict=True)) + self._head


def histogram_values(histogram: Histogram) -> list[float]:
    """Cumulative buckets, count and sum: the order of the samples of a histogram."""
    values: list[float] = []
    total = 0
    for count in histogram.counts:
        total += count
        values.append(total)
    return [*values, total, histogram.total]
