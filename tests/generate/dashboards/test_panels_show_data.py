"""Every single query of every dashboard shows something when everything it may ask for is there; by promtool's engine.

Whether the metrics are there is for the live fleet to say; here it is the queries: joins whose sides meet, labels
that series have, filters that something passes.
"""

import itertools
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from controlplane.promql.exported import EXPORTED
from controlplane.promql.recorded import RECORDED
from controlplane.settings.alerts import AlertName
from tests.generate.dashboards import lint
from tests.generate.dashboards.test_dashboards import REFERENCE

DAYS = 8
"""A panel looks a week back."""
STEP = 5
SAMPLES = DAYS * 24 * 60 // STEP
GAUGE, GROWS, TURNS = f"1x{SAMPLES}", f"0+30x{SAMPLES}", f"{'1 0 ' * (SAMPLES // 2)}1"
ONE_OF_EACH = {
    "quantile": ("0.5", "0.95", "0.99"),
    "bucket": ("serving", "idle", "other", "unallocated"),
    "kind": ("prompt", "cached", "output", "blended"),
    "le": ("0.5", "1.0", "+Inf"),
    "slo": ("ttft",),
    "objective": ("ttft_p95", "itl_p95", "e2e_p95"),
    "phase": ("both",),
    "result": ("applied", "rolled_back"),
    "state": ("open",),
    "namespace": ("llm",),
    "role": ("planner", "unassigned"),
}
THEIRS = {
    "ALERTS": {"alertname": AlertName.QUEUE_BACKLOG.value, "alertstate": "firing", "severity": "warning"},
    "ALERTS_FOR_STATE": {"alertname": AlertName.QUEUE_BACKLOG.value, "severity": "warning"},
    "keda_": {"namespace": "llm", "scaledObject": "planner", "metric": "s0-prometheus"},
    "prometheus_rule_": {"rule_group": "/etc/prometheus/llm-roles.yaml;llm-roles"},
    "litellm_": {"job": "litellm", "team_alias": "Team A", "status_code": "200", "requested_model": "planner"},
    "kube_horizontalpodautoscaler_": {"namespace": "llm", "horizontalpodautoscaler": "keda-hpa-planner"},
}
CHOICES = {
    f"${name}": ".*" for name in ("cluster", "namespace", "model", "role", "runtime", "node", "tenant", "router")
}


def our_series() -> Iterator[tuple[str, str]]:
    for recorded in RECORDED:
        yield from expanded(recorded.name, recorded.labels, GAUGE)
    for metric in EXPORTED:
        values = TURNS if metric.name.endswith("replicas_pending") else GAUGE if metric.kind == "gauge" else GROWS
        for series in metric.series:
            labels = (*metric.labels, "le") if series.endswith("_bucket") else metric.labels
            yield from expanded(series, labels, values)


def expanded(name: str, labels: Iterable[str], values: str) -> Iterator[tuple[str, str]]:
    held = [(label, ONE_OF_EACH.get(label, (f"a-{label}",))) for label in labels if label != "cluster"]
    for chosen in itertools.product(*(found for _, found in held)):
        row = {label: value for (label, _), value in zip(held, chosen, strict=True)}
        if "pod" in row and row.get("role") == "unassigned":
            row["pod"] = "another-pod"  # a pod has one role
        pairs = ",".join(f'{label}="{value}"' for label, value in row.items())
        yield f"{name}{{{pairs}}}", values


def their_series(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        labels = next((found for stem, found in THEIRS.items() if name.startswith(stem)), {"namespace": "llm"})
        for le in ({"le": "0.5"}, {"le": "+Inf"}) if name.endswith("_bucket") else ({},):
            pairs = ",".join(f'{label}="{value}"' for label, value in {**labels, **le}.items())
            yield f"{name}{{{pairs}}}", GROWS if name.endswith(("_total", "_bucket")) else GAUGE


def queries() -> dict[str, str]:
    """Where it stands → the expression with everything chosen."""
    found = {}
    for uid, board in REFERENCE.items():
        for i, (where, expr) in enumerate(lint.expressions(board)):
            for variable, value in CHOICES.items():
                expr = expr.replace(f'"{variable}"', f'"{value}"')  # noqa: PLW2901
            windows = expr.replace("$__rate_interval", "20m").replace("$__range", "6h")
            found[f"{uid}: {where} ({i})"] = windows.replace("offset 2m", "offset 10m")  # samples are 5 min apart
    return found


@pytest.mark.real
def test_every_query_shows_data(promtool_binary: Path, tmp_path: Path) -> None:
    asked = queries()
    assert len(asked) > 250
    names = {s.name for expr in asked.values() for s in lint.selectors(expr)} - lint.OURS - {""}
    series = [{"series": s, "values": v} for s, v in (*our_series(), *their_series(sorted(names)))]
    one = [{"labels": "{}", "value": 1}]
    suite = {
        "rule_files": [],
        "evaluation_interval": f"{DAYS}d",
        "tests": [
            {
                "name": "each query",
                "interval": f"{STEP}m",
                "input_series": series,
                "promql_expr_test": [
                    {"expr": f"count({expr}) > bool 0", "eval_time": f"{DAYS}d", "exp_samples": one}
                    for expr in asked.values()
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    done = subprocess.run(
        [promtool_binary, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    empty = [where for where, expr in asked.items() if f"count({expr}) > bool 0" in done.stdout + done.stderr]
    assert done.returncode == 0, "\n".join(empty) or done.stdout + done.stderr
