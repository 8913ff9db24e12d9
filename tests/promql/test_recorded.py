"""The list of recorded names is well formed, and its page is up to date."""

import re
from pathlib import Path

import pytest

from controlplane.promql.recorded import LEVELS, RECORDED, Recorded
from controlplane.promql.recorded_page import ABOUT, markdown

DOCS = Path(__file__).resolve().parents[2] / "docs" / "recorded.md"


def test_the_page_of_the_docs_is_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == markdown(), "write it anew: make artifacts"


def test_every_level_is_on_the_page() -> None:
    assert set(ABOUT) == set(LEVELS)


def test_no_name_is_there_twice() -> None:
    names = [recorded.name for recorded in RECORDED]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_a_name_says_level_metric_and_operation_and_carries_no_table_breaking_text(recorded: Recorded) -> None:
    assert re.fullmatch(r"llm_[a-z]+(:[a-z0-9_]+){1,2}", recorded.name)
    assert recorded.name.split(":")[0] in LEVELS
    assert recorded.words.endswith(".")
    assert "|" not in recorded.words
    assert len(recorded.labels) == len(set(recorded.labels))
