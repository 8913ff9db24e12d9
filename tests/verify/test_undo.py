"""What made things worse is proposed to be taken back, exactly, once, and never an undo of an undo."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controlplane.model.change import Bound, ChangeRecord, ChangeState, OutcomeState
from controlplane.model.keys import ObjectRef
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Direction, Kind
from controlplane.model.role import Bounds
from controlplane.verify.in_force import shows
from controlplane.verify.undo import undo
from tests.builders import (
    NOON,
    a_calm_role,
    a_change,
    a_change_record,
    a_fleet,
    a_patch,
    a_recommendation,
    an_outcome,
)

CHANGE = a_change(a_recommendation(kind=Kind.RELEASE_REPLICAS, direction=Direction.TIGHTEN, dollars=-5.0), id_="chg-1")
WORSE = a_change_record(CHANGE, outcome=OutcomeState.WORSE)
IN_FORCE = a_fleet(a_calm_role(bounds=Bounds(min=3, max=8)))


def undone_by(state: ChangeState) -> ChangeRecord:
    back = a_recommendation(kind=Kind.UNDO, patch=CHANGE.patch.inverse(), undoes=CHANGE.id)
    return a_change_record(a_change(back, id_="chg-2"), state)


def test_harm_is_taken_back_by_an_ordinary_recommendation():
    (back,) = undo([], [WORSE], IN_FORCE)
    assert back.kind is Kind.UNDO
    assert back.undoes == CHANGE.id
    assert back.patch == CHANGE.patch.inverse()
    assert back.direction is Direction.LOOSEN
    assert back.effect.dollars_per_hour == 5.0
    assert back.title == "Take back: Run at least 3 replicas of planner"
    assert (back.expectation.reading, back.expectation.comparison) == (Reading.TTFT_P95, "<")


def test_what_the_object_did_not_name_is_taken_out_again():
    bound = Bound(uid="u", generation=3, absent=("/spec/minReplicaCount",))
    change = replace(CHANGE, bound=bound)
    (back,) = undo([], [a_change_record(change, outcome=OutcomeState.WORSE)], IN_FORCE)
    (field,) = back.patch.fields
    assert (field.path, field.before, field.after) == ("/spec/minReplicaCount", 3, None)


def test_a_bound_that_was_taken_out_is_in_force_as_kedas_own():
    patch = a_patch("/spec/maxReplicaCount", 8, None)
    assert shows(patch, Bounds(min=2, max=100))
    assert not shows(patch, Bounds(min=2, max=8))


def test_it_is_proposed_at_the_tick_of_the_verdict_already():
    fresh = a_change_record(CHANGE)
    assert len(undo([an_outcome(CHANGE, OutcomeState.WORSE)], [fresh], IN_FORCE)) == 1


def test_only_harm_is_taken_back():
    for outcome in (OutcomeState.MET, OutcomeState.MISSED, OutcomeState.UNKNOWN):
        assert undo([], [a_change_record(CHANGE, outcome=outcome)], IN_FORCE) == ()
    assert undo([], [a_change_record(CHANGE)], IN_FORCE) == ()


def test_it_is_taken_back_once():
    assert undo([], [WORSE, undone_by(ChangeState.APPLIED)], IN_FORCE) == ()
    assert undo([], [WORSE, undone_by(ChangeState.SENDING)], IN_FORCE) == ()
    assert len(undo([], [WORSE, undone_by(ChangeState.FAILED)], IN_FORCE)) == 1


def test_what_somebody_has_changed_meanwhile_is_left_alone():
    assert undo([], [WORSE], a_fleet(a_calm_role(bounds=Bounds(min=5, max=8)))) == ()


def test_an_undo_that_does_harm_is_left_to_a_person():
    back = a_recommendation(kind=Kind.UNDO, undoes=CHANGE.id)
    assert undo([], [a_change_record(a_change(back), outcome=OutcomeState.WORSE)], IN_FORCE) == ()


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))


@given(st.lists(st.builds(FieldChange, path=st.text(max_size=9), before=scalars, after=scalars), max_size=4))
def test_an_undo_restores_exactly_what_was_there(fields: list[FieldChange]):
    patch = Patch(target=ObjectRef("ScaledObject", "llm", "planner"), fields=tuple(fields))
    assert [(f.path, f.after) for f in patch.inverse().fields] == [(f.path, f.before) for f in patch.fields]
    assert patch.inverse().inverse() == patch


def test_the_evidence_of_an_undo_is_the_harm():
    (back,) = undo([], [WORSE], IN_FORCE)
    assert back.evidence[0].reading is Reading.TTFT_P95
    assert back.evidence[0].limit == 4.0
    assert back.evidence[0].since == NOON.replace(minute=10)
