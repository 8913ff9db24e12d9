"""Metrics pages for tests: real ones, and generated ones that are right by construction."""

import math
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

DATA = Path(__file__).parent / "data"

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def real(name: str) -> bytes:
    """A page recorded from a real server."""
    return (DATA / f"{name}.prom").read_bytes()


REAL = sorted(path.stem for path in DATA.glob("*.prom"))

Series = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Written:
    """A page as text and what it means."""

    text: str
    meaning: dict[Series, float]

    @property
    def body(self) -> bytes:
        return self.text.encode()


names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True).filter(
    lambda n: not n.endswith(("_bucket", "_sum", "_count"))
)
label_names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(lambda n: n not in ("le", "__name__"))
label_values = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
labels = st.dictionaries(label_names, label_values, max_size=4)
numbers = st.floats() | st.integers(-(10**18), 10**18).map(float)
blanks = st.sampled_from([" ", "  ", "\t", " \t "])


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number_text(value: float) -> str:
    """A number as servers write it."""
    if math.isnan(value):
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


@st.composite
def series_text(draw: st.DrawFn, name: str, pairs: dict[str, str]) -> str:
    """One series in one of the ways it may be written."""
    if not pairs:
        return name + draw(st.sampled_from(["", "{}"]))
    order = draw(st.permutations(sorted(pairs.items())))
    comma = draw(st.sampled_from([",", ", "]))
    inner = comma.join(f'{k}="{escaped(v)}"' for k, v in order)
    return name + "{" + inner + draw(st.sampled_from(["", ","])) + "}"


@st.composite
def pages(draw: st.DrawFn) -> Written:
    """A valid page in classic text."""
    lines: list[str] = []
    meaning: dict[Series, float] = {}
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        if draw(st.booleans()):
            lines.append(f"# HELP {name} {escaped(draw(label_values))}".replace("\r", ""))
        if draw(st.booleans()):
            lines.append(f"# TYPE {name} {draw(st.sampled_from(['counter', 'gauge', 'untyped']))}")
        for pairs in draw(st.lists(labels, min_size=1, max_size=4, unique_by=lambda d: tuple(sorted(d.items())))):
            value = draw(numbers)
            meaning[(name, tuple(sorted(pairs.items())))] = value
            lines.append(draw(series_text(name, pairs)) + draw(blanks) + number_text(value))
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["", "# a comment", "#", "\t"])))
    return Written("\n".join(lines) + "\n", meaning)
