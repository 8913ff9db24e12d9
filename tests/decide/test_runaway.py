"""We never scale up to feed a runaway, unless a person says that the others in the queue are worth it."""

from dataclasses import replace

import pytest

from controlplane.decide.guardrails.runaway import Runaway
from controlplane.model.recommendation import Kind
from controlplane.model.session import RoleSessions, Use
from tests.builders import (
    NOON,
    a_calm_role,
    a_finding,
    a_finding_record,
    a_fleet,
    a_recollection,
    a_recommendation,
    a_spec,
)
from tests.builders_of_sessions import WORKER, a_session
from tests.decide.cases import a_case, a_flag, least

CALLS_WORKERS = a_session(over=NOON, uses=(Use(role=WORKER, calls=400),))
BEGAN = replace(
    a_calm_role(), sessions=RoleSessions(active=1, fanout_max=3, widest=CALLS_WORKERS, dearest=(CALLS_WORKERS,))
)
FOUND = replace(a_finding(), detector="runaway-session", summary="session “s1” of research took 23 times the usual")
WORKERS = a_calm_role(a_spec("worker"))
CODERS = a_calm_role(a_spec("coder"))


def a_case_while(finding, role=BEGAN, recommendation=None, **record):
    past = a_recollection(findings=(replace(a_finding_record(finding), **record),))
    return a_case(recommendation or least(2, 3), role, past=past, fleet=a_fleet(BEGAN, WORKERS, CODERS))


@pytest.mark.parametrize("role", [pytest.param(BEGAN, id="where it began"), pytest.param(WORKERS, id="where it calls")])
def test_more_replicas_wait_for_a_person_while_a_runaway_takes_what_it_gets(role):
    check = Runaway().check(a_case_while(FOUND, role))
    assert (check.passed, check.answerable, check.number) == (False, True, "planner")
    assert check.said == "it would feed a runaway: session “s1” of research took 23 times the usual"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(a_case_while(FOUND, CODERS), id="a role it does not call"),
        pytest.param(a_case_while(FOUND, closed=NOON), id="it is over"),
        pytest.param(a_case_while(a_finding()), id="an ordinary queue"),
        pytest.param(a_case_while(FOUND, recommendation=least(3, 2)), id="fewer replicas"),
        pytest.param(a_case_while(FOUND, recommendation=a_flag()), id="an engine flag"),
        pytest.param(a_case_while(FOUND, recommendation=a_recommendation(kind=Kind.UNDO)), id="taking back our own"),
    ],
)
def test_nothing_else_is_held(case):
    assert Runaway().check(case).passed
