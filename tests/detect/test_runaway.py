"""Runaway sessions: found by what they took or how wide they are, named, and over only when that is known."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.detect import DEFAULT_DETECTORS, detect
from controlplane.detect.runaway import NAME, RunawaySession, feeding
from controlplane.detect.watch import Ending
from controlplane.model.finding import FindingRecord, Severity
from controlplane.model.keys import RoleName
from controlplane.model.session import RoleSessions, SessionKey, Use, Usual
from controlplane.recommend import DEFAULT_RECOMMENDERS, recommend
from tests.builders import MINUTE, NOON, PLANNER, a_calm_role, a_fleet, some_beliefs
from tests.builders_of_sessions import WORKER, a_session

USUAL = Usual(sessions=143, weighted=20_000.0, calls=38.0)
CALM = a_session()
DEAR = a_session("run-7", calls=4812, weighted=460_000.0, dollars=41.2, over=NOON - 9 * MINUTE)
WIDE = a_session("storm", lately=63, fanout=63, silent=1.0)
DETECTOR = RunawaySession()


def a_role_with(*dearest, widest=None, usual=USUAL, **more):
    sessions = RoleSessions(
        active=len(dearest),
        fanout_max=widest.lately if widest else 0,
        usual=usual,
        widest=widest or (dearest[0] if dearest else None),
        dearest=dearest,
    )
    return replace(a_calm_role(**more), sessions=sessions)


def found(role):
    return DETECTOR.detect(role, some_beliefs())


def test_a_session_over_its_allowance_is_found_with_the_moment_it_went_over():
    finding = found(a_role_with(DEAR, CALM))
    assert finding is not None
    assert (finding.severity, finding.since) == (Severity.WARNING, NOON - 9 * MINUTE)
    assert finding.summary == (
        "session “run-7” of research took 23.0 times the usual tokens, $41.20 in 4,812 calls "
        "(stop it or cap it in the router: more replicas only feed it)"
    )


def test_a_fan_out_no_plan_has_is_critical_and_comes_with_a_query():
    finding = found(a_role_with(CALM, widest=WIDE))
    assert finding is not None
    assert (finding.severity, finding.since) == (Severity.CRITICAL, NOON - MINUTE)
    assert "session “storm” of research has 63 calls in flight at once" in finding.summary
    first = finding.evidence[0]
    assert (first.value, first.limit, first.comparison) == (63, 50.0, ">")
    assert first.query == 'max(llm_fleet_session_fanout_max{role="planner"})'


def test_the_evidence_says_what_it_used_against_the_usual_and_on_how_many_that_rests():
    finding = found(a_role_with(DEAR))
    assert finding is not None
    assert [str(evidence) for evidence in finding.evidence] == [
        "How much did it take, in weighted tokens? 460 k tokens",
        "What do sessions take that begin here (median of 143)? 20,000 tokens",
        "What did it cost? $41.20",
        "How many calls did it make? 4,812",
        "How many of them failed? 1",
        "How much of it did “researcher” take, its busiest agent? 75 %",
        "How many of its calls are in flight at once? 3 (limit > 50)",
    ]


def test_what_nobody_knows_is_said_to_be_unknown():
    finding = found(a_role_with(replace(DEAR, uses=(Use(role=PLANNER, unpriced=5.0),), agents=()), usual=None))
    assert finding is not None
    assert "spent more than it was allowed, in 4,812 calls" in finding.summary
    assert "What do sessions take that begin here (not known until 20 have finished)? unknown" in map(
        str, finding.evidence
    )
    assert "What did it cost? unknown" in map(str, finding.evidence)


def test_others_are_counted_and_the_widest_is_named_first():
    finding = found(a_role_with(DEAR, a_session("run-8", over=NOON - MINUTE), CALM, widest=WIDE))
    assert finding is not None
    assert "“storm” of research has 63 calls in flight at once; 2 more run away" in finding.summary
    assert finding.severity is Severity.CRITICAL
    assert finding.since == NOON - 9 * MINUTE


def test_one_that_is_wide_and_dear_is_said_to_be_both():
    both = replace(DEAR, lately=63)
    finding = found(a_role_with(both, widest=both))
    assert finding is not None
    assert "has 63 calls in flight at once and took 23.0 times" in finding.summary


@pytest.mark.parametrize(
    "role",
    [
        pytest.param(a_role_with(CALM, a_session("s2")), id="nothing unusual"),
        pytest.param(a_role_with(), id="nothing active"),
        pytest.param(a_role_with(CALM, widest=replace(WIDE, lately=50)), id="at the limit, not over it"),
        pytest.param(a_role_with(CALM, widest=replace(WIDE, last=NOON - 6 * MINUTE)), id="wide once, silent since"),
        pytest.param(a_calm_role(), id="nobody tells of sessions"),
    ],
)
def test_says_nothing(role):
    assert found(role) is None


def test_another_wide_session_is_found_behind_one_that_fell_silent():
    finding = found(a_role_with(replace(WIDE, lately=55), widest=a_session("dead", lately=90, silent=9.0)))
    assert finding is not None and "“storm”" in finding.summary


@pytest.mark.parametrize(
    ("role", "ending"),
    [
        pytest.param(a_role_with(DEAR), Ending.HOLDS, id="still active"),
        pytest.param(a_role_with(replace(DEAR, last=NOON - 12 * MINUTE)), Ending.HOLDS, id="dear ones until finished"),
        pytest.param(a_role_with(CALM, widest=replace(WIDE, lately=45)), Ending.HOLDS, id="around the limit"),
        pytest.param(a_role_with(CALM, widest=replace(WIDE, lately=40)), Ending.OVER, id="narrow again"),
        pytest.param(a_role_with(CALM, widest=replace(WIDE, last=NOON - 6 * MINUTE)), Ending.OVER, id="silent"),
        pytest.param(a_role_with(CALM), Ending.OVER, id="it finished"),
        pytest.param(a_calm_role(), Ending.UNKNOWN, id="nobody tells"),
    ],
)
def test_it_is_over_when_known_to_be(role, ending):
    assert DETECTOR.ending(role, some_beliefs()) is ending


def test_a_fan_out_around_the_limit_stays_one_finding():
    """45 would not be found anew, and does not end what is open."""
    opened = found(a_role_with(CALM, widest=WIDE))
    records = [FindingRecord(finding=opened, number=1, opened=NOON, seen=NOON)]
    seen = detect(a_fleet(a_role_with(CALM, widest=replace(WIDE, lately=45))), {}, records, [DETECTOR])
    assert [(f.since, f.severity) for f in seen.findings] == [(NOON - MINUTE, Severity.CRITICAL)]
    assert "has 45 calls in flight" in seen.findings[0].summary


def test_a_dear_session_of_ordinary_width_is_not_called_wide():
    finding = DETECTOR.describe(a_role_with(replace(DEAR, lately=45)), some_beliefs(), NOON)
    assert finding.severity is Severity.WARNING


def test_names_from_outside_are_bounded_and_printable():
    hostile = replace(DEAR, key=SessionKey("acme\u202e<b>", "x" * 200))
    finding = found(a_role_with(hostile))
    assert finding is not None
    assert f"“{'x' * (NAME - 1)}…” of acme�<b>" in finding.summary


def test_limits_that_would_flap_are_refused():
    with pytest.raises(ValueError, match="10 % away"):
        RunawaySession(leave=0.95)


def test_no_recommender_answers_a_runaway():
    """Scaling up for it would feed it."""
    role = a_role_with(DEAR, widest=WIDE)
    fleet = a_fleet(role)
    beliefs = {PLANNER: some_beliefs()}
    seen = detect(fleet, beliefs, (), DEFAULT_DETECTORS)
    assert [finding.detector for finding in seen.findings] == ["runaway-session"]
    assert list(recommend(fleet, beliefs, seen.findings, DEFAULT_RECOMMENDERS)) == []


def test_it_feeds_on_every_role_it_calls():
    calls = replace(DEAR, uses=(Use(role=PLANNER, calls=2), Use(role=WORKER, calls=9), Use(role=None, calls=1)))
    role = a_role_with(calls, CALM)
    finding = found(role)
    assert finding is not None
    assert set(feeding({PLANNER: role}, [finding])) == {PLANNER, WORKER}
    assert set(feeding({PLANNER: a_calm_role()}, [finding])) == {PLANNER}
    assert feeding({PLANNER: role}, [replace(finding, detector="queue-buildup")]) == {}


def test_a_calm_widest_session_is_not_blamed_for_a_dear_one():
    elsewhere = a_session("wide", uses=(Use(role=RoleName("coder"), calls=9),))
    role = a_role_with(DEAR, widest=elsewhere)
    finding = found(role)
    assert finding is not None
    assert set(feeding({PLANNER: role}, [finding])) == {PLANNER}


def test_settle_is_how_long_a_wide_one_must_be_silent():
    patient = RunawaySession(settle=timedelta(minutes=10))
    role = a_role_with(CALM, widest=replace(WIDE, last=NOON - 6 * MINUTE))
    assert patient.detect(role, some_beliefs()) is not None
