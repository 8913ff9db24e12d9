"""A promise is counted at an edge of the engine's histogram, or refused with the nearest edges."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from controlplane.errors import SettingsError
from controlplane.generate.alerts import alert_files
from controlplane.generate.alerts.edges import Promised, promised
from controlplane.generate.alerts.slo import BUDGET, BURNS, slo_groups
from controlplane.generate.request import request_of
from controlplane.generate.rules.rule import INTERVAL
from controlplane.promql.metric import Signal
from controlplane.settings.load import load_with_lines
from tests.generate.alerts.judged import alerts_of, stage

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def fleet(slo: str, more: str = "", engine: str = "vllm") -> str:
    return (
        "fleet: f\nroles:\n  planner:\n    model: {name: m}\n    targets: [http://127.0.0.1:8000]\n"
        f"    engine: {engine}\n    slo: {{{slo}}}\n{more}"
    )


def refusal(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        promised(stage(text))
    return [str(problem) for problem in caught.value.problems]


def edge(text: str) -> float:
    (found,) = promised(stage(text))
    return found.edge


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_promises_what_can_be_counted(path: Path) -> None:
    request = request_of(load_with_lines(path), path.read_text(encoding="utf-8"))
    assert all(promise.edge == promise.target for promise in promised(request))
    assert alert_files(request) == alert_files(request)


def test_a_promise_between_edges_is_refused_with_its_place_and_the_nearest_edges() -> None:
    said = refusal(fleet("ttft_p95: 2s, itl_p95: 60ms"))
    assert said == [line("ttft", "2s", "1s or 2.5s"), line("itl", "60ms", "50ms or 75ms")]


def line(what: str, target: str, near: str) -> str:
    return (
        f"fleet.yaml:7: roles.planner.slo.{what}_p95: {target} is no bucket edge of the engine, so no alert can count "
        f"it; write {near}, or start the engine with --custom-histogram-buckets and name its edges in "
        f"roles.planner.histogram_buckets.{what}, or choose alerts.between_edges"
    )


def test_each_engine_has_its_own_edges_and_its_own_option() -> None:
    assert edge(fleet("ttft_p95: 2s", engine="sglang")) == 2
    assert edge(fleet("itl_p95: 75ms", engine="ray-serve")) == 0.075
    assert (
        "write 2s or 4s, or start the engine with --bucket-time-to-first-token"
        in refusal(fleet("ttft_p95: 2500ms", engine="sglang"))[0]
    )


def test_beyond_the_last_edge_there_is_one_neighbour() -> None:
    assert "write 400s, or" in refusal(fleet("ttft_p95: 8m", engine="sglang"))[0]


def test_an_engine_that_was_started_with_other_edges_may_promise_them() -> None:
    buckets = "    histogram_buckets: {ttft: [500ms, 2s, 4s]}\n"
    assert edge(fleet("ttft_p95: 2s", buckets)) == 2
    assert "write 500ms or 2s, or" in refusal(fleet("ttft_p95: 1s", buckets))[0]


def test_the_nearest_edge_is_taken_only_when_fleet_yaml_says_which() -> None:
    assert edge(fleet("ttft_p95: 2s", "alerts: {between_edges: stricter}\n")) == 1
    assert edge(fleet("ttft_p95: 2s", "alerts: {between_edges: looser}\n")) == 2.5
    assert edge(fleet("ttft_p95: 1s", "alerts: {between_edges: looser}\n")) == 1


def test_a_fleet_without_promises_has_no_burn_rates() -> None:
    text = fleet("").replace("slo: {}", "slo:")
    made = alert_files(stage(text))
    assert "rules/llm-slo.yaml" not in made
    assert "llm_slo" not in made["rules/llm-alerts.yaml"]


def test_no_burn_rate_asks_for_more_than_all_requests() -> None:
    assert all(burn.factor * BUDGET < 1 for burn in BURNS)


def test_the_floor_counts_requests_whatever_the_interval() -> None:
    """Sums of rates times the interval: the constant follows it."""
    exprs = [alert.expr for alert in alerts_of(stage()) if "sum_over_time(llm_slo:total" in alert.expr]
    assert len(exprs) == 4
    assert all(f"* {INTERVAL.total_seconds():g} > 100" in expr for expr in exprs)


@pytest.mark.real
@pytest.mark.parametrize("one", ["1", "1.0"])
def test_good_requests_are_those_below_the_edge_in_the_pool_that_serves_them(
    promtool_binary: Path, tmp_path: Path, one: str
) -> None:
    """Prefill serves the first token and decode the others; an edge is found as Python and as Go write it."""
    promises = (
        Promised(role="planner", key="ttft_p95", signal=Signal.TTFT, target=1, edge=1),
        Promised(role="planner", key="itl_p95", signal=Signal.ITL, target=0.075, edge=0.075),
    )
    given = {
        **rows("ttft", "prefill", {"0.5": 1, one: 9, "2.5": 9.5, "+Inf": 10}),
        **rows("ttft", "decode", {one: 0, "+Inf": 10}),
        **rows("itl", "decode", {"0.05": 40, "0.075": 60, "+Inf": 80}),
        **rows("itl", "prefill", {"0.075": 0, "+Inf": 80}),
    }
    expect = {
        "llm_slo:good:rate5m": {"ttft": 9, "itl": 60},
        "llm_slo:total:rate5m": {"ttft": 10, "itl": 80},
        "round(llm_slo:error:ratio5m, 0.0001)": {"ttft": 0.1, "itl": 0.25},
        "round(llm_slo:error:ratio1h, 0.0001)": {"ttft": 0.1, "itl": 0.25},
    }
    checks = [
        {
            "expr": f"sum by (role, slo) ({expr})",
            "eval_time": "90m",
            "exp_samples": [{"labels": f'{{role="planner",slo="{slo}"}}', "value": v} for slo, v in values.items()],
        }
        for expr, values in expect.items()
    ]
    groups = [{**group.as_yaml(), "interval": "30s"} for group in slo_groups(promises)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    inputs = [{"series": name, "values": f"{rate}x200"} for name, rate in given.items()]
    suite = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "30s",
        "tests": [{"interval": "30s", "input_series": inputs, "promql_expr_test": checks}],
    }
    (tmp_path / "test.yaml").write_text(json.dumps(suite))
    command = [promtool_binary, "test", "rules", "test.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rows(stem: str, phase: str, rates: dict[str, float]) -> dict[str, float]:
    labels = f'namespace="llm",role="planner",model="m",phase="{phase}"'
    return {f'llm_role:{stem}_seconds_bucket:rate5m{{{labels},le="{le}"}}': rate for le, rate in rates.items()}
