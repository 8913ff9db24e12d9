"""Saved is what a change was to save, from its verdict on, for as long as it stands."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.model.change import ChangeRecord, ChangeState, OutcomeState
from controlplane.model.recommendation import Kind
from controlplane.verify.savings import realised
from tests.builders import NOON, a_change, a_change_record, a_patch, a_recommendation

HOUR = timedelta(hours=1)


def a_saving(*, hours_ago: float, dollars: float | None = -2.0, name: str = "planner", id_: str = "a") -> ChangeRecord:
    """A change that was judged met ten minutes after it was made."""
    proposed = a_recommendation(kind=Kind.RELEASE_REPLICAS, patch=a_patch(name=name), dollars=dollars)
    change = a_change(proposed, at=NOON - hours_ago * HOUR - timedelta(minutes=10), id_=id_)
    return a_change_record(change, outcome=OutcomeState.MET)


def test_a_change_that_was_met_saves_from_its_verdict_until_now() -> None:
    assert realised([a_saving(hours_ago=3)], NOON) == {Kind.RELEASE_REPLICAS: pytest.approx(6.0)}


def test_it_stops_saving_when_the_same_object_is_changed_again() -> None:
    again = a_change_record(a_change(at=NOON - HOUR, id_="b"))
    assert realised([again, a_saving(hours_ago=3)], NOON) == {Kind.RELEASE_REPLICAS: pytest.approx(4.0)}


@pytest.mark.parametrize("state", [ChangeState.FAILED, ChangeState.DRY_RUN])
def test_a_change_without_effect_does_not_end_it(state: ChangeState) -> None:
    tried = a_change_record(a_change(at=NOON - HOUR, id_="b"), state)
    assert realised([tried, a_saving(hours_ago=3)], NOON) == {Kind.RELEASE_REPLICAS: pytest.approx(6.0)}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(a_saving(hours_ago=3, dollars=None), id="price unknown"),
        pytest.param(a_saving(hours_ago=3, dollars=5.0), id="costs more"),
        pytest.param(replace(a_saving(hours_ago=3), outcome=None), id="not judged"),
        pytest.param(a_change_record(a_saving(hours_ago=3).change, outcome=OutcomeState.MISSED), id="missed"),
    ],
)
def test_nothing_is_claimed(record: ChangeRecord) -> None:
    assert realised([record], NOON) == {}
