"""A dataclass's fields are its settings: section, defaults, help and schema follow from it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pytest
from pydantic import ValidationError

from controlplane.decide.guardrails import DEFAULT_GUARDRAILS, Freeze, FreezeWindow
from controlplane.detect import DEFAULT_DETECTORS
from controlplane.recommend import DEFAULT_RECOMMENDERS
from controlplane.settings.load import examine
from controlplane.settings.thinking import docstrings, section_for, with_overrides

FLEET = "fleet: f\nroles:\n  chat: {model: {name: m}, targets: ['http://127.0.0.1:1']}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Looks."""

    id: ClassVar[str] = "a-watch"
    share: float = 0.5
    """How much."""
    times: int = 3
    patience: timedelta = timedelta(minutes=2)
    loud: bool = False
    word: str = "x"
    most: float | None = None
    things: tuple[int, ...] = ()


def read(**given: object) -> Watch:
    section = section_for("Watches", (Watch(),), may_be_off=True)
    return with_overrides((Watch(),), section.model_validate({"a-watch": given}))[0]


def test_every_plain_field_can_be_set_in_its_written_form() -> None:
    assert read(share=0.7, times=4, patience="1m30s", loud=True, word="y", most=1) == Watch(
        share=0.7, times=4, patience=timedelta(seconds=90), loud=True, word="y", most=1
    )


def test_what_is_not_set_stays_as_it_was() -> None:
    assert read() == Watch()


@pytest.mark.parametrize(
    "wrong", [{"share": "much"}, {"times": 1.5}, {"patience": 90}, {"loud": "yes"}, {"word": 5}, {"things": [1]}]
)
def test_a_value_of_another_kind_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        read(**wrong)


def test_a_thing_switched_off_is_left_out() -> None:
    section = section_for("Watches", (Watch(),), may_be_off=True)
    assert with_overrides((Watch(),), section.model_validate({"a-watch": {"enabled": False}})) == ()


def test_the_docstring_under_a_field_is_its_help() -> None:
    assert docstrings(Watch)["share"] == "How much."


@pytest.mark.parametrize("things", [DEFAULT_DETECTORS, DEFAULT_RECOMMENDERS, DEFAULT_GUARDRAILS])
def test_every_setting_of_ours_has_its_docstring(things: tuple[object, ...]) -> None:
    section = section_for("Ours", things, may_be_off=False)
    for info in section.model_fields.values():
        part = info.annotation
        assert part is not None
        assert [n for n, f in part.model_fields.items() if not f.description] == []


def test_without_settings_the_defaults_think() -> None:
    parts = examine(FLEET.encode()).settings.policy_parts()
    assert parts == (DEFAULT_DETECTORS, DEFAULT_RECOMMENDERS, DEFAULT_GUARDRAILS)


def test_freeze_windows_reach_the_freeze_guardrail() -> None:
    text = FLEET + "freeze: [{schedule: '0 18 * * 5', duration: 60h, timezone: Europe/Berlin, why: weekend}]\n"
    found = [g for g in examine(text.encode()).settings.policy_parts().guardrails if isinstance(g, Freeze)]
    window = FreezeWindow(schedule="0 18 * * 5", duration=timedelta(hours=60), timezone="Europe/Berlin", why="weekend")
    assert [g.windows for g in found] == [(window,)]
