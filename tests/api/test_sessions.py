"""Sessions by API and on the metrics page, from calls to numbers, over a real ledger."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controlplane.loop.sessions import SessionBook, SessionRules, served_by
from controlplane.model.keys import RoleName
from controlplane.promql.exported import SESSIONS
from tests.builders import MINUTE, NOON, PLANNER, a_spec
from tests.builders_of_sessions import WEIGHTS, a_call

ROLES = (a_spec(PLANNER), a_spec("worker"))


@pytest.fixture
def told(house):
    """Twenty-one sessions have finished, one runs wide at the planner, one outside our roles; all of one morning."""
    rules = SessionRules(
        served=served_by(ROLES, {}),
        weights=WEIGHTS,
        runaway_factor=10.0,
        budget_dollars=None,
        idle_after=timedelta(minutes=15),
        source="litellm",
    )
    book = SessionBook(house.ledger, house.ledger, rules, ROLES)
    book.take([a_call(session=f"done-{n}", at=-3600) for n in range(21)], NOON - 60 * MINUTE)
    book.close(NOON - 30 * MINUTE)
    wide = [a_call(session="wide", agent="lead")]
    wide += [a_call(session="wide", asked="worker", agent="reader", parent="lead", output=200) for _ in range(8)]
    book.take([*wide, a_call(session="guest", tenant="acme", asked="gpt-9", dollars=0.25)], NOON)
    house.sessions = book
    return house


def get(house, path="", **params):
    answer = house.client().get(f"/api/v1/sessions{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_dearest_come_first_and_unknown_prices_are_null(told):
    first, second, *_ = get(told)
    assert (first["id"], first["tenant"], first["dollars"], first["role"]) == ("guest", "acme", 0.25, None)
    assert (second["dollars"], second["role"]) == (None, "planner")


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({"active": True, "order": "fanout"}, ["wide", "guest"]),
        ({"active": True, "role": "planner"}, ["wide"]),
        ({"tenant": "acme"}, ["guest"]),
        ({"over": True}, ["wide"]),
        ({"since": "2026-06-01T12:00:00Z", "limit": 1, "order": "calls"}, None),
        ({"role": "nobody"}, []),
    ],
)
def test_filters(told, params, ids):
    found = [one["id"] for one in get(told, **params)]
    assert found == ids if ids is not None else len(found) == 1


def test_a_session_is_told_against_what_is_usual_where_it_began(told):
    wide = get(told, active=True, role="planner")[0]
    assert wide["fanout"] == 9
    assert wide["tokens"] == {"prompt": 900, "cached": 450, "output": 1620}
    assert wide["times_usual"] == pytest.approx(wide["weighted_tokens"] / 185)
    assert wide["over"] is not None


def test_one_session_comes_with_its_agents_and_its_parts(told):
    one = get(told, "/one", tenant="research", id="wide")
    assert one["usual"] == {"sessions": 21, "weighted_tokens": 185.0, "calls": 1.0}
    assert [(a["agent"], a["parent"], a["calls"]) for a in one["agents"]] == [("lead", "", 1), ("reader", "lead", 8)]
    assert [(use["role"], use["calls"]) for use in one["uses"]] == [("planner", 1), ("worker", 8)]
    for kind, count in one["tokens"].items():
        assert sum(use["tokens"][kind] for use in one["uses"]) == count


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/one", {"tenant": "research", "id": "nobody"}, 404),
        ("/one", {"tenant": "research"}, 422),
        ("/one", {"tenant": "research", "id": "x" * 201}, 422),
        ("", {"order": "upwards"}, 422),
        ("", {"limit": 100_000}, 422),
        ("", {"since": "2026-06-01T12:00:00"}, 409),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(told, path, params, status):
    answer = told.client().get(f"/api/v1/sessions{path}", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_where_nobody_tells_of_sessions_the_fix_is_said(house):
    answer = house.client().get("/api/v1/sessions")
    assert answer.status_code == 404
    assert "sessions: {source: litellm}" in answer.json()["detail"]


def families(house):
    """What a Prometheus would read of us, by family."""
    page = house.client().get("/metrics").text
    return {family.name: family for family in text_string_to_metric_families(page)}


def test_the_metrics_page_holds_what_the_contract_says(told):
    read = families(told)
    for metric in SESSIONS:
        family = read[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.words)
        assert {s.name for s in family.samples} <= set(metric.series)
        assert all(set(s.labels) - {"le"} == set(metric.labels) for s in family.samples)
        assert family.samples


def test_the_numbers_are_those_of_the_calls(told):
    read = families(told)

    def sample(name, **labels):
        family = read[name.removesuffix("_total").removesuffix("_bucket").removesuffix("_count")]
        found = [s.value for s in family.samples if s.name == name and labels.items() <= s.labels.items()]
        assert len(found) == 1, (name, labels, found)
        return found[0]

    assert sample("llm_fleet_session_tokens_total", tenant="research", role="worker", kind="output") == 1600
    assert sample("llm_fleet_session_tokens_total", tenant="acme", role="", kind="prompt") == 100
    assert sample("llm_fleet_sessions_active", tenant="research", role="planner") == 1
    assert sample("llm_fleet_session_fanout_max", tenant="research", role="planner") == 9
    assert sample("llm_fleet_session_fanout_count", tenant="research", role="planner") == 21
    assert sample("llm_fleet_session_fanout_bucket", tenant="research", role="planner", le="1.0") == 21
    assert sample("llm_fleet_session_budget_exceeded_total", tenant="research") == 1


def test_buckets_grow_up_to_infinity_and_agree_with_their_count(told):
    for name in ("llm_fleet_session_fanout", "llm_fleet_session_spend_dollars"):
        samples = families(told)[name].samples
        for labels in {tuple(sorted(s.labels.items())) for s in samples if s.name == f"{name}_count"}:
            mine = [s for s in samples if dict(labels).items() <= s.labels.items()]
            steps = [(float(s.labels["le"]), s.value) for s in mine if s.name.endswith("_bucket")]
            assert steps == sorted(steps)
            assert [value for _, value in steps] == sorted(value for _, value in steps)
            assert steps[-1] == (float("inf"), next(s.value for s in mine if s.name.endswith("_count")))


def test_without_a_book_there_is_no_session_on_the_page(house):
    assert not {name for name in families(house) if name.startswith("llm_fleet_session")}


def test_no_session_id_is_a_label(told):
    page = told.client().get("/metrics").text
    assert "done-1" not in page and "wide" not in page


def test_the_walk_sees_the_same_book(told):
    seen = told.sessions.look(NOON)
    planner = seen.roles[RoleName("planner")]
    assert (planner.active, planner.fanout_max, planner.usual.sessions) == (1, 9, 21)
