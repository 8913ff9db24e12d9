"""Values come back from the ledger exactly as they were, and what is not a number does not get in."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.errors import StoreError
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.finding import Evidence, Finding
from controlplane.model.fleet import Fleet
from controlplane.model.patch import FieldChange, Scalar
from controlplane.model.reading import Reading
from controlplane.model.session import RoleSessions, Usual
from controlplane.model.units import Unit
from controlplane.store.codec import Codec, instant, micros
from tests.builders import (
    NOON,
    a_calm_role,
    a_change_record,
    a_cycle,
    a_decision,
    a_finding,
    a_finding_record,
    a_fleet,
    a_recollection,
    a_record,
    a_replica,
    a_role,
    some_beliefs,
    ticking,
)
from tests.builders_of_sessions import a_session

texts = st.text() | st.sampled_from(["", "\x00", "\ud800", "<script>", "ö\u202e"])
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | finite | texts


@given(before=scalars, after=scalars, path=texts)
def test_a_scalar_keeps_its_value_and_its_type(before: Scalar, after: Scalar, path: str) -> None:
    codec = Codec(FieldChange)
    field = FieldChange(path=path, before=before, after=after)
    back = codec.value(codec.text(field))
    assert back == field
    assert (type(back.before), type(back.after)) == (type(before), type(after))


@given(
    value=st.none() | finite | st.integers(-(2**53), 2**53),
    since=st.none() | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])),
    question=texts,
)
def test_evidence_comes_back_as_it_was(value: float | None, since: datetime | None, question: str) -> None:
    codec = Codec(Evidence)
    evidence = Evidence(question=question, reading=Reading.WAITING, value=value, unit=Unit.COUNT, since=since)
    back = codec.value(codec.text(evidence))
    assert back == evidence
    assert repr(back.value) == repr(value)
    assert back.reading is Reading.WAITING


@settings(max_examples=50)
@given(column=st.lists(st.none() | finite, min_size=0, max_size=40))
def test_columns_keep_their_gaps_and_every_bit(column: list[float | None]) -> None:
    codec = Codec(Fleet)
    fleet = a_fleet(a_role(waiting=ticking(*column, 1.0)))
    back = codec.value(codec.text(fleet))
    assert back == fleet
    assert list(map(repr, back.roles[fleet.roles["planner"].name].columns[Reading.WAITING])) == [  # type: ignore[index]
        *map(repr, column),
        "1.0",
    ]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("length", [1, 20])
def test_a_number_that_is_not_finite_is_refused(number: float, length: int) -> None:
    fleet = a_fleet(a_role(waiting=ticking(*[1.0] * length, number)))
    with pytest.raises(StoreError, match="Fleet"):
        Codec(Fleet).text(fleet)


def test_whole_numbers_in_a_column_stay_whole() -> None:
    fleet = a_fleet(a_role(waiting=ticking(*range(20))))
    back = Codec(Fleet).value(Codec(Fleet).text(fleet))
    assert all(type(v) is int for v in back.roles[next(iter(back.roles))].columns[Reading.WAITING])


def test_a_whole_cycle_comes_back_equal() -> None:
    cycle = a_cycle(
        a_fleet(
            a_calm_role(replicas=(a_replica(values={Reading.RUNNING: 3.0}), a_replica(number=1, fault="stale"))),
            budget=25,
        ),
        findings=(a_finding(),),
        unsure=("kv-pressure:worker",),
        decisions=(a_decision(),),
    )
    codec = Codec(Cycle)
    assert codec.unpacked(codec.packed(cycle)) == cycle


def test_sessions_of_a_role_come_back_equal_and_one_in_a_cycle_takes_a_kilobyte() -> None:
    dear = a_session("run-7", over=NOON)
    sessions = RoleSessions(
        active=9, fanout_max=3, usual=Usual(sessions=20, weighted=1.5, calls=2.0), widest=dear, dearest=(dear,) * 5
    )
    fleet = a_fleet(replace(a_calm_role(), sessions=sessions))
    codec = Codec(Fleet)
    assert codec.value(codec.text(fleet)) == fleet
    assert len(Codec(RoleSessions).text(sessions)) < 6 * 1200


def test_a_recollection_comes_back_equal() -> None:
    past = a_recollection(
        a_record(),
        findings=(a_finding_record(),),
        changes=(a_change_record(),),
        beliefs={some_beliefs().role: some_beliefs(prefix_hit_baseline=0.7)},
    )
    codec = Codec(Recollection)
    back = codec.value(codec.text(past))
    assert back == past
    assert isinstance(back.beliefs, MappingProxyType)


def test_a_field_that_came_later_gets_its_default_and_one_that_went_is_ignored() -> None:
    codec = Codec(Finding)
    older = codec.text(a_finding()).replace('"dollars_per_hour":null', '"went_away":7')
    assert codec.value(older) == a_finding()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"detector": 1', "null", '{"severity":"purple"}'])
def test_what_is_not_a_value_is_refused_in_our_own_words(text: str) -> None:
    with pytest.raises(StoreError, match="Finding"):
        Codec(Finding).value(text)


def test_bytes_that_were_damaged_are_refused() -> None:
    codec = Codec(Finding)
    blob = bytearray(codec.packed(a_finding()))
    blob[20] ^= 0xFF
    with pytest.raises(StoreError):
        codec.unpacked(bytes(blob))


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_exact_to_the_microsecond(at: datetime) -> None:
    assert instant(micros(at)) == at


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=2)))
    assert instant(micros(there)) == NOON
