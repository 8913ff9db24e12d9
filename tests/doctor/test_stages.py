"""A deployment is at the stage of which, and before which, nothing lacks; what cannot be seen counts neither way."""

from dataclasses import fields, replace

import pytest

from controlplane.doctor.stages import STAGES, Sight, lacking, reached, words

ALL = Sight(**{field.name: True for field in fields(Sight)})
STEPS = [(number, step.seen) for number, (_, steps) in enumerate(STAGES, 1) for step in steps]


def test_every_field_belongs_to_one_stage() -> None:
    assert sorted(seen for _, seen in STEPS) == sorted(field.name for field in fields(Sight))


def test_nothing_seen_is_before_the_first_and_everything_is_the_last() -> None:
    assert (reached(Sight()), reached(ALL)) == (0, 4)
    assert lacking(ALL) == ()
    assert words(ALL) == "stage 4 of 4: hardened"


@pytest.mark.parametrize(("stage", "seen"), STEPS)
def test_what_is_known_to_lack_holds_a_deployment_before_its_stage(stage: int, seen: str) -> None:
    sight = replace(ALL, **{seen: False})
    assert reached(sight) == stage - 1
    assert len(lacking(sight)) == 1
    assert lacking(sight)[0] in words(sight)


def test_what_cannot_be_seen_counts_neither_way() -> None:
    assert reached(replace(ALL, scaled=None)) == 4
    assert reached(replace(ALL, router=None, prefix_cache=None)) == 1
