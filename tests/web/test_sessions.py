"""Sessions on the pages: which run, what they took against the usual, agent by agent; what to add if nobody tells."""

from dataclasses import replace

import pytest

from controlplane.model.finding import Finding, Severity
from controlplane.model.session import RoleSessions, SessionKey
from controlplane.web import links
from tests.builders import a_calm_role, a_cycle, a_fleet, a_spec
from tests.builders_of_sessions import a_session
from tests.web import showcase
from tests.web.fake_sessions import RUNAWAY, FakeSessionMemory, a_book, the_sessions
from tests.web.fakes import FakeLedger, a_desk
from tests.web.showcase_roles import MINUTE, NOW, PLANNER


def over(memory, **more):
    return replace(showcase.desk(), sessions=a_book(memory, **more))


def rows_of(page):
    return [part.split("</a>")[0].rsplit(">", 1)[-1] for part in page.split('class="name mono clip"')[1:]]


def test_active_ones_come_first_and_the_dearest_of_them_before_all(visit):
    listed = rows_of(visit(showcase.desk()).get("/sessions").text)
    assert listed[:3] == [RUNAWAY.key.id, "pr-1841-review", "nightly-digest"]
    assert listed[4].startswith("b1f0c9a2"), "of unknown price: last of the active ones"
    assert listed[5] == "pr-188-review"


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("state=over", [RUNAWAY.key.id]),
        ("state=active&tenant=research", [RUNAWAY.key.id, "nightly-digest"]),
        ("state=active&role=coder", ["pr-1841-review"]),
        ("state=active&tenant=research&order=recent", [RUNAWAY.key.id, "nightly-digest"]),
        ("state=nonsense&order=upwards&role=nobody&tenant=guest&range=1y", ["translate-42"]),
        ("tenant=" + "x" * 5000, []),
    ],
)
def test_filters_stand_in_the_address(visit, query, listed):
    assert rows_of(visit(showcase.desk()).get(f"/sessions?{query}").text) == listed


def test_a_filter_changes_one_thing_and_keeps_the_others(visit):
    page = visit(showcase.desk()).get("/sessions?tenant=research&state=active&order=calls").text
    assert 'href="/sessions?tenant=research&amp;state=over&amp;order=calls&amp;range=24h"' in page
    assert 'href="/sessions?tenant=research&amp;state=active&amp;order=fanout&amp;range=24h"' in page


def test_what_fits_no_filter_is_not_taken_for_a_silent_source(visit):
    page = visit(showcase.desk()).get("/sessions?tenant=nobody").text
    assert "No session fits." in page and "No call was ever told" not in page


def test_more_than_a_page_holds_is_said(visit):
    many = FakeSessionMemory(kept=[a_session(f"s{n}") for n in range(101)])
    page = visit(over(many)).get("/sessions").text
    assert len(rows_of(page)) == 100
    assert "Only the first 100 are listed" in page


def test_those_over_their_allowance_are_counted_even_where_a_page_has_no_room_for_them(visit):
    many = [a_session(f"s{n}") for n in range(101)]
    past = a_session("past", over=NOW - 20 * MINUTE, silent=20, ended=NOW - 5 * MINUTE)
    page = visit(over(FakeSessionMemory(kept=[*many, replace(past, last=NOW - 20 * MINUTE)]))).get("/sessions").text
    assert "past" not in rows_of(page)
    assert '<div class="kpi">1</div><div class="note">0 still run</div>' in page


def test_without_sessions_in_fleet_yaml_the_exact_lines_are_shown(visit):
    page = visit(replace(showcase.desk(), sessions=None)).get("/sessions").text
    assert "sessions:\n  source: litellm" in page
    assert "callback_type: generic_api" in page


@pytest.mark.parametrize(("source", "said"), [("litellm", "POST /ingest/litellm"), ("otlp", "POST /v1/traces")])
def test_a_source_that_never_spoke_is_told_what_to_check(visit, source, said):
    page = visit(over(FakeSessionMemory(told=None), source=source)).get("/sessions").text
    assert "No call was ever told" in page and said in page


def test_what_it_took_against_the_usual_comes_first(visit):
    page = visit(showcase.desk()).get(links.session(RUNAWAY.key)).text
    assert "It took 11.5 M tokens by weight in 4,812 calls, 23 times what sessions that begin at planner" in page
    assert "over what it may take since 13:19 (51 min ago): 10 times the usual, and $20.00." in page
    assert "POST /key/block" in page


def test_dollars_of_the_roles_add_up_to_the_total(visit):
    page = visit(showcase.desk()).get(links.session(RUNAWAY.key)).text
    assert all(f">{dollars}</td>" in page for dollars in ("$6.11", "$34.71", "$0.38", "$41.20"))


def test_a_session_within_its_allowance_asks_nobody_to_do_anything(visit):
    calm = the_sessions().kept[1]
    page = visit(showcase.desk()).get(links.session(calm.key)).text
    assert "It is within what it may take" in page
    assert "What to do" not in page


def test_a_fan_out_that_was_found_is_marked_on_both_pages(visit):
    storm = a_session("storm", lately=63, fanout=63, minutes=1)
    finding = Finding(
        detector="runaway-session", role=PLANNER.name, severity=Severity.CRITICAL, since=NOW - MINUTE, summary="storm"
    )
    role = replace(a_calm_role(a_spec("planner")), sessions=RoleSessions(active=1, fanout_max=63, widest=storm))
    ledger = FakeLedger(cycle=replace(a_cycle(a_fleet(role)), findings=(finding,)))
    desk = a_desk(ledger, sessions=a_book(FakeSessionMemory(kept=[storm])))
    assert "too many at once" in visit(desk).get("/sessions").text
    page = visit(desk).get(links.session(storm.key)).text
    assert "too many at once" in page and "What to do" in page


def test_the_role_s_page_leads_to_its_sessions(visit):
    finding = Finding(
        detector="runaway-session", role=PLANNER.name, severity=Severity.WARNING, since=NOW - MINUTE, summary="it runs"
    )
    desk = a_desk(FakeLedger(cycle=replace(a_cycle(a_fleet(a_calm_role(a_spec("planner")))), findings=(finding,))))
    assert 'href="/sessions?role=planner&amp;state=active"' in visit(desk).get("/roles/planner").text


@pytest.mark.parametrize("query", ["", "?tenant=research", "?tenant=a&id=b", "?tenant=a&id=" + "b" * 5000])
def test_a_session_nobody_knows_is_not_found(visit, query):
    answer = visit(showcase.desk()).get(f"/sessions/one{query}")
    assert answer.status_code == 404


def test_a_ledger_that_fails_is_said(visit):
    answer = visit(over(FakeSessionMemory(broken="disk I/O error"))).get("/sessions")
    assert "disk I/O error" in answer.text


def test_the_address_of_a_session_holds_any_name():
    assert links.session(SessionKey("a&b", "x/y?z#")) == "/sessions/one?tenant=a%26b&id=x%2Fy%3Fz%23"


def test_names_from_outside_never_become_markup(visit):
    evil = '"><img src=x onerror=alert(1)>'
    agents = tuple(replace(agent, agent=evil + agent.agent, parent=evil) for agent in RUNAWAY.agents)
    one = replace(RUNAWAY, key=SessionKey(evil, evil), agents=agents)
    client = visit(over(FakeSessionMemory(kept=[one])))
    for path in ("/sessions", links.session(one.key), links.sessions(tenant=evil)):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "<img" not in answer.text
        assert "&lt;img" in answer.text


def test_a_roles_page_says_what_a_session_that_begins_there_takes(visit):
    told = visit(showcase.desk()).get("/roles/planner").text
    assert "Tokens per session p50 / p99" in told
    untold = visit(replace(showcase.desk(), sessions=None)).get("/roles/planner").text
    assert "Tokens per session" not in untold
