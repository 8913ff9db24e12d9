"""Numbers of panels in situations that once made them wrong, by promtool's engine."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.generate.dashboards import lint
from tests.generate.dashboards.test_dashboards import REFERENCE
from tests.generate.dashboards.test_panels_show_data import CHOICES

HOURS = 8
STEP = 5
LONG = HOURS * 60 // STEP
BORN = 40
"""Samples after which a counter appears: within the six hours that are chosen."""

Samples = Mapping[str, float]


def told(name: str, labels: str, values: str, *replicas: str) -> dict[str, str]:
    """The same from each replica of one control plane, as Prometheus scrapes it."""
    of_target = 'namespace="ops",job="llm-controlplane"' if "namespace=" not in labels else 'job="llm-controlplane"'
    held = ",".join(part for part in (labels, of_target) if part)
    return {f'{name}{{{held},instance="{replica}"}}': values for replica in replicas}


def twice(name: str, labels: str, value: float) -> dict[str, str]:
    return told(name, labels, f"{value:g}x{LONG}", "a", "b")


def first_of_all(name: str, labels: str, *replicas: str) -> dict[str, str]:
    """A counter that begins at 1 in the middle of the chosen time, and stays there."""
    return told(name, labels, f"_x{BORN} 1x{LONG - BORN}", *replicas)


SERIES = {
    **twice("llm_fleet_stopped", "", 0),
    **{
        name: values
        for replica, values in (("gone", f"{{}}x{BORN}"), ("new", f"_x{BORN + 5} {{}}x{LONG - BORN}"))
        for name, values in (
            told("llm_fleet_stopped", "", values.format(0), replica)
            | told("llm_fleet_session_budget_exceeded_total", 'tenant="b"', values.format(250), replica)
        ).items()
    },
    **told("llm_fleet_actions_total", 'kind="undo",result="rolled_back",namespace="late"', f"_x{LONG} 0", "a"),
    **told("llm_fleet_actions_total", 'kind="scale",result="applied",namespace="late"', f"_x{LONG} 1", "a"),
    **twice("llm_fleet_build_info", 'version="1"', 1),
    **twice("llm_fleet_recommendations", 'kind="scale",state="open"', 3),
    **twice("llm_fleet_recommendation_savings_dollars_per_hour", 'kind="scale",state="open"', 2.5),
    **twice("llm_fleet_sessions_active", 'tenant="a",role="planner"', 7),
    **first_of_all("llm_fleet_session_budget_exceeded_total", 'tenant="a"', "a", "b"),
    **first_of_all("llm_fleet_actions_total", 'kind="scale",result="applied",namespace="llm"', "a"),
    **first_of_all("llm_fleet_actions_total", 'kind="undo",result="rolled_back",namespace="llm"', "a"),
    **{
        f'llm_fleet_pool_replicas_{what}{{cluster="{cluster}",namespace="llm",role="worker",job="c",instance="a"}}': (
            f"{value}x{LONG}"
        )
        for cluster, value in (("eu", 2), ("us", 3))
        for what in ("ready", "desired", "max")
    },
    **{
        f'llm_fleet_pool_replicas_{what}{{namespace="llm",role="night",job="c",instance="a"}}': f"0x{LONG}"
        for what in ("ready", "desired")
    },
}

SAID: list[tuple[str, str, int, str, Samples]] = [
    ("llm-fleet", "Recommendations that wait", 0, "two replicas tell of one ledger", {"{}": 3}),
    ("llm-fleet", "They would save", 0, "two replicas tell of one ledger", {"{}": 2.5}),
    ("llm-scaling", "Waiting for a person", 0, "two replicas tell of one ledger", {"{}": 3}),
    ("llm-scaling", "Recommendations by state", 0, "two replicas tell of one ledger", {'{state="open"}': 3}),
    ("llm-cost", "Changes: promised and realised savings", 0, "one ledger", {'{state="open"}': 2.5}),
    ("llm-agents", "Active sessions", 0, "two replicas tell of one ledger", {"{}": 7}),
    ("llm-agents", "Active sessions by role", 0, "two replicas tell of one ledger", {'{role="planner"}': 7}),
    (
        "llm-agents",
        "Over their allowance",
        0,
        "the first of a tenant, told by two replicas; none of a ledger that moved to another pod",
        {"{}": 1},
    ),
    ("llm-scaling", "Taken back", 0, "the first undo", {"{}": 1}),
    (
        "llm-scaling",
        "Changes, in the chosen time",
        0,
        "the first change of its kind",
        {
            '{kind="scale",result="applied",namespace="llm"}': 1,
            '{kind="undo",result="rolled_back",namespace="llm"}': 1,
            '{kind="scale",result="applied",namespace="late"}': 1,
            '{kind="undo",result="rolled_back",namespace="late"}': 0,
        },
    ),
    (
        "llm-role",
        "Replicas",
        0,
        "one role in two clusters",
        {'{role="worker"}': 5, '{role="night"}': 0},
    ),
    ("llm-role", "Replicas", 2, "one role in two clusters", {'{role="worker"}': 5}),
    ("llm-fleet", "State of each role", 0, "asleep is idle, not unknown", {'{role="night"}': 1}),
]


def asked(uid: str, title: str, index: int) -> str:
    panel = next(p for p in lint.panels(REFERENCE[uid]) if p["title"] == title)
    expr: str = panel["targets"][index]["expr"]
    for variable, value in CHOICES.items():
        expr = expr.replace(f'"{variable}"', f'"{value}"')
    return expr.replace("$__rate_interval", "20m").replace("$__range", "6h")


def marked() -> str:
    """When the dashboards mark a change."""
    expr: str = REFERENCE["llm-fleet"]["annotations"]["list"][1]["expr"]
    return expr.replace('"$cluster"', '".*"').replace('"$namespace"', '".*"')


@pytest.mark.real
def test_panels_say_what_is_true(promtool_binary: Path, tmp_path: Path) -> None:
    suite = {
        "rule_files": [],
        "evaluation_interval": f"{HOURS}h",
        "tests": [
            {
                "name": "what panels say",
                "interval": f"{STEP}m",
                "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
                "promql_expr_test": [
                    {
                        "expr": asked(uid, title, index),
                        "eval_time": f"{HOURS}h",
                        "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
                    }
                    for uid, title, index, _, expected in SAID
                ]
                + [
                    {
                        "expr": marked(),
                        "eval_time": f"{HOURS}h",
                        "exp_samples": [{"labels": '{kind="scale",result="applied",namespace="late"}', "value": 1}],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    done = subprocess.run(
        [promtool_binary, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
