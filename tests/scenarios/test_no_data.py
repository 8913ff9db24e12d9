"""Invariant I1: no finding and no tightening from missing, stale, not-a-number or half-recovered data.

The truth of each fleet is constant; what reaches us of it is full of random holes. Whatever is concluded
must be true *and* seen. A mutant that reads a missing value as zero is caught by the same check.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from types import MappingProxyType

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from controlplane.decide.arbiter import DEFAULT_GUARDRAILS, decide
from controlplane.detect import DEFAULT_DETECTORS, detect
from controlplane.loop.policy import Policy
from controlplane.loop.walk import think
from controlplane.model.decision import Verdict
from controlplane.model.finding import Evidence
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Direction, Kind
from controlplane.model.role import Bounds, Mode, RoleView
from tests.builders import (
    IDLE,
    NOON,
    a_calm_role,
    a_finding,
    a_finding_record,
    a_fleet,
    a_patch,
    a_recollection,
    a_recommendation,
    a_spec,
    no_lap,
    some_beliefs,
)

SPEC = a_spec(mode=Mode.APPLY)
TICKS = 181
HALF_HOUR = 120
LEARNED = some_beliefs(prefix_hit_baseline=0.7, baseline_ticks=1000)
CALM_ROLE = a_calm_role(SPEC)
IDLE_ROLE = a_calm_role(SPEC, bounds=Bounds(min=2, max=8), **IDLE)
BUSY_ROLE = a_calm_role(
    SPEC, waiting=20.0, waiting_per_replica=10.0, kv_usage_max=0.99, preemptions=2.0, ttft_p95=9.0, itl_p95=0.2
)

Hole = tuple[int, int, float | None]


@dataclass(frozen=True)
class Loss:
    """What does not reach us: stretches of readings, and all that was before we started."""

    holes: Mapping[Reading, tuple[Hole, ...]]
    keep: int

    def of(self, truth: RoleView) -> RoleView:
        """What is seen of a role."""
        columns = dict(truth.columns)
        for reading, holes in self.holes.items():
            values = list(columns[reading])
            for start, length, hole in holes:
                values[start : start + length] = [hole] * len(values[start : start + length])
            columns[reading] = tuple(values)
        return replace(
            truth,
            ticks=truth.ticks[-self.keep :],
            columns=MappingProxyType({reading: values[-self.keep :] for reading, values in columns.items()}),
        )


STRETCH = st.tuples(
    st.integers(0, TICKS - 1),
    st.one_of(st.integers(1, 12), st.just(TICKS)),
    st.sampled_from([None, math.nan, math.inf]),
)
LOSSES = st.builds(
    Loss,
    holes=st.dictionaries(
        st.sampled_from(sorted(CALM_ROLE.columns)), st.lists(STRETCH, min_size=1, max_size=4).map(tuple), max_size=10
    ),
    keep=st.one_of(st.just(TICKS), st.integers(1, TICKS)),
)


def share_known(role: RoleView, reading: Reading, ticks: int) -> float:
    """Share of the last ticks at which a reading was known to be a finite number."""
    values = role.series(reading).values[-ticks:]
    return sum(v is not None and math.isfinite(v) for v in values) / ticks


def tightenings(role: RoleView) -> list[str]:
    """What would take capacity away, or ask to."""
    cycle = think(
        a_fleet(role),
        a_recollection(beliefs={role.name: LEARNED}),
        Policy(fleet="x", roles=(SPEC,)),
        NOON,
        no_lap,
    )
    tight = [d for d in cycle.decisions if d.recommendation.direction is Direction.TIGHTEN]
    return [d.recommendation.title for d in tight if d.verdict is not Verdict.HOLD]


def found(role: RoleView) -> set[str]:
    """Detectors that say something, but for the one that says that data is missing."""
    seen = detect(a_fleet(role), {role.name: LEARNED}, (), DEFAULT_DETECTORS)
    return {finding.detector for finding in seen.findings} - {"blind-spot"}


def wrong_about_calm(role: RoleView) -> bool:
    """Whether anything is concluded of a role that in truth is well."""
    return bool(found(role) or tightenings(role))


def missing_is_zero(role: RoleView) -> RoleView:
    """The mutant: what a scaler does that reads an empty answer as 0."""
    columns: Mapping[Reading, tuple[float | None, ...]] = {
        reading: tuple(0.0 if v is None or not math.isfinite(v) else v for v in values)
        for reading, values in role.columns.items()
    }
    return replace(role, columns=MappingProxyType(columns))


@given(LOSSES)
@settings(max_examples=300, deadline=None)
def test_nothing_is_concluded_of_a_calm_role_however_little_is_seen_of_it(loss: Loss):
    role = loss.of(CALM_ROLE)
    assert not wrong_about_calm(role)


def test_the_check_above_catches_who_reads_missing_as_zero():
    find(
        LOSSES,
        lambda loss: wrong_about_calm(missing_is_zero(loss.of(CALM_ROLE))),
        settings=settings(max_examples=2000, deadline=None, database=None, phases=[Phase.generate]),
        random=Random(1),
    )


@given(LOSSES)
@settings(max_examples=300, deadline=None)
def test_idleness_is_concluded_only_from_half_an_hour_of_complete_data(loss: Loss):
    role = loss.of(IDLE_ROLE)
    if not (found(role) or tightenings(role)):
        return
    assert found(role) == {"low-utilisation"}
    for reading in (Reading.RUNNING, Reading.WAITING, Reading.COVERAGE):
        assert role.now(reading) == IDLE_ROLE.now(reading)
        assert share_known(role, reading, HALF_HOUR) >= 0.89


def test_idleness_is_concluded_when_all_of_it_is_seen():
    """Without this the laws above would hold for a program that never says anything."""
    assert found(IDLE_ROLE) == {"low-utilisation"}
    assert tightenings(IDLE_ROLE) == ["Let planner shrink to 1 replica"]


@given(LOSSES)
@settings(max_examples=300, deadline=None)
def test_trouble_is_concluded_only_from_what_is_seen_for_two_minutes(loss: Loss):
    role = loss.of(BUSY_ROLE)
    needs: dict[str, Reading] = {
        "queue-buildup": Reading.WAITING_PER_REPLICA,
        "ttft-objective": Reading.TTFT_P95,
        "itl-objective": Reading.ITL_P95,
        "kv-pressure": Reading.KV_USAGE_MAX,
        "preemption-storm": Reading.PREEMPTIONS,
    }
    for detector in found(role):
        now = role.now(needs[detector])
        assert now is not None and math.isfinite(now)
        assert share_known(role, needs[detector], 8) >= 0.85
    assert tightenings(role) == []


@given(LOSSES)
@settings(max_examples=200, deadline=None)
def test_an_open_finding_never_closes_at_a_tick_that_is_not_seen(loss: Loss):
    role = loss.of(CALM_ROLE)
    now = role.now(Reading.WAITING_PER_REPLICA)
    seen = detect(a_fleet(role), {}, (a_finding_record(a_finding()),), DEFAULT_DETECTORS)
    still_open = {f.id for f in seen.findings} | set(seen.unsure)
    if now is None or not math.isfinite(now) or len(role.ticks) < 8:
        assert a_finding().id in still_open


def release(role: RoleView) -> Verdict:
    """The verdict on a release that somebody proposes, whatever the detectors say."""
    proposal = a_recommendation(
        kind=Kind.RELEASE_REPLICAS, direction=Direction.TIGHTEN, patch=a_patch(before=2, after=1), dollars=-5.0
    )
    seen = (
        Evidence(question="?", reading=Reading.GPU_ACTIVITY, value=0.0, unit=Reading.GPU_ACTIVITY.unit, since=NOON),
    )
    (decision,) = decide([replace(proposal, evidence=seen)], a_fleet(role), a_recollection(), DEFAULT_GUARDRAILS, NOON)
    return decision.verdict


@given(LOSSES)
@settings(max_examples=200, deadline=None)
def test_the_guardrails_alone_hold_a_release_that_is_not_fully_seen(loss: Loss):
    role = loss.of(IDLE_ROLE)
    if release(role) is Verdict.APPLY:
        for reading in (Reading.GPU_ACTIVITY, Reading.COVERAGE, Reading.REPLICAS_READY):
            assert role.now(reading) == IDLE_ROLE.now(reading)
            assert share_known(role, reading, HALF_HOUR) >= 0.89


def test_the_guardrails_let_a_release_through_that_is_fully_seen():
    assert release(IDLE_ROLE) is Verdict.APPLY


Spoil = Callable[[RoleView], RoleView]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda r: replace(r, at=NOON - timedelta(minutes=5)), id="stale"),
        pytest.param(lambda r: replace(r, bounds=None), id="bounds not seen"),
    ],
)
def test_a_release_is_held_when(spoil: Spoil):
    assert release(spoil(IDLE_ROLE)) is Verdict.HOLD
