"""docs/detectors.md follows the code, and every setting says what it means."""

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from controlplane.decide.guardrails import DEFAULT_GUARDRAILS
from controlplane.detect import DEFAULT_DETECTORS
from controlplane.recommend import DEFAULT_RECOMMENDERS
from controlplane.settings.thinking import docstrings
from tools.thinking_page import MAY_ASK, markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "detectors.md"
THINGS = (*DEFAULT_DETECTORS, *DEFAULT_RECOMMENDERS, *DEFAULT_GUARDRAILS)


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == markdown(), "write it anew: make artifacts"


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.id)
def test_every_one_of_them_and_every_setting_is_on_it(thing: Any):
    text = PAGE.read_text()
    section = text[text.index(f"### {thing.id}\n") :].split("\n### ", 2)[0]
    for field in fields(thing):
        assert docstrings(type(thing)).get(field.name), f"{field.name} has no docstring"
        assert f"| `{field.name}` |" in section


def test_the_guardrails_that_approval_answers_are_those_that_say_so():
    asking = {g.id for g in DEFAULT_GUARDRAILS if "answerable=" in inspect.getsource(type(g))}
    assert asking == set(MAY_ASK)
