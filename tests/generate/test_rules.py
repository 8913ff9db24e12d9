"""Generated recording rules: they parse, ask only for what exists, and say what the list of names says.

What they record is judged in ``test_rules_scenarios.py``.
"""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from controlplane.generate.output import files
from controlplane.promql.catalogue import KNOWN
from controlplane.promql.exported import EXPORTED
from controlplane.promql.recorded import RECORDED
from controlplane.settings.load import examine
from tests.generate.promql_names import metric_names
from tests.generate.promtool import EXAMPLES, generated

FLEETS = [pytest.param(path, id=path.stem) for path in sorted(EXAMPLES.glob("*.yaml"))]


def rules(made: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """All recording rules."""
    for name, text in made.items():
        if name.startswith("rules/"):
            for group in yaml.safe_load(text)["groups"]:
                yield from (rule for rule in group["rules"] if "record" in rule)


@pytest.mark.parametrize("path", FLEETS)
def test_every_metric_asked_for_is_an_engines_ours_or_recorded(path: Path) -> None:
    made = list(rules(generated(path)))
    known = {*KNOWN, *(n for e in EXPORTED for n in e.series), *(str(rule["record"]) for rule in made), ""}
    for rule in made:
        assert metric_names(str(rule["expr"])) <= known, rule["record"]


@pytest.mark.parametrize("path", FLEETS)
def test_a_name_and_its_labels_are_recorded_once(path: Path) -> None:
    made = [(r["record"], str(r.get("labels"))) for r in rules(generated(path))]
    assert len(made) == len(set(made))


def test_everything_recorded_is_in_the_list_of_names_and_the_other_way_round() -> None:
    recorded = {str(rule["record"]) for path in EXAMPLES.glob("*.yaml") for rule in rules(generated(path))}
    assert recorded == {each.name for each in RECORDED}


def test_only_the_rules_of_pods_know_what_engines_call_things() -> None:
    made = generated(EXAMPLES / "mixed-fleet.yaml")
    for name in ("gpus", "roles", "cost"):
        assert "vllm:" not in made[f"rules/llm-{name}.yaml"]
        assert "sglang:" not in made[f"rules/llm-{name}.yaml"]


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
    assert 'model="m$1{{x}}",namespace="a|b"' in " ".join(str(info["expr"]).split())
    assert metric_names(str(info["expr"]))


def test_the_same_file_gives_the_same_bytes() -> None:
    path = EXAMPLES / "mixed-fleet.yaml"
    assert generated.__wrapped__(path) == generated(path)


def test_up_to_500_replicas_histograms_are_kept_per_pod_unless_fleet_yaml_says_otherwise() -> None:
    def kept(replicas: int, more: str = "") -> bool:
        role = f"{{model: {{name: m}}, replicas: {{min: 1, max: {replicas}}}, targets: ['http://127.0.0.1:1']}}"
        text = f"fleet: f\nroles:\n  a: {role}\n{more}"
        return "llm_pod:ttft_seconds_bucket:rate5m" in files(examine(text.encode()), text)["rules/llm-pods-vllm.yaml"]

    assert kept(500)
    assert not kept(501)
    assert kept(501, "rules: {pod_buckets: always}\n")
    assert not kept(1, "rules: {pod_buckets: never}\n")


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
