"""Whose call it is stands in its name; a call that two engines share is told once, as its caller saw it."""

from datetime import timedelta

import pytest

from controlplane.simulate.answer import Answer, answer_to
from controlplane.simulate.mixed import BUSY, mixed_cluster
from controlplane.simulate.replica import Request
from controlplane.simulate.story import Steady
from tests.simulate.watching import a_fleet


@pytest.mark.parametrize(
    ("name", "session", "agent", "parent", "team"),
    [
        ("s12", "s12", "orchestrator", "", "team-a"),
        ("s13.0.3", "s13", "worker-0.3", "orchestrator", "team-b"),
        ("s13.2.10.5f2a77c1", "s13", "worker-2.10", "orchestrator", "team-b"),
        ("a7", "a7", "worker", "", "team-c"),
        ("a7.5f2a77c1", "a7", "worker", "", "team-c"),
    ],
)
def test_a_name_says_whose_call_it_is(name: str, session: str, agent: str, parent: str, team: str):
    answer = answer_to(Request(session=name, kind="x", prompt=1, output=1), "worker", 1)
    assert (answer.session, answer.agent, answer.parent, answer.team) == (session, agent, parent, team)


def answers_of_the_mixed_fleet(minutes: int) -> list[Answer]:
    fleet = a_fleet(mixed_cluster(), Steady(always=BUSY))
    told: list[Answer] = []
    fleet.router.callbacks.append(told.append)
    fleet.advance(fleet.now + timedelta(minutes=minutes))
    return told


def test_the_caller_sees_one_model_behind_a_pool_for_prompts_and_a_pool_for_answers():
    told = answers_of_the_mixed_fleet(4)
    assert {a.asked for a in told} == {"planner", "worker", "embedder", "reranker"}
    assert [a.number for a in told] == list(range(1, len(told) + 1))
    assert all(a.begun < a.first_token <= a.ended for a in told)
    planners = [a for a in told if a.asked == "planner"]
    first_of_all = min(planners, key=lambda a: a.begun)
    assert first_of_all.cached == 0, "what came over the network is no hit"
    assert any(a.cached >= 2992 for a in planners), "the system prompt of a session before"
    assert all(a.cached < a.prompt for a in told)


def test_the_same_seed_tells_the_same_calls():
    assert answers_of_the_mixed_fleet(3) == answers_of_the_mixed_fleet(3)
