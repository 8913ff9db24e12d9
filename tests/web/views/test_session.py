"""One session in words: a tree that hostile parents cannot break, and sums that add up to the last digit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.model.session import AgentUse, Use, Usual
from controlplane.web.views.session import adding_up, page, tree
from tests.builders import MINUTE, NOON, PLANNER
from tests.builders_of_sessions import a_session
from tests.web.fake_sessions import FakeSessionMemory, a_book

RULES = a_book(FakeSessionMemory()).rules
names = st.sampled_from("abcdefgh ")


def an_agent(name, parent="", weighted=1.0):
    return AgentUse(agent=name, parent=parent, calls=1, failed=0, weighted=weighted, begun=NOON, last=NOON)


def shape(*agents):
    return [(agent.agent, depth) for agent, depth in tree(agents)]


def test_agents_stand_below_the_one_that_started_them_the_busiest_first():
    family = an_agent("lead"), an_agent("a", "lead", 2), an_agent("b", "lead", 3), an_agent("a1", "a", 9), an_agent("")
    assert shape(*family) == [("lead", 0), ("b", 1), ("a", 1), ("a1", 2), ("", 0)]


@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        pytest.param([an_agent("a", "gone")], [("a", 0)], id="a parent that is not there"),
        pytest.param([an_agent("a", "a")], [("a", 0)], id="its own parent"),
        pytest.param([an_agent("a", "b"), an_agent("b", "a", 2)], [("b", 0), ("a", 1)], id="a circle"),
        pytest.param([], [], id="nobody"),
    ],
)
def test_odd_families(agents, expected):
    assert shape(*agents) == expected


@given(st.dictionaries(names, names))
def test_whatever_parents_are_told_every_agent_stands_there_once(parents):
    placed = tree([an_agent(name, parent) for name, parent in parents.items()])
    assert sorted(agent.agent for agent, _ in placed) == sorted(parents)


@given(st.lists(st.floats(0, 1e5), max_size=8), st.sampled_from([2, 4]))
def test_shown_parts_add_up_to_the_shown_sum(parts, digits):
    shown = adding_up(parts, digits)
    assert sum(shown) == pytest.approx(round(sum(parts), digits), abs=10.0**-digits / 2)
    assert all(abs(a - b) <= 10.0**-digits for a, b in zip(parts, shown, strict=True))


def words(session, usual=None, now=NOON):
    return " ".join(page(session, usual, RULES, now, wide=False).because)


def test_what_is_not_known_is_said():
    said = words(a_session(dollars=None))
    assert "usually take is not known until 20 have finished" in said
    assert "What it cost is not known yet" in said
    assert "10 times the usual, once that is known, and $20.00" in said


def test_a_part_without_a_price_makes_no_total():
    uses = (Use(role=PLANNER, dollars=3.0), Use(role=None, dollars=0.5, unpriced=9.0))
    view = page(a_session(uses=uses), None, RULES, NOON, wide=False)
    assert [(use.dollars.text, use.dollars.why) for use in view.uses] == [
        ("$3.00", ""),
        ("unknown", "no price yet; $0.50 of it had one"),
    ]
    assert not view.total.dollars.known


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (a_session(), "It is at work: up to 3 of its calls"),
        (a_session(silent=5), "silent for 5 min"),
        (a_session(silent=30, ended=NOON - 15 * MINUTE), "ended 30 min ago; taken to be finished 15 min ago"),
        (a_session(over=NOON - MINUTE), "It is over what it may take since 11:59 (1 min ago)"),
        (a_session(over=NOON - MINUTE, ended=NOON), "It took more than it may at 11:59 (1 min ago)"),
        (a_session(role=None), "sessions that begin outside our roles"),
        (a_session(calls=1), "in 1 call;"),
    ],
)
def test_it_says_how_it_is(session, said):
    assert said in words(session)


def test_a_session_far_below_the_usual():
    usual = Usual(sessions=20, weighted=1e6, calls=9.5)
    assert "less than 0.1 times" in words(replace(a_session(), weighted=10.0), usual)
