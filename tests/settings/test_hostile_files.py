"""Whatever stands in the file: it is read, or refused in clear lines. Nothing else happens, and quickly."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.errors import SettingsError
from controlplane.settings.load import examine

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("*.yaml"))
GOOD = EXAMPLES[0].read_text(encoding="utf-8")
BITS = (
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "&a ",
    "*a",
    "!!map ",
    "<<: ",
    "\t",
    "\n",
    "'",
    '"',
    "#",
    "null",
    "1:30",
    "010",
    "~",
)


def read(raw: bytes) -> None:
    try:
        examine(raw)
    except SettingsError as error:
        problems = error.problems
    else:
        return
    assert problems
    for problem in problems:
        assert str(problem).isprintable()
        assert len(str(problem)) < 1500
        assert problem.what
        assert problem.fix


@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    read(raw)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), st.lists), st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_value_under_any_key(value: object, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(["fleet", "roles", "tick", "sources", "detectors", "freeze", "slack", "prices"]))
    read(f"fleet: f\nroles: {{a: {{model: {{name: m}}}}}}\n{key}2: 1\n{key}: {value!r}\n".encode("utf-8", "replace"))


@given(st.integers(0, len(GOOD)), st.integers(0, 40), st.lists(st.sampled_from(BITS), max_size=6))
def test_a_good_file_with_a_hole_and_something_else_in_it(at: int, gone: int, put: list[str]) -> None:
    read((GOOD[:at] + "".join(put) + GOOD[at + gone :]).encode())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_file_cut_anywhere_is_read_or_refused(path: Path) -> None:
    raw = path.read_bytes()
    for end in range(0, len(raw), 97):
        read(raw[:end])
