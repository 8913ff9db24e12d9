"""Calls become sessions, however they are told."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind
from controlplane.model.role import Phase
from controlplane.model.session import Call, Counted, Served, Session, SessionKey, Usual
from controlplane.observe.fanout import most_at_once
from controlplane.observe.session_counts import DOLLAR_STEPS, FANOUT_STEPS
from controlplane.observe.sessions import MOST_AGENTS, REST, Terms, fewer, finish, fold
from controlplane.promql.exported import SESSION_BUDGET_EXCEEDED, SESSION_FANOUT, SESSION_SPEND, SESSION_TOKENS
from tests.builders import NOON, PLANNER, a_spec
from tests.builders_of_sessions import PRICE, WEIGHTS, WORKER, a_call, some_terms

TERMS = some_terms()
USUAL = {PLANNER: Usual(sessions=20, weighted=100.0, calls=1)}


def told(*deliveries: Iterable[Call], terms: Terms = TERMS) -> tuple[dict[SessionKey, Session], Counter[Counted]]:
    """Sessions after some deliveries, and the sums of what was counted."""
    sessions: dict[SessionKey, Session] = {}
    counted: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for calls in deliveries:
        folded = fold(sessions, calls, terms)
        sessions |= {session.key: session for session in folded.sessions}
        for one in folded.counted:
            assert one.value >= 0
            counted[one.name, one.labels] += one.value  # type: ignore[assignment]
    return sessions, counted  # type: ignore[return-value]


def only(*deliveries: Iterable[Call], terms: Terms = TERMS) -> Session:
    """The one session there is."""
    (session,) = told(*deliveries, terms=terms)[0].values()
    return session


CALLS = st.lists(
    st.builds(
        lambda number, tenant, session, asked, at, took, agent, prompt, cached, output, failed: a_call(
            f"c{number}",
            tenant=tenant,
            session=session,
            asked=asked,
            at=at,
            took=took,
            agent=agent,
            prompt=prompt,
            cached=cached,
            output=output,
            failed=failed,
        ),
        st.integers(),
        st.sampled_from(["research", "sales"]),
        st.sampled_from(["s1", "s2"]),
        st.sampled_from([PLANNER, WORKER, "gpt-9"]),
        st.integers(0, 110),
        st.integers(0, 60),
        st.sampled_from(["", "planner", "scout"]),
        st.integers(0, 1000),
        st.integers(0, 1000),
        st.integers(0, 1000),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


@given(CALLS, st.randoms(use_true_random=False), st.integers(1, 25))
def test_order_and_deliveries_change_neither_tokens_nor_calls_nor_agents(calls, random, cut: int) -> None:
    shuffled = random.sample(calls, len(calls))
    at_once, counted = told(calls)
    bit_by_bit, counted_too = told(shuffled[:cut], shuffled[cut:])
    assert at_once.keys() == bit_by_bit.keys()
    for key, one in at_once.items():
        other = bit_by_bit[key]
        assert (one.calls, one.failed, one.tokens) == (other.calls, other.failed, other.tokens)
        assert (one.begun, one.last, one.fanout, one.lately) == (other.begun, other.last, other.fanout, other.lately)
        assert one.weighted == pytest.approx(other.weighted)
        assert [(a.agent, a.calls, a.failed, a.begun, a.last) for a in one.agents] == [
            (a.agent, a.calls, a.failed, a.begun, a.last) for a in other.agents
        ]
        assert {u.role: (u.calls, u.failed, u.tokens) for u in one.uses} == {
            u.role: (u.calls, u.failed, u.tokens) for u in other.uses
        }
    tokens = {key: sum_ for key, sum_ in counted.items() if key[0] == SESSION_TOKENS.name}
    assert tokens == {key: sum_ for key, sum_ in counted_too.items() if key[0] == SESSION_TOKENS.name}


@given(CALLS)
def test_a_session_is_the_sum_of_its_calls(calls: Sequence[Call]) -> None:
    for key, session in told(calls)[0].items():
        mine = [call for call in calls if call.key == key]
        assert session.calls == len(mine) == sum(use.calls for use in session.uses)
        assert session.calls == sum(agent.calls for agent in session.agents)
        assert session.failed == sum(call.failed for call in mine)
        assert session.tokens == {
            TokenKind.PROMPT: sum(call.prompt for call in mine),
            TokenKind.CACHED: sum(call.cached for call in mine),
            TokenKind.OUTPUT: sum(call.output for call in mine),
        }
        assert session.weighted == pytest.approx(sum(WEIGHTS[k] * n for k, n in session.tokens.items()))
        assert session.weighted == pytest.approx(fsum(agent.weighted for agent in session.agents))
        assert session.fanout == max(1, most_at_once((call.begun, call.ended) for call in mine))


def test_a_session_belongs_to_the_role_of_its_first_call_for_good() -> None:
    first, later = a_call(asked=WORKER, at=5), a_call(asked=PLANNER, at=0)
    assert only([first], [later]).role == WORKER
    assert only([first, later]).role == PLANNER
    assert only([a_call(asked="gpt-9")], [later]).role is None


def test_tokens_count_for_the_role_that_served_them() -> None:
    pools = (replace(a_spec("prompts"), phase=Phase.PREFILL), replace(a_spec("answers"), phase=Phase.DECODE))
    prompts, answers = (pool.name for pool in pools)
    terms = some_terms(*pools, served={"llama": Served(prompt=prompts, output=answers)})
    sessions, counted = told([a_call(asked="llama", failed=True)], terms=terms)
    (session,) = sessions.values()
    by_role = {use.role: use for use in session.uses}
    assert session.role == answers
    assert (by_role[prompts].calls, by_role[answers].calls, by_role[answers].failed) == (0, 1, 1)
    assert by_role[prompts].tokens == {TokenKind.PROMPT: 100, TokenKind.CACHED: 50, TokenKind.OUTPUT: 0}
    assert by_role[answers].tokens[TokenKind.OUTPUT] == 20
    spec = pools[0]
    assert counted[SESSION_TOKENS.name, ("research", prompts, spec.namespace, spec.model.name, "cached")] == 50  # type: ignore[index]


def test_what_nobody_serves_costs_what_the_source_says() -> None:
    sessions, counted = told([a_call(asked="gpt-9", dollars=0.5), a_call(asked=PLANNER, at=1)])
    (session,) = sessions.values()
    assert session.dollars == pytest.approx(0.5 + 185 * PRICE)
    assert [use.role for use in session.uses] == [PLANNER, None]
    assert counted[SESSION_TOKENS.name, ("research", "", "", "", "output")] == 20  # type: ignore[index]
    assert only([a_call(asked="gpt-9")]).dollars is None


def test_tokens_of_unknown_price_are_priced_with_the_next_call_or_at_the_end() -> None:
    first, second = a_call(), a_call(at=1)
    unpriced = only([first], terms=some_terms(prices={}))
    assert unpriced.dollars is None and unpriced.uses[0].unpriced == 185
    grown = fold({unpriced.key: unpriced}, [second], TERMS).sessions[0]
    assert grown.dollars == pytest.approx(2 * 185 * PRICE)
    ended = finish([unpriced], TERMS, NOON).sessions[0]
    assert ended.dollars == pytest.approx(185 * PRICE)


def test_a_new_price_leaves_what_was_told_before_as_it_was() -> None:
    first = only([a_call()])
    dearer = some_terms(prices={PLANNER: 10 * PRICE})
    assert fold({first.key: first}, [a_call(at=1)], dearer).sessions[0].dollars == pytest.approx(11 * 185 * PRICE)


def test_agents_beyond_the_sixty_fourth_are_added_up() -> None:
    calls = [a_call(agent=f"agent-{n:03}", parent="root", at=n / 10) for n in range(MOST_AGENTS + 6)]
    session = only(calls, [a_call(agent="agent-000", at=8), a_call(agent="late", at=9)])
    assert len(session.agents) == MOST_AGENTS + 1
    by_name = {agent.agent: agent for agent in session.agents}
    assert (by_name["agent-000"].calls, by_name[REST].calls, by_name[REST].parent) == (2, 7, "")
    assert by_name["agent-001"].parent == "root"


def test_fewer_agents_keep_the_sums() -> None:
    agents = only([a_call(agent=name, output=size, at=1) for name, size in (("a", 5), ("b", 500), ("c", 50))]).agents
    few = fewer(agents, 2)
    assert [agent.agent for agent in few] == ["b", "c", REST]
    assert fsum(agent.weighted for agent in few) == pytest.approx(fsum(agent.weighted for agent in agents))
    assert fewer(agents, 3) == fewer(agents, 9)


def test_over_its_allowance_since_the_call_that_went_over_it_and_counted_once() -> None:
    terms = some_terms(usual=USUAL)
    calls = [a_call(at=n) for n in range(8)]  # 185 each: the sixth goes over 1000
    sessions, counted = told(calls[:4], calls[4:], [a_call(at=20)], terms=terms)
    assert [session.over for session in sessions.values()] == [calls[5].ended]
    assert counted[SESSION_BUDGET_EXCEEDED.name, ("research",)] == 1  # type: ignore[index]
    ended = finish(sessions.values(), terms, NOON)
    assert ended.sessions[0].over == calls[5].ended
    assert SESSION_BUDGET_EXCEEDED.name not in {one.name for one in ended.counted}


@pytest.mark.parametrize(
    ("terms", "over"),
    [
        pytest.param(some_terms(), False, id="nothing is usual yet, no budget"),
        pytest.param(some_terms(usual=USUAL), False, id="less than ten times what is usual"),
        pytest.param(some_terms(usual={WORKER: Usual(sessions=20, weighted=1, calls=1)}), False, id="another role's"),
        pytest.param(some_terms(usual={PLANNER: Usual(sessions=20, weighted=0, calls=1)}), False, id="usually nothing"),
        pytest.param(some_terms(usual=USUAL, runaway_factor=1.5), True, id="over a smaller factor"),
        pytest.param(some_terms(budget_dollars=1.0), False, id="within its budget"),
        pytest.param(some_terms(budget_dollars=100 * PRICE), True, id="over its budget"),
        pytest.param(some_terms(budget_dollars=100 * PRICE, prices={}), False, id="its price is unknown"),
    ],
)
def test_allowed_or_not(terms: Terms, over: bool) -> None:
    assert (only([a_call()], terms=terms).over is not None) is over


def test_what_is_over_only_once_its_price_is_known_is_over_at_its_end() -> None:
    unpriced = only([a_call()], terms=some_terms(prices={}))
    ended = finish([unpriced], some_terms(budget_dollars=100 * PRICE), NOON + timedelta(hours=1))
    assert ended.sessions[0].over == unpriced.last
    assert Counted(SESSION_BUDGET_EXCEEDED.name, ("research",), 1) in ended.counted


def test_counters_are_there_with_zero_as_soon_as_a_session_began() -> None:
    counted = fold({}, [a_call()], TERMS).counted
    zeros = {one.name for one in counted if one.value == 0}
    assert zeros >= {SESSION_BUDGET_EXCEEDED.name, *SESSION_FANOUT.series, *SESSION_SPEND.series}
    assert len(counted) == 1 + (len(FANOUT_STEPS) + 3) + (len(DOLLAR_STEPS) + 3) + 3


def test_a_finished_session_is_in_each_histogram_once_even_when_it_goes_on() -> None:
    session = only([a_call(at=n) for n in range(3)])
    ended = finish([session], TERMS, NOON + timedelta(minutes=20))
    fanout = {one.labels[-1]: one.value for one in ended.counted if one.name == SESSION_FANOUT.series[0]}
    assert (fanout["2.0"], fanout["3.0"], fanout["+Inf"]) == (0, 1, 1)
    assert Counted(SESSION_FANOUT.series[2], ("research", PLANNER), 3) in ended.counted
    spend = [one.value for one in ended.counted if one.name == SESSION_SPEND.series[2]]
    assert spend == [pytest.approx(3 * 185 * PRICE)]
    again = fold({session.key: ended.sessions[0]}, [a_call(at=3000)], TERMS)
    assert again.sessions[0].ended is None
    assert {one.name for one in again.counted} == {SESSION_TOKENS.name}
    assert finish(again.sessions, TERMS, NOON + timedelta(hours=2)).counted == ()


def test_what_a_session_of_unknown_price_cost_is_in_no_histogram() -> None:
    ended = finish([only([a_call(asked="gpt-9")])], TERMS, NOON)
    assert {one.name for one in ended.counted} == set(SESSION_FANOUT.series)
    assert all(one.labels[1] == "" for one in ended.counted)


def test_a_role_named_by_nobody_is_no_role() -> None:
    assert only([a_call(asked="")]).role is None
    assert RoleName("") not in {use.role for use in only([a_call(asked="")]).uses}
