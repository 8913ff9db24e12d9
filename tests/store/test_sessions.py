"""Sessions in the ledger: nothing lost, nothing twice, and nobody fills the disk or the metrics page."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from controlplane.errors import StoreError
from controlplane.model.keys import RoleName
from controlplane.model.session import ActiveSessions, Call, Order, Session, SessionKey, SessionQuery, Taken, Toll
from controlplane.observe.sessions import REST, Folded, Terms, finish, fold
from controlplane.promql.exported import SESSION_BUDGET_EXCEEDED, SESSION_FANOUT, SESSION_TOKENS
from controlplane.store import session_counters, sessions, tables
from controlplane.store.ledger import Ledger, open_ledger
from controlplane.store.retention import Retention
from tests.builders import NOON, PLANNER
from tests.builders_of_sessions import WORKER, a_call, some_terms

TERMS = some_terms()
LATER = NOON + timedelta(hours=1)


def take(ledger: Ledger, *calls: Call, terms: Terms = TERMS, at: datetime = NOON) -> Taken:
    return ledger.take_calls(calls, at, lambda before, new: fold(before, new, terms))


def end(ledger: Ledger, before: datetime = LATER, at: datetime = LATER, terms: Terms = TERMS) -> int:
    return ledger.end_sessions(before, lambda idle: finish(idle, terms, at))


def value(ledger: Ledger, name: str, *labels: str) -> float | None:
    """Of the one series of a name whose labels begin with these."""
    found = [
        one.value
        for one in ledger.session_numbers().counted
        if one.name == name and one.labels[: len(labels)] == labels
    ]
    return sum(found) if found else None


def ids(found: Sequence[Session]) -> list[str]:
    return [session.key.id for session in found]


def test_a_call_told_twice_counts_once(ledger: Ledger) -> None:
    one, two = a_call("one"), a_call("two", at=1)
    assert take(ledger, one, one) == Taken(new=1, known=1)
    assert take(ledger, one, two) == Taken(new=1, known=1)
    assert take(ledger, one, two) == Taken(new=0, known=2)
    assert [session.calls for session in ledger.sessions()] == [2]
    assert value(ledger, SESSION_TOKENS.name, "research") == 2 * 170


def test_the_same_call_id_of_another_session_is_another_call(ledger: Ledger) -> None:
    assert take(ledger, a_call("one", tenant="sales"), a_call("one", session="s2"), a_call("one")).new == 3


def test_what_was_told_is_there_after_closing_and_opening_spans_and_all(ledger: Ledger, url: str) -> None:
    take(ledger, *(a_call(f"c{n}", at=n, took=5) for n in range(4)))
    ledger.close()
    with closing(open_ledger(url)) as reopened:
        take(reopened, a_call("c4", at=4, took=9))
        (session,) = reopened.sessions()
        assert (session.calls, session.fanout, session.spans) == (5, 5, ())
        assert reopened.session(session.key) == session
        assert reopened.session(SessionKey("research", "nobody's")) is None
        assert reopened.last_told() == NOON


def test_a_delivery_that_cannot_be_kept_leaves_nothing(ledger: Ledger) -> None:
    def fails(before: object, new: object) -> Folded:
        raise StoreError("no")

    assert ledger.last_told() is None
    with pytest.raises(StoreError, match="no"):
        ledger.take_calls([a_call("one")], NOON, fails)
    assert ledger.last_told() is None and ledger.session_numbers().counted == ()
    assert take(ledger, a_call("one")).new == 1


def test_a_delivery_without_calls_says_that_the_source_is_alive(ledger: Ledger) -> None:
    assert take(ledger, at=LATER) == Taken(new=0, known=0)
    assert ledger.last_told() == LATER


@pytest.mark.real
def test_two_processes_that_take_calls_of_the_same_sessions_lose_none(postgres_url: str) -> None:
    with closing(open_ledger(postgres_url)) as one, closing(open_ledger(postgres_url)) as two:
        calls = [
            [a_call(f"c{n}-{i}", session=f"s{i % 7}", tenant="both", agent=f"a{n % 3}", at=i) for i in range(20)]
            for n in range(20)
        ]
        before = value(one, SESSION_TOKENS.name, "both") or 0
        with ThreadPoolExecutor(8) as pool:  # every delivery is told by both, in opposite orders
            told = [pool.submit(take, one, *some) for some in calls]
            told += [pool.submit(take, two, *some[::-1]) for some in calls[::-1]]
            assert sum(future.result().new for future in told) == 400
        found = one.sessions(SessionQuery(tenant="both"))
        assert (len(found), sum(session.calls for session in found)) == (7, 400)
        assert sum(agent.calls for session in found for agent in session.agents) == 400
        assert value(two, SESSION_TOKENS.name, "both") == before + 400 * 170


def test_counters_are_those_of_all_deliveries_and_there_with_zero_at_first(ledger: Ledger) -> None:
    take(ledger, a_call())
    assert value(ledger, SESSION_BUDGET_EXCEEDED.name, "research") == 0
    assert value(ledger, SESSION_FANOUT.series[1], "research", PLANNER) == 0
    take(ledger, a_call(at=1), terms=some_terms(budget_dollars=1e-6))
    end(ledger)
    assert value(ledger, SESSION_BUDGET_EXCEEDED.name, "research") == 1
    assert value(ledger, SESSION_FANOUT.series[2], "research", PLANNER) == 2
    steps = [one.labels[-1] for one in ledger.session_numbers().counted if one.name == SESSION_FANOUT.series[0]]
    assert steps[0] == "1.0" and steps[-2:] == ["500.0", "+Inf"]


def test_tenants_beyond_the_five_hundredth_share_one_name(ledger: Ledger) -> None:
    most = session_counters.MOST_TENANTS
    take(ledger, *(a_call(tenant=f"t{n:03}") for n in range(most)))
    take(ledger, a_call(tenant="x", took=1), a_call(tenant="y", at=1), a_call(tenant="y"), a_call(tenant="t007"))
    tenants = {one.labels[0] for one in ledger.session_numbers().counted}
    assert len(tenants) == most + 1 and REST in tenants
    assert value(ledger, SESSION_TOKENS.name, REST) == 3 * 170
    assert value(ledger, SESSION_TOKENS.name, "t007") == 2 * 170
    gauges = ledger.active_sessions()
    assert len(gauges) == most + 1
    assert ActiveSessions(tenant=REST, role=PLANNER, sessions=2, fanout_max=2) in gauges
    assert len(ledger.sessions(SessionQuery(tenant="y"))) == 1


def test_a_tenant_that_named_itself_like_the_rest_is_of_the_rest(ledger: Ledger) -> None:
    take(ledger, a_call(tenant=REST))
    assert {one.labels[0] for one in ledger.session_numbers().counted} == {REST}
    assert [one.tenant for one in ledger.active_sessions()] == [REST]


def test_idle_sessions_end_once_and_go_on_when_called_again(ledger: Ledger) -> None:
    take(ledger, a_call(session="old"), a_call(session="new", at=1200))
    assert end(ledger, before=NOON + timedelta(minutes=1)) == 1
    assert end(ledger, before=NOON + timedelta(minutes=1)) == 0
    assert (ids(ledger.sessions(SessionQuery(active=True))), ids(ledger.sessions(SessionQuery(active=False)))) == (
        ["new"],
        ["old"],
    )
    take(ledger, a_call(session="old", at=2000))
    assert set(ids(ledger.sessions(SessionQuery(active=True)))) == {"new", "old"}
    assert end(ledger) == 2
    assert value(ledger, SESSION_FANOUT.series[1], "research") == 2


def test_more_sessions_than_can_be_ended_in_one_transaction_all_end(ledger: Ledger) -> None:
    take(ledger, *(a_call(session=f"s{n}") for n in range(2 * sessions.BITE + 3)))
    assert end(ledger) == 2 * sessions.BITE + 3


def test_sessions_beyond_what_can_be_followed_end_the_idlest_first(ledger: Ledger) -> None:
    take(ledger, *(a_call(session=f"s{n}", at=n) for n in range(6)))
    ended = sessions.end(ledger._database, NOON - LATER.resolution, lambda idle: finish(idle, TERMS, NOON), 4)
    assert ended == 2
    assert set(ids(ledger.sessions(SessionQuery(active=False)))) == {"s0", "s1"}


def test_gauges_are_zero_once_all_sessions_have_ended(ledger: Ledger) -> None:
    take(ledger, a_call(), a_call(session="s2", asked="gpt-9", took=1), a_call(session="s2", asked="gpt-9", at=0.5))
    nobody = ActiveSessions(tenant="research", role=None, sessions=1, fanout_max=2)
    assert ledger.active_sessions() == (
        nobody,
        ActiveSessions(tenant="research", role=PLANNER, sessions=1, fanout_max=1),
    )
    end(ledger)
    assert [(one.sessions, one.fanout_max) for one in ledger.active_sessions()] == [(0, 0), (0, 0)]


def test_a_delivery_is_in_all_numbers_of_a_page_or_in_none(ledger: Ledger) -> None:
    take(ledger, a_call())
    before = ledger.session_numbers()
    with ledger._database.read() as connection:
        assert session_counters.active(connection) == before.active
        take(ledger, a_call(session="s2"))
        assert session_counters.numbers(connection) == before, "as it was at the first question"
    after = ledger.session_numbers()
    assert after.active[0].sessions == 2
    assert after.counted != before.counted


def test_sessions_are_found_by_role_tenant_state_and_time(ledger: Ledger) -> None:
    take(ledger, a_call(session="p"), a_call(session="w", asked=WORKER, at=60), a_call(session="q", tenant="sales"))
    take(ledger, a_call(session="dear", at=1), terms=some_terms(budget_dollars=1e-6))
    assert set(ids(ledger.sessions(SessionQuery(role=WORKER)))) == {"w"}
    assert set(ids(ledger.sessions(SessionQuery(tenant="sales")))) == {"q"}
    assert set(ids(ledger.sessions(SessionQuery(over=True)))) == {"dear"}
    assert set(ids(ledger.sessions(SessionQuery(over=False)))) == {"p", "w", "q"}
    assert set(ids(ledger.sessions(SessionQuery(since=NOON + timedelta(seconds=1))))) == {"dear", "w"}
    assert len(ledger.sessions(SessionQuery(limit=2))) == 2


def test_sessions_come_the_most_first(ledger: Ledger) -> None:
    take(
        ledger,
        a_call(session="dear", asked="gpt-9", dollars=9.0, took=1),
        a_call(session="unknown", asked="gpt-9", output=999, at=3, took=1),
        *(a_call(session="wide", prompt=0, output=0, cached=0, at=1) for _ in range(3)),
    )
    orders = {order: ids(ledger.sessions(SessionQuery(order=order))) for order in Order}
    assert orders[Order.SPEND] == ["dear", "wide", "unknown"]
    assert orders[Order.TOKENS] == ["unknown", "dear", "wide"]
    assert orders[Order.CALLS] == ["wide", "dear", "unknown"]
    assert orders[Order.FANOUT] == ["wide", "unknown", "dear"]
    assert orders[Order.RECENT] == ["unknown", "wide", "dear"]


def test_a_role_is_seen_with_its_widest_and_its_dearest(ledger: Ledger) -> None:
    assert ledger.busy_roles() == {}
    take(ledger, *(a_call(session=f"s{n}", output=n, agent=f"a{i}", at=i) for n in range(9) for i in range(n, 9)))
    take(ledger, *(a_call(session="many", output=0, prompt=0, cached=0, agent=f"a{i}") for i in range(40)))
    end(ledger, before=NOON)
    seen = ledger.busy_roles()[PLANNER]
    assert (seen.active, seen.fanout_max) == (10, 40)
    assert seen.widest is not None and seen.widest.key.id == "many"
    assert (len(seen.widest.agents), seen.widest.agents[-1].agent, seen.widest.spans) == (9, REST, ())
    weights = [session.weighted for session in ledger.sessions(SessionQuery(order=Order.TOKENS, limit=5))]
    assert [session.weighted for session in seen.dearest] == weights


def test_a_session_over_its_allowance_is_seen_however_many_took_more(ledger: Ledger) -> None:
    take(ledger, *(a_call(session=f"s{n}", output=1000 + n) for n in range(6)))
    take(ledger, a_call(session="over", output=1), terms=some_terms(budget_dollars=1e-6))
    seen = ledger.busy_roles()[PLANNER].dearest
    assert ids(seen) == ["over", "s5", "s4", "s3", "s2"]


def test_what_is_usual_is_of_the_last_finished_that_were_not_over(ledger: Ledger) -> None:
    take(ledger, a_call(session="a"), a_call(session="w", asked=WORKER))
    end(ledger)
    take(ledger, a_call(session="b", output=0, at=9))
    end(ledger, at=LATER + timedelta(hours=1))
    take(ledger, a_call(session="running", at=9))
    take(ledger, a_call(session="over"), terms=some_terms(budget_dollars=1e-6))
    end(ledger, before=NOON + timedelta(seconds=5))
    assert ledger.tolls(PLANNER, 10) == (Toll(105.0, 1), Toll(185.0, 1))
    assert ledger.tolls(PLANNER, 1) == (Toll(105.0, 1),)
    assert ledger.tolls(None, 10) == ()


def test_what_sessions_took_since_is_of_all_that_finished_over_or_not(ledger: Ledger) -> None:
    take(ledger, a_call(session="a"), a_call(session="w", asked=WORKER))
    end(ledger)
    take(ledger, a_call(session="b", output=0, at=9))
    take(ledger, a_call(session="over"), terms=some_terms(budget_dollars=1e-6))
    end(ledger, at=LATER + timedelta(hours=1))
    take(ledger, a_call(session="running", at=9))
    assert sorted(ledger.spent(PLANNER, LATER, 10)) == [105.0, 185.0, 185.0]
    assert sorted(ledger.spent(PLANNER, LATER + timedelta(minutes=1), 10)) == [105.0, 185.0]
    assert len(ledger.spent(PLANNER, LATER, 1)) == 1
    assert ledger.spent(PLANNER, LATER + timedelta(hours=2), 10) == ()


def test_sessions_ids_of_calls_and_counters_go_when_their_time_is_over(ledger: Ledger) -> None:
    take(ledger, a_call("one"), a_call(tenant="sales", session="active"))
    end(ledger, before=NOON)
    ledger.prune(NOON + timedelta(days=13))
    assert len(ledger.sessions()) == 2
    take(ledger, a_call("later", at=86400 * 2, tenant="sales", session="active"))
    ledger.end_sessions(NOON + timedelta(days=1), lambda idle: finish(idle, TERMS, LATER))
    for days in (15, 40):  # one that nobody has ended yet is never too old
        ledger.prune(NOON + timedelta(days=days))
        assert ids(ledger.sessions()) == ["active"]
    assert {one.labels[0] for one in ledger.session_numbers().counted} == {"sales"}
    with ledger._database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.session_calls)) == 0


def test_a_flood_of_made_up_sessions_is_cut_to_the_newest(url: str) -> None:
    keep = Retention(most_sessions=10, most_calls=12)
    with closing(open_ledger(url, retention=keep)) as ledger:
        for n in range(30):
            take(ledger, a_call(session=f"s{n:02}", at=n), at=NOON + timedelta(seconds=n))
        end(ledger)
        ledger.prune(LATER)
        assert sorted(ids(ledger.sessions())) == [f"s{n}" for n in range(20, 30)]
        with ledger._database.read() as connection:
            assert connection.scalar(select(func.count()).select_from(tables.session_calls)) == 12


def test_ticks_are_kept_as_long_however_long_nobody_told_of_calls(ledger: Ledger) -> None:
    """The mark of the newest delivery is not one of the rollups that pruning waits for."""
    take(ledger, a_call())
    with ledger._database.read() as connection:
        marks = set(connection.scalars(select(tables.marks.c.name)))
    assert marks == {sessions.TOLD} and not sessions.TOLD.startswith("rollup ")


def test_a_session_comes_back_as_it_was_stored(ledger: Ledger) -> None:
    take(ledger, *(a_call(asked=asked, at=n, agent="ä…<b>") for n, asked in enumerate((PLANNER, "gpt-9", WORKER))))
    end(ledger)
    (stored,) = ledger.sessions()
    folded = fold({}, [a_call(asked=a, at=n, agent="ä…<b>") for n, a in enumerate((PLANNER, "gpt-9", WORKER))], TERMS)
    expected = finish(folded.sessions, TERMS, LATER).sessions[0]
    assert stored == replace(expected, role=RoleName(PLANNER))
