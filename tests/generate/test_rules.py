"""Generated recording rules: they parse, ask only for what exists, and give the numbers written here by hand."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from controlplane.generate.output import files
from controlplane.promql.catalogue import WANTED
from controlplane.promql.exported import EXPORTED
from controlplane.settings.load import examine
from tests.generate.promql_names import metric_names
from tests.generate.promtool import EXAMPLES, check, generated, steady

FLEETS = [pytest.param(path, id=path.stem) for path in sorted(EXAMPLES.glob("*.yaml"))]


def rules(made: Mapping[str, str]) -> Iterator[dict[str, object]]:
    for name, text in made.items():
        if name.startswith("rules/"):
            for group in yaml.safe_load(text)["groups"]:
                yield from group["rules"]


@pytest.mark.parametrize("path", FLEETS)
def test_every_metric_asked_for_is_an_engines_ours_or_recorded(path: Path) -> None:
    made = list(rules(generated(path)))
    known = WANTED | {e.name for e in EXPORTED} | {str(rule["record"]) for rule in made}
    for rule in made:
        assert metric_names(str(rule["expr"])) <= known, rule["record"]


@pytest.mark.parametrize("path", FLEETS)
def test_a_name_and_its_labels_are_recorded_once(path: Path) -> None:
    made = [(r["record"], str(r.get("labels"))) for r in rules(generated(path))]
    assert len(made) == len(set(made))


def test_only_the_rules_of_pods_know_what_engines_call_things() -> None:
    made = generated(EXAMPLES / "mixed-fleet.yaml")
    for name, text in made.items():
        if not name.startswith("rules/llm-pods-") and name.startswith(("rules/", "dashboards/")):
            assert "vllm:" not in text
            assert "sglang:" not in text


def test_each_engine_of_the_fleet_gets_its_rules_under_one_set_of_names() -> None:
    made = generated(EXAMPLES / "mixed-fleet.yaml")
    per_engine = [
        {r["record"] for r in rules({f"rules/llm-pods-{e}.yaml": made[f"rules/llm-pods-{e}.yaml"]})}
        for e in ("vllm", "sglang", "ray-serve")
    ]
    assert per_engine[0] == per_engine[1] == per_engine[2]


def test_the_limit_of_kv_pressure_is_the_detectors_own() -> None:
    text = "fleet: f\nroles:\n  a: {model: {name: m}, targets: ['http://127.0.0.1:1']}\n"
    default = files(examine(text.encode()), text)["rules/llm-roles.yaml"]
    changed = text + "detectors: {kv-pressure: {limit: 0.8}}\n"
    other = files(examine(changed.encode()), changed)["rules/llm-roles.yaml"]
    assert "llm_pod:kv_cache_usage:max > bool 0.9)" in default
    assert "llm_pod:kv_cache_usage:max > bool 0.8)" in other


def test_a_label_value_that_looks_like_a_regex_or_a_template_stays_text() -> None:
    text = 'fleet: f\nroles:\n  a: {model: {name: "m$1{{x}}"}, select: {namespace: "a|b"}, targets: ["http://127.0.0.1:1"]}\n'
    info = next(rule for rule in rules(files(examine(text.encode()), text)) if rule["record"] == "llm_pod:info")
    assert 'model="m$1{{x}}",namespace="a|b"' in str(info["expr"])
    assert metric_names(str(info["expr"]))


def test_the_bill_of_the_fleet_is_left_out_when_a_role_has_no_price() -> None:
    assert "llm_fleet:cost_dollars_per_hour:sum" not in generated(EXAMPLES / "laptop.yaml")["rules/llm-roles.yaml"]


# --- by a real Prometheus' own evaluator ------------------------------------------------------------------------

PLANNER = 'namespace="llm",pod="planner-0",model_name="meta-llama/Llama-3.3-70B-Instruct",engine="0"'
OLD = 'namespace="llm",pod="worker-0",model_name="meta-llama/Llama-3.1-8B-Instruct",engine="0"'
SGL = 'namespace="llm-planner",pod="p-0",model_name="meta-llama/Llama-3.3-70B-Instruct",engine_type="unified"'
RANKS = f'{SGL},tp_rank="TP",pp_rank="0",dp_rank="0",priority=""'
DOLLARS = "llm_fleet_role_dollars_per_hour"


def one(labels: str, value: float) -> list[dict[str, object]]:
    return [{"labels": f"{{{labels}}}", "value": value}]


@pytest.mark.real
@pytest.mark.parametrize("path", FLEETS)
def test_promtool_accepts_every_rule_file(promtool_binary: Path, tmp_path: Path, path: Path) -> None:
    for name, text in generated(path).items():
        if name.startswith("rules/"):
            (tmp_path / Path(name).name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [promtool_binary, "check", "rules", *sorted(p.name for p in tmp_path.glob("*.yaml"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real
def test_cost_per_million_tokens_is_money_over_tokens_of_the_same_hour(promtool_binary: Path, tmp_path: Path) -> None:
    """$5 an hour for 100 prompt and 50 output tokens a second: 0.54 M tokens an hour, so 9.26 $/Mtok."""
    series = {
        f"vllm:prompt_tokens_total{{{PLANNER}}}": steady(100),
        f"vllm:prompt_tokens_cached_total{{{PLANNER}}}": steady(40),
        f"vllm:generation_tokens_total{{{PLANNER}}}": steady(50),
        f"vllm:num_requests_running{{{PLANNER}}}": "3x180",
        f'{DOLLARS}{{namespace="llm",role="planner"}}': "5x180",
    }
    role = 'namespace="llm",role="planner"'
    expect = {
        "llm_role:tokens_delivered:rate5m": [
            {"labels": f'llm_role:tokens_delivered:rate5m{{{role},kind="{kind}"}}', "value": value}
            for kind, value in (("cached", 40), ("output", 50), ("prompt", 60))
        ],
        "round(llm_role:cost_per_million_tokens:dollars1h * 100)": one(role, 926),
        "round(llm_role:tokens_per_dollar:ratio1h, 1000)": one(role, 108000),
        "llm_fleet:cost_dollars_per_hour:sum": [],
    }
    check(promtool_binary, tmp_path, "reference-fleet", series, expect)


@pytest.mark.real
def test_no_cost_per_token_when_the_money_of_the_hour_is_not_fully_known(promtool_binary: Path, tmp_path: Path) -> None:
    series = {
        f"vllm:prompt_tokens_total{{{PLANNER}}}": steady(100),
        f"vllm:num_requests_running{{{PLANNER}}}": "3x180",
        f'{DOLLARS}{{namespace="llm",role="planner"}}': "_x120 5x60",
    }
    check(
        promtool_binary,
        tmp_path,
        "reference-fleet",
        series,
        {"llm_role:cost_per_million_tokens:dollars1h": [], "llm_role:tokens_per_dollar:ratio1h": []},
    )


@pytest.mark.real
def test_no_cost_per_token_without_tokens(promtool_binary: Path, tmp_path: Path) -> None:
    """Nobody asked: there is a bill, and no price of a token that is infinite or zero."""
    series = {
        f"vllm:prompt_tokens_total{{{PLANNER}}}": "7x180",
        f"vllm:num_requests_running{{{PLANNER}}}": "0x180",
        f'{DOLLARS}{{namespace="llm",role="planner"}}': "5x180",
    }
    expect = {
        "llm_role:cost_per_million_tokens:dollars1h": [],
        "llm_role:tokens_per_dollar:ratio1h": one('namespace="llm",role="planner"', 0),
    }
    expect = {k: [{**s, "labels": k + str(s["labels"])} for s in v] for k, v in expect.items()}
    check(promtool_binary, tmp_path, "reference-fleet", series, expect)


@pytest.mark.real
def test_no_latency_is_recorded_without_traffic(promtool_binary: Path, tmp_path: Path) -> None:
    """A quantile over buckets that do not move is NaN; a chart shows a gap, and no alert compares with it."""
    series = {f"vllm:num_requests_running{{{PLANNER}}}": "0x180"}
    for le in ("0.5", "+Inf"):
        series[f'vllm:time_to_first_token_seconds_bucket{{{PLANNER},le="{le}"}}'] = "7x180"
    check(promtool_binary, tmp_path, "reference-fleet", series, {"llm_role:ttft_seconds:quantile5m": []})


@pytest.mark.real
def test_old_and_new_names_count_once_and_both_are_read(promtool_binary: Path, tmp_path: Path) -> None:
    """Version 0.10 of vLLM shows both names of the KV gauge; a pod with only the old one is read as well."""
    series = {
        f"vllm:num_requests_running{{{PLANNER}}}": "2x180",
        f"vllm:kv_cache_usage_perc{{{PLANNER}}}": "0.5x180",
        f"vllm:gpu_cache_usage_perc{{{PLANNER}}}": "0.5x180",
        f"vllm:num_requests_running{{{OLD}}}": "1x180",
        f"vllm:gpu_cache_usage_perc{{{OLD}}}": "0.95x180",
        f"vllm:num_requests_waiting{{{OLD}}}": "4x180",
    }
    name = "llm_role:kv_cache_usage:max"
    both = [
        {"labels": f'{name}{{namespace="llm",role="{role}",model="{model}",phase="both"}}', "value": value}
        for role, model, value in (
            ("planner", "meta-llama/Llama-3.3-70B-Instruct", 0.5),
            ("worker", "meta-llama/Llama-3.1-8B-Instruct", 0.95),
        )
    ]
    pressed = "llm_role:kv_pressured_replicas:ratio"
    expect = {name: both, f"sum by (role) ({pressed})": one('role="worker"', 1)}
    check(promtool_binary, tmp_path, "reference-fleet", series, expect)


@pytest.mark.real
def test_sglangs_tokens_count_once_though_two_counters_hold_them(promtool_binary: Path, tmp_path: Path) -> None:
    """Two tensor-parallel ranks repeat the value, and the counter of finished requests has the same tokens again."""
    series = {f"sglang:num_running_reqs{{{RANKS.replace('TP', rank)}}}": "2x180" for rank in "01"}
    for rank in "01":
        labels = RANKS.replace("TP", rank)
        series[f'sglang:realtime_tokens_total{{{labels},mode="prefill_compute"}}'] = steady(60)
        series[f'sglang:realtime_tokens_total{{{labels},mode="prefill_cache"}}'] = steady(40)
        series[f'sglang:realtime_tokens_total{{{labels},mode="decode"}}'] = steady(50)
    series[f"sglang:prompt_tokens_total{{{SGL}}}"] = steady(100)
    series[f"sglang:generation_tokens_total{{{SGL}}}"] = steady(50)
    series[f'sglang:cached_tokens_total{{{SGL},cache_source="device"}}'] = steady(40)
    expect = {
        "sum by (role, kind) (llm_role:tokens_delivered:rate5m)": [
            {"labels": f'{{role="planner",kind="{kind}"}}', "value": value}
            for kind, value in (("cached", 40), ("output", 50), ("prompt", 60))
        ],
        "sum(llm_role:requests_running:sum)": one("", 2),
    }
    check(promtool_binary, tmp_path, "mixed-fleet", series, expect)


@pytest.mark.real
def test_who_a_pod_belongs_to_is_said_by_the_control_plane_then_the_file_then_nobody(
    promtool_binary: Path, tmp_path: Path
) -> None:
    """Prometheus moved our labels to exported_…, as it does without honorLabels; twice, by two replicas of ours."""
    told = 'exported_namespace="llm",exported_pod="planner-0",namespace="ops",role="coder",phase="both"'
    stranger = 'namespace="llm",pod="x-0",model_name="other",engine="0"'
    series = {
        f"vllm:num_requests_running{{{PLANNER}}}": "1x180",
        f"vllm:num_requests_running{{{OLD}}}": "2x180",
        f"vllm:num_requests_running{{{stranger}}}": "3x180",
        f'llm_fleet_pod_info{{{told},pod="ours-0"}}': "1x180",
        f'llm_fleet_pod_info{{{told},pod="ours-1"}}': "1x180",
    }
    expect = {
        "sum by (role) (llm_role:requests_running:sum)": [
            *one('role="coder"', 1),
            *one('role="worker"', 2),
            *one('role="unassigned"', 3),
        ]
    }
    check(promtool_binary, tmp_path, "reference-fleet", series, expect)


@pytest.mark.real
def test_the_bill_of_the_fleet_adds_up_only_when_every_role_is_known(promtool_binary: Path, tmp_path: Path) -> None:
    prices = {"planner": 5, "worker": 2.7, "embedder": 0.5, "reranker": 0.5}
    series = {f'{DOLLARS}{{namespace="llm",role="{role}"}}': f"{value}x180" for role, value in prices.items()}
    name = "llm_fleet:cost_dollars_per_hour:sum"
    check(promtool_binary, tmp_path, "reference-fleet", series, {f"round({name} * 100)": one("", 870)})
