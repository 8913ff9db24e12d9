"""A policy as text and back: the same parts, the same settings, the same bytes."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.decide.arbiter import DEFAULT_GUARDRAILS
from controlplane.decide.guardrails.freeze import Freeze, FreezeWindow
from controlplane.detect.queue import QueueBuildup
from controlplane.errors import NotFoundError
from controlplane.loop.plain import to_plain
from controlplane.loop.policy import Policy, policy_from_text, policy_text
from controlplane.model.role import Engine, Mode
from tests.builders import a_spec

USUAL = Policy(fleet="agents-test", roles=(a_spec(), a_spec("worker", scaled_object=False, workload=False)))


def test_the_defaults_come_back_as_they_were():
    assert policy_from_text(policy_text(USUAL)) == USUAL


def test_every_setting_comes_back():
    changed = replace(
        USUAL,
        roles=(a_spec(mode=Mode.OBSERVE, engine=Engine.SGLANG, ttft=None, price=None, gpus=0.5),),
        detectors=(QueueBuildup(limit=3.5, patience=timedelta(seconds=90.5)),),
        guardrails=(
            Freeze(
                windows=(FreezeWindow(schedule="0 18 * * 5", duration=timedelta(hours=60), timezone="Europe/Berlin"),)
            ),
        ),
        budget_dollars_per_hour=25.0,
    )
    assert policy_from_text(policy_text(changed)) == changed


def test_the_same_policy_is_the_same_text():
    assert policy_text(USUAL) == policy_text(policy_from_text(policy_text(USUAL)))
    assert policy_text(USUAL) != policy_text(replace(USUAL, guardrails=DEFAULT_GUARDRAILS[1:]))
    assert "\n" not in policy_text(USUAL)


@given(st.floats(0.5, 1000), st.timedeltas(timedelta(0), timedelta(days=3)))
def test_numbers_and_durations_come_back_exactly(limit: float, patience: timedelta):
    policy = replace(USUAL, detectors=(QueueBuildup(limit=limit, patience=patience),))
    assert policy_from_text(policy_text(policy)) == policy


def spoiled(**over: object) -> str:
    plain = json.loads(policy_text(USUAL))
    plain["detectors"][0].update(over)
    return json.dumps(plain)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (spoiled(id="from-the-future"), "this version has no from-the-future"),
        (spoiled(settings={"limit": 5, "colour": "red"}), "the settings of queue-buildup are from another version"),
    ],
)
def test_a_policy_of_another_version_is_refused_by_name(text: str, said: str):
    with pytest.raises(NotFoundError, match=said):
        policy_from_text(text)


def test_a_setting_that_is_new_since_keeps_its_default():
    assert policy_from_text(spoiled(settings={"limit": 5.0})).detectors[0] == QueueBuildup()


def test_what_settings_are_not_made_of_is_refused():
    with pytest.raises(TypeError, match="object is no settings value"):
        to_plain(object())
