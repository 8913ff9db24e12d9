"""Each page answers in each state, says what is unknown, and shows only the block that a refresh asks for."""

from datetime import timedelta

import pytest

from controlplane.loop.desk import Health
from controlplane.model.cycle import Stop
from controlplane.model.reading import Reading
from controlplane.model.recommendation import State
from controlplane.web import links
from tests.builders import (
    NOON,
    a_calm_role,
    a_change_record,
    a_cycle,
    a_fleet,
    a_record,
    a_role,
    a_source,
    a_spec,
)
from tests.web import showcase
from tests.web.fake_sessions import RUNAWAY
from tests.web.fakes import FakeLedger, a_desk

PAGES = ["/", "/roles/planner", "/recommendations", "/sessions", "/activity", "/health", "/stop", "/gallery"]


def refresh(client, path, block="live"):
    return client.get(path, headers={"HX-Request": "true", "HX-Target": block})


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_on_a_busy_fleet(visit, path):
    answer = visit(showcase.desk()).get(path)
    assert answer.status_code == 200
    assert "agents-prod" in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_before_the_first_tick(visit, path):
    assert visit(a_desk(FakeLedger(), roles=(a_spec(),))).get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_when_nothing_at_all_is_known_of_a_role(visit, path):
    blind = a_role(ready=None, replicas=(), coverage=None)
    assert visit(a_desk(FakeLedger(cycle=a_cycle(a_fleet(blind, sources=()))))).get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/roles/planner", "/recommendations", "/sessions", links.session(RUNAWAY.key), "/activity", "/health"]
)
def test_a_refresh_gets_one_block_and_what_stands_around_it(visit, path):
    answer = refresh(visit(showcase.desk()), path)
    assert "<!doctype" not in answer.text
    assert 'id="live"' in answer.text
    assert answer.text.count('hx-swap-oob="true"') >= 3, "nav, status and bars come along"
    assert "HX-Request" in answer.headers["vary"]


def test_a_block_that_does_not_exist_gets_the_whole_page(visit):
    assert "<!doctype" in refresh(visit(showcase.desk()), "/", "nonsense").text


def test_the_fleet_page_says_what_is_unknown_and_why_instead_of_zero(visit):
    role = a_calm_role(kv_usage=None, missing={Reading.KV_USAGE: "the engine does not say"})
    page = visit(a_desk(FakeLedger(cycle=a_cycle(a_fleet(role))))).get("/").text
    assert 'title="the engine does not say">unknown<' in page


def test_the_filter_and_the_sort_are_in_the_address(visit):
    client = visit(showcase.desk())
    page = client.get("/?q=work&sort=-kv").text
    assert ">worker</a>" in page
    assert ">planner</a>" not in page
    assert 'aria-sort="descending"' in page
    assert "sort=kv&amp;" in page or "sort=kv" in page, "the heading turns the order round"
    assert "No role is called like" in client.get("/?q=zebra").text


def test_first_start_names_what_is_missing_and_the_line_to_add(visit):
    blind = a_role(ready=None, replicas=())
    page = visit(a_desk(FakeLedger(cycle=a_cycle(a_fleet(blind, sources=()))))).get("/").text
    assert "Nothing has been read yet" in page
    assert "targets: [http://HOST:8000/metrics]" in page


def test_healthy_and_empty_says_so_with_the_last_change(visit):
    calm = FakeLedger(cycle=a_cycle(), change_records=[a_change_record()])
    page = visit(a_desk(calm, now=NOON + timedelta(hours=2))).get("/").text
    assert "Nothing waits for you. The last change was 2 h ago." in page


def test_stale_data_says_so_on_top_of_every_page(visit):
    ledger = FakeLedger(cycle=a_cycle())
    health = Health(last_success={}, errors={"tick": "the ledger is locked"})
    client = visit(a_desk(ledger, now=NOON + timedelta(minutes=3), health=health))
    for path in PAGES:
        page = client.get(path).text
        assert "These numbers are 3 min old." in page
        assert "the ledger is locked" in page
        assert '<main id="main" class="stale">' in page


def test_two_ticks_old_is_not_stale_yet(visit):
    page = visit(a_desk(FakeLedger(cycle=a_cycle()), now=NOON + timedelta(seconds=30))).get("/").text
    assert "These numbers are" not in page


def test_sources_that_are_down_are_named_with_since_when(visit):
    fleet = a_fleet(sources=(a_source("planner-0"), a_source("planner-1", ok=False)))
    page = visit(a_desk(FakeLedger(cycle=a_cycle(fleet)))).get("/").text
    assert "1 of 2 targets does not answer" in page
    assert "planner-1" in page


def test_the_kill_switch_is_a_bar_on_every_page_with_who_and_why(visit):
    ledger = FakeLedger(cycle=a_cycle(), stop_now=Stop(by="ada", at=NOON, reason="bad rollout"))
    client = visit(a_desk(ledger))
    for path in PAGES:
        page = client.get(path).text
        assert "All changes are stopped." in page
        assert "By ada at 12:00:00: bad rollout" in page


def test_the_note_of_a_demo_is_on_top(visit):
    assert "in a minute the cache fills" in visit(showcase.desk(note="in a minute the cache fills")).get("/").text


@pytest.mark.parametrize("span", ["1h", "8h", "24h", "7d"])
def test_the_role_page_draws_nine_charts_for_each_range(visit, span):
    page = visit(showcase.desk()).get(f"/roles/planner?range={span}").text
    assert page.count("data-chart=") == 9
    assert f'range={span}" aria-current="true"' in page


def test_an_unknown_range_falls_back_to_an_hour(visit):
    assert 'range=1h" aria-current="true"' in visit(showcase.desk()).get("/roles/planner?range=1y").text


def test_the_series_behind_the_charts_are_there_as_json_and_csv(visit):
    client = visit(showcase.desk())
    charts = client.get("/roles/planner/series.json?range=1h").json()
    assert len(charts) == 9
    waiting = charts["waiting"]
    assert len(waiting["at"]) == len(waiting["lines"][0]["values"])
    assert None in waiting["lines"][0]["values"], "a gap stays a gap"
    assert waiting["across"] == [[5.0, "5 limit", "bad"]]
    assert waiting["shades"], "the finding shades the chart"
    lines = client.get("/roles/planner/series.csv?range=1h").text.splitlines()
    assert lines[0].startswith("at,waiting_per_replica (count),")
    assert ",," in "\n".join(lines), "unknown is an empty cell"


def test_folded_out_parts_are_in_the_address(visit):
    page = visit(showcase.desk()).get("/roles/planner?open=table-kv,readings").text
    assert '<details class="fold" id="table-kv" open>' in page
    assert '<details class="fold" id="table-ttft">' in page


def test_every_number_of_the_role_page_can_be_asked(visit):
    page = visit(showcase.desk()).get("/roles/planner").text
    assert page.count("histogram_quantile(0.95, sum by (le)") >= 2, "behind the chart and in the table of readings"
    assert page.count("<summary>queries</summary>") == 9
    assert page.count("<summary>as table</summary>") == 9


@pytest.mark.parametrize(
    ("state", "title"), [("open", "Raise planner"), ("dismissed", "reranker"), ("all", "Raise planner"), ("x", "Raise")]
)
def test_the_list_filters_by_state(visit, state, title):
    assert title in visit(showcase.desk()).get(f"/recommendations?state={state}").text


def test_activity_filters_by_role_and_kind(visit):
    client = visit(showcase.desk())
    assert "coder: queue build-up closed" in client.get("/activity").text
    only = client.get("/activity?role=worker&kind=outcomes").text
    assert "taken back after 3 min" in only
    assert "coder: queue build-up" not in only
    assert "Nothing happened." in client.get("/activity?role=embedder&kind=changes").text


def test_a_cut_off_timeline_says_so(visit):
    many = [a_record(state=State.APPLIED, number=n) for n in range(200)]
    page = visit(a_desk(FakeLedger(cycle=a_cycle(), records=many))).get("/activity").text
    assert "Only the newest 200 of each sort are shown" in page


def test_health_puts_trouble_first_with_what_to_do(visit):
    page = visit(showcase.desk(showcase.ledger(down=1))).get("/health").text
    assert page.index("connection refused") < page.index(">fine<")
    assert "is the port right?" in page
    assert "hooks.slack.com: 429, again in 30 s" in page
    assert "queue time p50, queue time p95" in page, "readings that share a reason stand together"


def test_static_files_are_kept_for_ever_under_an_address_of_their_content(visit):
    client = visit(showcase.desk())
    page = client.get("/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/000000000000/tokens.css").status_code == 404
