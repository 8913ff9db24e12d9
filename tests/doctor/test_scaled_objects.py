"""The lint of ScaledObjects finds each planted fault exactly, says nothing about sound ones, and never falls over."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.doctor.row import Row
from controlplane.doctor.scaled_objects import CHECKS, Context, check
from controlplane.generate.manifests.scaled_objects import scaled_object_files
from controlplane.model.finding import Severity
from tests.doctor.corpus import CONTEXT, Planted, planted
from tests.generate.fleets import NIGHT, WORKER, a_request

BAD, GOOD = planted("bad"), planted("good")


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.path.stem)
def test_a_planted_fault_is_found_and_nothing_else(file: Planted):
    rows = check(file.documents, CONTEXT)
    assert sorted({row.check for row in rows}) == file.finds, [f"{row.check}: {row.said}" for row in rows]


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.path.stem)
def test_nothing_is_said_about_sound_ones(file: Planted):
    assert check(file.documents, CONTEXT) == ()


@pytest.mark.parametrize("scaling", ["signal: planner", "signal: reactive", "signal: planner, keda: 2.19.0"])
def test_nothing_is_said_about_those_we_generate(scaling: str):
    request = a_request(f"{{{scaling}}}", WORKER + NIGHT)
    documents = [yaml.safe_load(text) for text in scaled_object_files(request).values()]
    assert len(documents) == 2
    assert check(documents, Context(roles=request.settings.role_specs())) == ()


def test_there_are_enough_faults_and_each_check_has_one():
    assert len(BAD) >= 25
    assert len(GOOD) >= 5
    assert {found for file in BAD for found in file.finds} == {one.id for one in CHECKS}


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.path.stem)
def test_every_row_has_its_evidence_and_a_fix_that_can_be_read(file: Planted):
    for row in check(file.documents, CONTEXT):
        assert row.evidence, row
        assert row.fix or row.severity is Severity.INFO, row
        assert not row.said.endswith("."), row
        if row.fix.lstrip().startswith(("spec:", "#", "apiVersion")):
            assert yaml.safe_load(row.fix), row


def cured(document: dict[str, Any], row: Row) -> dict[str, Any]:
    """The object with the fix of a row merged in, as ``kubectl apply`` would."""
    return merged(document, yaml.safe_load(row.fix))


def merged(held: Any, change: Any) -> Any:
    if not isinstance(held, dict) or not isinstance(change, dict):
        return change
    both = {**held, **{key: merged(held.get(key), value) for key, value in change.items() if key != "triggers"}}
    if "triggers" in change:
        both["triggers"] = [merged(t, change["triggers"][0]) for t in held["triggers"]]
    return {key: value for key, value in both.items() if value is not None}


CURABLE = [
    "null-is-zero",
    "no-fallback",
    "average-pins",
    "kv-percent",
    "old-kv-name",
    "every-model",
    "short-rate",
    "max-unset",
    "polling-only",
    "one-pod-per-three-minutes",
    "hasty",
    "no-behavior",
    "threshold-as-number",
    "min-above-max",
    "authentication-ignored",
    "wish-within-tolerance",
    "fallback-static-below-current",
]


@pytest.mark.parametrize("file", [file for file in BAD if file.path.stem in CURABLE], ids=lambda file: file.path.stem)
def test_the_fix_cures_the_object(file: Planted):
    first, *rest = file.documents
    for row in check(file.documents, CONTEXT):
        if row.subject.startswith("ScaledObject"):
            again = check([cured(first, row), *rest], CONTEXT)
            assert row.check not in {r.check for r in again}, row.fix


def test_a_role_that_may_not_rest_is_known_by_its_file_of_the_fleet():
    request = a_request()
    (text,) = scaled_object_files(request).values()
    document = yaml.safe_load(text)
    del document["spec"]["maxReplicaCount"]
    (row,) = check([document], Context(roles=request.settings.role_specs()))
    assert row.check == "keda-max-unset"
    assert yaml.safe_load(row.fix) == {"spec": {"maxReplicaCount": 40}}


def test_a_cluster_too_old_for_the_tolerance_is_said_to_be():
    (text,) = scaled_object_files(a_request()).values()
    (row,) = check([yaml.safe_load(text)], Context(keeps_tolerance=False))
    assert row.check == "keda-tolerance-dead-zone"
    assert "too old" in row.said


def test_what_nobody_can_date_is_told_and_not_judged():
    file = next(f for f in BAD if f.path.stem == "paused-since-spring")
    (row,) = check(file.documents, Context())
    assert row.severity is Severity.INFO


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=12,
)
WORDS = sorted(
    {
        "(",
        ")",
        "{",
        "}",
        "sum",
        "avg",
        "by",
        "or",
        "vector",
        "0",
        "=",
        '"x"',
        ",",
        "[5m]",
        "vllm:num_requests_waiting",
        "/",
    }
)


@settings(max_examples=100, deadline=None)
@given(st.lists(anything, max_size=3))
def test_objects_of_any_kind_never_make_it_fall_over(documents: list[Any]):
    check(documents, CONTEXT)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_real_object_with_anything_in_any_place_never_makes_it_fall_over(data: st.DataObject):
    documents = data.draw(st.sampled_from([*BAD, *GOOD])).documents
    for _ in range(data.draw(st.integers(1, 3))):
        spoil(data, documents)
    for row in check(documents, CONTEXT):
        assert isinstance(row.said, str)


def spoil(data: st.DataObject, held: Any) -> None:
    """Put something else in a place somewhere inside."""
    while True:
        places = list(held) if isinstance(held, dict) else list(range(len(held)))
        if not places:
            return
        place = data.draw(st.sampled_from(places))
        inside = held[place]
        if not isinstance(inside, dict | list) or data.draw(st.integers(0, 3)) == 0:
            held[place] = data.draw(anything)
            return
        held = inside


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_may_stand_for_a_query(query: str):
    document = next(f for f in GOOD if f.path.stem == "queue").documents[0]
    document["spec"]["triggers"][0]["metadata"]["query"] = query
    check([document], CONTEXT)
