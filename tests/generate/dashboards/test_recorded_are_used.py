"""Each recorded series costs Prometheus memory: every name is asked for by a dashboard, an alert or another rule."""

from collections.abc import Iterator

import yaml

from controlplane.promql.exported import EXPORTED
from controlplane.promql.recorded import RECORDED
from tests.generate.dashboards import lint
from tests.generate.dashboards.test_dashboards import REFERENCE
from tests.generate.promql_names import metric_names
from tests.generate.promtool import EXAMPLES, generated

KEPT_FOR_PEOPLE: set[str] = set()
"""Recorded for those who look at one pod by hand, or build a panel of their own; say why in ``docs/recorded.md``."""


def asked_for() -> Iterator[str]:
    for board in REFERENCE.values():
        for _, expr in lint.expressions(board):
            yield from metric_names(expr)
    for path, text in generated(EXAMPLES / "reference-fleet.yaml").items():
        if path.startswith("rules/"):
            for group in yaml.safe_load(text)["groups"]:
                for rule in group["rules"]:
                    yield from metric_names(rule["expr"])


def test_every_recorded_name_is_asked_for():
    assert {recorded.name for recorded in RECORDED} - set(asked_for()) == KEPT_FOR_PEOPLE


def test_every_metric_of_ours_is_asked_for():
    asked = set(asked_for())
    assert [metric.name for metric in EXPORTED if not asked & set(metric.series)] == []


def test_most_levels_are_on_dashboards():
    shown = {name for board in REFERENCE.values() for _, expr in lint.expressions(board) for name in metric_names(expr)}
    levels = {recorded.name.partition(":")[0] for recorded in RECORDED}
    assert levels == {name.partition(":")[0] for name in shown if ":" in name and name.startswith("llm_")}
