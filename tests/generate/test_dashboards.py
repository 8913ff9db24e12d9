"""Generated dashboards: what a dashboard linter asks, and that every panel asks for something that exists."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.generate.dashboards.panel import Panel, Query, places
from controlplane.generate.output import files
from controlplane.promql.exported import EXPORTED
from controlplane.settings.load import load_with_lines
from tests.generate.promql_names import metric_names

FLEET = Path(__file__).parents[2] / "docs" / "examples" / "reference-fleet.yaml"
MADE = files(load_with_lines(FLEET), FLEET.read_text(encoding="utf-8"))
BOARD: dict[str, Any] = json.loads(MADE["dashboards/llm-fleet.json"])
PANELS = [p for p in BOARD["panels"] if p["type"] != "row"]
UNITS = {"short", "s", "percentunit", "currencyUSD", "reqps", "ops"}
LEGACY = {"rows", "style", "hideControls", "sharedCrosshair", "gnetId", "__inputs", "maxDataPoints", "intervalFactor"}


def queries() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_every_metric_a_panel_asks_for_is_recorded_or_ours() -> None:
    recorded = {
        rule["record"]
        for name, text in MADE.items()
        if name.startswith("rules/")
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    }
    known = recorded | {metric.name for metric in EXPORTED}
    for expr in queries():
        assert metric_names(expr) <= known, expr


def test_the_dashboard_is_of_a_schema_grafana_reads_and_has_a_fixed_address() -> None:
    assert BOARD["schemaVersion"] == 39
    assert BOARD["uid"] == "llm-fleet"
    assert BOARD["editable"] is False


def test_nothing_of_old_grafana_is_left() -> None:
    def keys(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {k for v in value.values() for k in keys(v)}
        return {k for v in value for k in keys(v)} if isinstance(value, list) else set()

    assert keys(BOARD) & LEGACY == set()
    assert {p["type"] for p in PANELS} <= {"stat", "timeseries", "table"}


def test_panels_have_an_id_of_their_own_and_do_not_overlap() -> None:
    ids = [p["id"] for p in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    for a, b in combinations([p["gridPos"] for p in BOARD["panels"]], 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, (a, b)
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in BOARD["panels"])


@pytest.mark.parametrize("panel", PANELS, ids=lambda p: p["title"])
def test_a_panel_explains_itself_and_has_a_unit_and_a_source(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 20
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["type"] == "table" or defaults["unit"] in UNITS
    assert defaults["noValue"]
    for target in panel["targets"]:
        assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert target["instant"] is not target["range"]


def test_variables_are_a_data_source_and_the_roles_with_an_all_that_grafana_knows() -> None:
    source, role = BOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert (role["name"], role["multi"], role["allValue"]) == ("role", True, ".+")
    assert role["current"]["value"] == ["$__all"]


def test_raw_counters_use_the_interval_of_the_dashboard() -> None:
    raw = [expr for expr in queries() if "rate(" in expr or "increase(" in expr]
    assert raw
    assert all("$__rate_interval" in expr for expr in raw)


def test_limits_are_the_detectors_own() -> None:
    steps = {p["title"]: p["fieldConfig"]["defaults"]["thresholds"]["steps"] for p in PANELS}
    assert steps["Waiting per replica"][-1]["value"] == 5
    assert steps["KV cache, fullest replica"][-1]["value"] == 0.9


def test_the_dashboard_fits_into_a_config_map() -> None:
    assert len(MADE["dashboards/llm-fleet.json"]) < 200_000


def test_a_panel_that_does_not_fit_begins_a_new_line() -> None:
    panel = Panel(title="t", description="d", unit="s", queries=(Query(expr="up"),), width=10)
    assert [(p.x, p.y) for p in places([panel, panel, panel], top=5)] == [(0, 5), (10, 5), (0, 13)]
