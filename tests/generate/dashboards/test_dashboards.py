"""Generated dashboards: our lint and Grafana's own types find nothing; what they show is what fleet.yaml says."""

import json
from pathlib import Path
from typing import Any

import pytest

from controlplane.generate.alerts.alert import Alert
from controlplane.generate.dashboards import boards, dashboard_files
from controlplane.generate.dashboards.names import metric_names as names_we_say
from controlplane.generate.dashboards.panel import Panel, Query, places
from controlplane.generate.request import request_of
from controlplane.settings.load import examine, load_with_lines
from tests.generate.alerts.judged import alerts_of, stage
from tests.generate.dashboards import grafana_types, lint
from tests.generate.promql_names import metric_names

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
UIDS = ["llm-fleet", "llm-cost", "llm-role", "llm-kv", "llm-gpu", "llm-agents", "llm-scaling", "llm-selfcheck"]


def made(fleet: str) -> dict[str, str]:
    path = EXAMPLES / f"{fleet}.yaml"
    return dict(dashboard_files(request_of(load_with_lines(path), path.read_text(encoding="utf-8"))))


ALL: dict[str, dict[str, dict[str, Any]]] = {
    path.stem: {name: json.loads(text) for name, text in made(path.stem).items()}
    for path in sorted(EXAMPLES.glob("*.yaml"))
}
REFERENCE = {Path(name).stem: board for name, board in ALL["reference-fleet"].items()}
EVERY = [pytest.param(board, id=f"{fleet} {name}") for fleet, held in ALL.items() for name, board in held.items()]


def panel(uid: str, title: str) -> dict[str, Any]:
    return next(p for p in REFERENCE[uid]["panels"] if p["title"] == title)


def test_there_are_eight_each_at_its_own_address():
    assert list(REFERENCE) == UIDS
    assert [board["uid"] for board in REFERENCE.values()] == UIDS
    assert len({board["title"] for board in REFERENCE.values()}) == len(UIDS)


@pytest.mark.parametrize("board", EVERY)
def test_our_lint_finds_nothing(board: dict[str, Any]) -> None:
    assert lint.faults(board) == []


@pytest.mark.parametrize("board", EVERY)
def test_every_key_and_value_is_known_to_grafana(board: dict[str, Any]) -> None:
    assert grafana_types.faults(board) == []


def test_the_same_file_gives_the_same_bytes():
    assert made("mixed-fleet") == made("mixed-fleet")


def test_dashboards_lead_to_each_other_and_keep_what_was_chosen():
    for board in REFERENCE.values():
        (link,) = board["links"]
        assert (link["tags"], link["includeVars"], link["keepTime"]) == (["llm-fleet"], True, True)
        assert board["tags"] == ["llm-fleet"]
        assert (board["refresh"], board["time"]["from"], board["editable"]) == ("30s", "now-6h", False)


def test_links_in_panels_lead_to_dashboards_that_there_are():
    text = json.dumps(list(REFERENCE.values()))
    addresses = {part.split("?")[0] for part in text.split("/d/")[1:]}
    assert addresses <= {*UIDS, "vllm-overview", "vllm-instances", "vllm-kv-cache"}
    assert {"llm-role", "vllm-instances"} <= addresses


def test_a_budget_that_is_more_than_spent_is_on_the_chart():
    assert "min" not in panel("llm-role", "Budget left, 30 d")["fieldConfig"]["defaults"]
    assert panel("llm-role", "Kept, 1 h")["fieldConfig"]["defaults"]["min"] == 0


def test_only_namespaces_of_the_chosen_cluster_are_offered():
    for board in REFERENCE.values():
        held = {variable["name"]: variable["query"] for variable in board["templating"]["list"]}
        assert held["cluster"] == "label_values(llm_fleet_build_info, cluster)"
        assert held["namespace"] == 'label_values(llm_role:replicas:count{cluster=~"$cluster"}, namespace)'


def test_nothing_is_asked_of_sessions_and_promises_that_fleet_yaml_does_not_have():
    bare = "fleet: bare\nroles: {chat: {model: {name: m}, targets: [http://127.0.0.1:8000]}}\n"
    asked = {
        name
        for board in boards(examine(bare.encode()).settings)
        for shown in board.panels
        for query in shown.queries
        for name in metric_names(query.expr)
    }
    assert "llm_role:ttft_seconds:quantile5m" in asked
    never = ("llm_fleet_session", "llm_tenant", "llm_slo", "llm_role:objective", "keda_")
    assert [name for name in sorted(asked) if name.startswith(never)] == []
    rows = {row.title: row for board in boards(examine(bare.encode()).settings) for row in board.rows}
    for title in ("Sessions", "Tenants", "Promises", "KEDA"):
        assert "fleet.yaml" in rows[title].panels[0].text


@pytest.mark.parametrize("alert", alerts_of(stage()), ids=lambda alert: alert.name)
def test_an_alert_leads_to_a_dashboard_that_shows_what_it_is_about(alert: Alert) -> None:
    shown = {name for _, expr in lint.expressions(REFERENCE[alert.dashboard]) for name in metric_names(expr)}
    assert metric_names(alert.expr) & shown


def test_what_a_role_may_spend_on_idling_is_beside_what_it_spends():
    text = (EXAMPLES / "reference-fleet.yaml").read_text(encoding="utf-8")
    allowed = text.replace("  planner:\n", "  planner:\n    idle_dollars_per_hour: 2.5\n", 1)
    for said, queries in ((text, 1), (allowed, 2)):
        found = {p.title: p for board in boards(examine(said.encode()).settings) for p in board.panels}
        assert len(found["Idle spend by role"].queries) == queries


def test_rates_are_over_as_many_scrapes_as_fleet_yaml_says():
    text = "fleet: slow\nsources: {scrape_interval: 1m}\nroles: {chat: {model: {name: m}, targets: [http://h:8000]}}\n"
    made = dashboard_files(request_of(examine(text.encode()), text)).values()
    told = {t["interval"] for body in made for _, t in lint.asking(json.loads(body)) if "$__rate_i" in t["expr"]}
    assert told == {"1m"}


def test_a_column_that_only_brings_the_role_is_not_shown():
    overrides = {
        o["matcher"]["options"]: o["properties"] for o in panel("llm-gpu", "Devices")["fieldConfig"]["overrides"]
    }
    assert {"id": "custom.hidden", "value": True} in overrides["Role's"]
    assert all(p["id"] != "custom.hidden" for p in overrides["Role"])


def test_every_dashboard_marks_changes_and_alerts():
    for board in REFERENCE.values():
        _, changes, alerts = board["annotations"]["list"]
        assert metric_names(changes["expr"]) == {"llm_fleet_actions_total"}
        assert metric_names(alerts["expr"]) == {"ALERTS"}


@pytest.mark.parametrize(
    ("uid", "title", "value"),
    [
        ("llm-role", "Waiting per replica", 5),
        ("llm-kv", "KV cache, fullest replica", 0.9),
        ("llm-kv", "Replicas under pressure", 0.5),
        ("llm-role", "Burn rate", 14.4),
        ("llm-fleet", "Spend by bucket", 25),
        ("llm-agents", "Fan-out", 50),
        ("llm-selfcheck", "Age of each source", 120),
    ],
)
def test_lines_are_the_limits_of_detectors_alerts_and_budget(uid: str, title: str, value: float) -> None:
    assert panel(uid, title)["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == value


def test_a_limit_of_fleet_yaml_moves_the_line_and_the_cell():
    text = (EXAMPLES / "reference-fleet.yaml").read_text(encoding="utf-8")
    settings = examine((text + "\ndetectors: {queue-buildup: {limit: 8}}\n").encode()).settings
    found = {p.title: p for board in boards(settings) for p in board.panels}
    assert found["Waiting per replica"].limit == 8
    column = next(query for query in found["Roles"].queries if query.legend == "Waiting per replica")
    assert column.steps[-1].value == 8


def test_a_detector_that_is_off_leaves_no_line():
    text = (EXAMPLES / "reference-fleet.yaml").read_text(encoding="utf-8")
    settings = examine(
        (text + "\ndetectors: {queue-buildup: {enabled: false}, kv-pressure: {enabled: false}}\n").encode()
    ).settings
    found = {p.title: p for board in boards(settings) for p in board.panels}
    assert found["Waiting per replica"].limit is None
    assert found["KV cache, fullest replica"].limit is None


def test_a_fleet_without_scaled_objects_asks_nothing_of_keda():
    asked = {
        name
        for _, expr in lint.expressions(ALL["laptop"]["dashboards/llm-scaling.json"])
        for name in metric_names(expr)
    }
    assert not any(name.startswith("keda_") for name in asked)
    assert any(
        name.startswith("keda_")
        for _, expr in lint.expressions(REFERENCE["llm-scaling"])
        for name in metric_names(expr)
    )


def test_a_stat_shows_this_instant_never_what_was_hours_ago():
    for board in REFERENCE.values():
        for shown, target in lint.asking(board):
            assert target["instant"] is (shown["type"] in {"stat", "table", "bargauge"}), shown["title"]


def test_the_names_in_descriptions_are_those_a_parser_finds():
    for board in REFERENCE.values():
        for where, expr in lint.expressions(board):
            assert set(names_we_say(expr)) == metric_names(expr) - {""}, where


def test_no_title_says_which_fleet_it_is_but_the_dashboards_own():
    assert all(board["title"].startswith("agents-prod · ") for board in REFERENCE.values())


def test_a_panel_that_does_not_fit_begins_a_new_line():
    one = Panel(title="t", words="d", unit="s", queries=(Query(expr="up"),), width=10)
    assert [(p.x, p.y) for p in places([one, one, one], top=5)] == [(0, 5), (10, 5), (0, 13)]
