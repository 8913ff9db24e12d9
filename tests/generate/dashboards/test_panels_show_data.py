"""Every panel shows something once an engine and the control plane are scraped; evaluated by promtool."""

import json
from pathlib import Path

import pytest

from controlplane.promql.exported import EXPORTED
from tests.generate.promtool import EXAMPLES, check, generated, steady

PLANNER = 'namespace="llm",pod="planner-0",model_name="meta-llama/Llama-3.3-70B-Instruct",engine="0"'
ENGINE = {
    "vllm:num_requests_running": "3x180",
    "vllm:num_requests_waiting": "1x180",
    "vllm:kv_cache_usage_perc": "0.4x180",
    "vllm:num_preemptions_total": steady(0.1),
    "vllm:prompt_tokens_total": steady(100),
    "vllm:prompt_tokens_cached_total": steady(40),
    "vllm:generation_tokens_total": steady(50),
    "vllm:prefix_cache_queries_total": steady(100),
    "vllm:prefix_cache_hits_total": steady(40),
}
HISTOGRAMS = ("time_to_first_token", "inter_token_latency", "e2e_request_latency", "request_queue_time")
VALUES = {"reason": "x", "role": "planner", "namespace": "llm", "pod": "planner-0", "state": "open"}


def series() -> dict[str, str]:
    made = {f"{name}{{{PLANNER}}}": values for name, values in ENGINE.items()}
    made[f'vllm:request_success_total{{{PLANNER},finished_reason="stop"}}'] = steady(2)
    for stem in HISTOGRAMS:
        for le, rate in (("0.5", 1.0), ("1.0", 1.9), ("+Inf", 2.0)):
            made[f'vllm:{stem}_seconds_bucket{{{PLANNER},le="{le}"}}'] = steady(rate)
    for metric in EXPORTED:
        labels = ",".join(f'{name}="{VALUES.get(name, "x")}"' for name in metric.labels)
        made[f"{metric.name}{{{labels}}}"] = steady(0.01) if metric.kind == "counter" else "1x180"
    for role in ("worker", "embedder", "reranker"):
        made[f'llm_fleet_role_dollars_per_hour{{namespace="llm",role="{role}",model="x"}}'] = "1x180"
    return made


@pytest.mark.real
def test_every_panel_shows_data(promtool_binary: Path, tmp_path: Path) -> None:
    board = json.loads(generated(EXAMPLES / "reference-fleet.yaml")["dashboards/llm-fleet.json"])
    queries = [t["expr"] for p in board["panels"] for t in p.get("targets", ())]
    assert len(queries) > 25
    expect = {}
    for query in queries:
        if 'objective="e2e_p95"' in query:
            continue  # the reference fleet promises no request time
        asked = query.replace("$__rate_interval", "5m").replace("$role", ".+")
        expect[f"count({asked}) > bool 0"] = [{"labels": "{}", "value": 1}]
    check(promtool_binary, tmp_path, "reference-fleet", series(), expect)
