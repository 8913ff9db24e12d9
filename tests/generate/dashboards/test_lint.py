"""The lint can fail: each rule, and Grafana's types, find the fault that is planted for them."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from controlplane.generate.dashboards import boards
from controlplane.generate.dashboards.grafana import dashboard
from controlplane.settings.load import load_with_lines
from tests.generate.dashboards import grafana_types, lint
from tests.generate.promtool import EXAMPLES

Board = dict[str, Any]
GOOD: Board = dashboard(boards(load_with_lines(EXAMPLES / "reference-fleet.yaml").settings)[1], "made by a test", "15s")
"""The one with the most kinds of panels."""


def chart(board: Board) -> Board:
    return next(panel for panel in board["panels"] if panel["type"] == "timeseries")


def table(board: Board) -> Board:
    return next(panel for panel in board["panels"] if panel["type"] == "table")


def asks(expr: str) -> Callable[[Board], None]:
    def plant(board: Board) -> None:
        chart(board)["targets"][0]["expr"] = expr

    return plant


def with_key(key: str, value: object) -> Callable[[Board], None]:
    def plant(board: Board) -> None:
        chart(board)[key] = value

    return plant


def links_to(url: str) -> Callable[[Board], None]:
    def plant(board: Board) -> None:
        chart(board)["fieldConfig"]["defaults"]["links"] = [{"title": "Role", "url": url, "targetBlank": False}]

    return plant


def dropped(key: str) -> Callable[[Board], None]:
    def plant(board: Board) -> None:
        del chart(board)["fieldConfig"]["defaults"][key]

    return plant


def variable(**changed: object) -> Callable[[Board], None]:
    def plant(board: Board) -> None:
        board["templating"]["list"][-1].update(changed)

    return plant


def other_place(board: Board) -> None:
    chart(board)["gridPos"]["h"] += 1


def too_wide(board: Board) -> None:
    board["panels"][-1]["gridPos"]["w"] = 25


def same_number(board: Board) -> None:
    board["panels"][1]["id"] = board["panels"][2]["id"]


def same_title(board: Board) -> None:
    board["panels"][1]["title"] = board["panels"][2]["title"]


def cells_without(key: str) -> Callable[[Board], None]:
    def plant(board: Board) -> None:
        for override in table(board)["fieldConfig"]["overrides"]:
            override["properties"] = [p for p in override["properties"] if p["id"] != key]

    return plant


def own_source(board: Board) -> None:
    chart(board)["targets"][0]["datasource"] = {"type": "prometheus", "uid": "abc"}


def no_role(board: Board) -> None:
    board["templating"]["list"].pop()


def foreign_annotation(board: Board) -> None:
    board["annotations"]["list"][-1]["expr"] = 'ALERTS{alertstate="firing"}'


PLANTED = [
    ("is of old Grafana", with_key("maxDataPoints", 100)),
    ("no such panel type", with_key("type", "graph")),
    ("schemaVersion", lambda board: board.update(schemaVersion=12)),
    ("no stable address", lambda board: board.update(uid="LLM fleet")),
    ("do not fit", lambda board: board.update(description="x" * 200_000)),
    ("lies over", other_place),
    ("wider than the grid", too_wide),
    ("is there 2 times", same_number),
    ("is the title of 2 panels", same_title),
    ("has no title", with_key("title", "")),
    ("is not explained", with_key("description", "Spend.")),
    ("does not name", with_key("description", "Where the money goes, in buckets.\n\nMetric: `other`")),
    ("no unit of Grafana", lambda board: chart(board)["fieldConfig"]["defaults"].update(unit="dollars")),
    ("no unit of Grafana", lambda board: chart(board)["fieldConfig"]["defaults"].update(unit="suffix: tok/s")),
    ("breaks the link", links_to("/d/llm-role?${datasource:queryparam}&var-role=${__field.labels.role}")),
    ("forgets the chosen cluster", links_to("/d/llm-role?${datasource:queryparam}&${namespace:queryparam}")),
    ("no unit of Grafana", dropped("unit")),
    ("no unit of Grafana", cells_without("unit")),
    ("an empty cell says", cells_without("noValue")),
    ("a name of digits", cells_without("unit")),
    ("without data", dropped("noValue")),
    ("shows NaN", dropped("mappings")),
    ("chosen source", own_source),
    (
        "how often",
        lambda board: chart(board)["targets"][0].update(expr="sum(rate(llm_fleet_actions_total[$__rate_interval]))"),
    ),
    ("an instant and a range", lambda board: chart(board)["targets"][0].update(instant=True)),
    ("no variable role", no_role),
    ("is used and is no variable", no_role),
    ("cannot mean all", variable(allValue="")),
    ("begins with something else", variable(current={"text": "All", "value": "All"})),
    ("does not follow the time range", variable(refresh=1)),
    ("use $__rate_interval", asks("sum(rate(llm_fleet_actions_total[5m]))")),
    ("not PromQL", asks("sum(llm_role:replicas:count")),
    ("nobody makes", asks("llm_role:replica:count")),
    ("another team's", asks("sum(vllm:num_requests_running)")),
    ("another team's", asks('sum(llm_role:replicas:count{cluster="other"})')),
    ("another team's", asks('{__name__=~"node_.+"}')),
    ("another team's", asks('sum(keda_scaler_metrics_value{namespace=~"$namespace"})')),
    ("another team's", asks("max(prometheus_rule_group_rules)")),
    ("another team's", foreign_annotation),
]


@pytest.mark.parametrize(("said", "plant"), PLANTED, ids=[f"{i} {said}" for i, (said, _) in enumerate(PLANTED)])
def test_a_planted_fault_is_found(said: str, plant: Callable[[Board], None]) -> None:
    board = copy.deepcopy(GOOD)
    assert lint.faults(board) == []
    plant(board)
    assert any(said in fault for fault in lint.faults(board)), lint.faults(board)


def test_every_rule_of_the_lint_has_a_fault_that_only_it_finds():
    seen = set()
    for _, plant in PLANTED:
        board = copy.deepcopy(GOOD)
        plant(board)
        seen |= {rule for rule in lint.RULES if list(rule(board))}
    assert seen == set(lint.RULES)


OF_ANOTHER_TYPE: list[tuple[str, Callable[[Board], object]]] = [
    ("Panel has no maxDatapoints", with_key("maxDatapoints", 100)),
    ("is no str", with_key("title", 7)),
    ("is no int", lambda board: chart(board)["gridPos"].update(w="8")),
    ("Options has no legends", lambda board: chart(board)["options"].update(legends={})),
    ("is not one of", lambda board: chart(board)["options"]["tooltip"].update(mode="all")),
    ("is no number", lambda board: chart(board)["fieldConfig"]["defaults"].update(max="1")),
    ("has no columnWidth", lambda board: table(board)["fieldConfig"]["defaults"]["custom"].update(columnWidth=100)),
    (
        "has no lineStyles",
        lambda board: chart(board)["fieldConfig"]["overrides"][0]["properties"][0].update(id="custom.lineStyles"),
    ),
    ("is no list", lambda board: board.update(tags="llm-fleet")),
    ("is not one of", lambda board: chart(board)["targets"][0].update(format="json")),
    ("Dataquery has no step", lambda board: chart(board)["targets"][0].update(step=10)),
    (
        "is no number",
        lambda board: chart(board)["fieldConfig"]["defaults"]["thresholds"]["steps"][0].update(value="null"),
    ),
    ("has no rows", lambda board: board.update(rows=[])),
    ("without", lambda board: chart(board).pop("gridPos")),
]


@pytest.mark.parametrize(
    ("said", "plant"), OF_ANOTHER_TYPE, ids=[f"{i} {said}" for i, (said, _) in enumerate(OF_ANOTHER_TYPE)]
)
def test_what_grafana_has_no_type_for_is_found(said: str, plant: Callable[[Board], object]) -> None:
    board = json.loads(json.dumps(GOOD))
    assert grafana_types.faults(board) == []
    plant(board)
    assert any(said in fault for fault in grafana_types.faults(board)), grafana_types.faults(board)
