"""Rules, dashboards and targets in other people's shapes: nothing lost, nothing that a strict reader refuses."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from controlplane.generate.forms import WRITERS, form_files
from controlplane.generate.forms.monitors import selector_of
from controlplane.generate.request import Request, request_of
from controlplane.generate.text import MARK, yaml_text
from controlplane.settings.load import examine, load_with_lines
from controlplane.settings.outputs import Form

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FLEETS = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
RULES = {"groups": [{"name": "llm-x", "interval": "30s", "rules": [{"record": "a:b:c", "expr": "sum(x)"}]}]}
DASHBOARD = {"uid": "llm-fleet", "title": "Fleet", "panels": [{"id": 1, "title": "é"}]}
MADE = {
    "rules/llm-x.yaml": yaml_text("fleet.yaml", RULES),
    "dashboards/llm-fleet.json": json.dumps(DASHBOARD, indent=2),
    "manifests/controlplane/service.yaml": "kind: Service\n",
}
"""What the other generators would have made."""

ROLES = """
roles:
  planner:
    model: {name: llama}
    pods: {namespace: llm, selector: "app=planner, tier in (gpu, big), !canary, zone!=b", port: 8001}
  coder: {model: {name: coder}, workload: llm/coder}
  critic: {model: {name: critic}, workload: StatefulSet llm/critic, engine: sglang}
  remote: {model: {name: remote}, targets: ["https://10.0.0.1:8000/metrics?x=1", "https://10.0.0.2:8000/metrics?x=1"]}
"""
CLUSTER = "fleet: t\nsources: {prometheus: http://p:9090, kubernetes: {in_cluster: true}}\n"


def a_request(text: str) -> Request:
    return Request(settings=examine(text.encode()).settings, source="fleet.yaml", raw=text, folder=Path())


def forms(text: str = CLUSTER + ROLES) -> dict[str, Any]:
    """Path → document of everything written in some form."""
    return {path: yaml.safe_load(body) for path, body in form_files(a_request(text), MADE).items()}


def of_example(fleet: str, forms: str = "") -> Mapping[str, str]:
    path = EXAMPLES / f"{fleet}.yaml"
    text = path.read_text(encoding="utf-8")
    if forms:
        return form_files(a_request(text + forms), MADE)
    return form_files(request_of(load_with_lines(path), text), MADE)


def jobs(text: str) -> dict[str, Any]:
    made = forms(text)["manifests/monitoring/prometheus-scrape.yaml"]
    return {job["job_name"]: job for job in made["scrape_configs"]}


def test_a_cluster_gets_what_its_operators_load_and_no_dashboard_twice() -> None:
    paths = set(forms())
    assert "manifests/monitoring/rules-llm-x.yaml" in paths
    assert "manifests/monitoring/podmonitor-llm-engine-planner.yaml" in paths
    assert "manifests/monitoring/servicemonitor-llm-controlplane.yaml" in paths
    assert "manifests/grafana/configmap-llm-fleet.yaml" in paths
    assert not [p for p in paths if "grafanadashboard" in p]


def test_a_fleet_without_a_cluster_gets_files() -> None:
    made = forms("fleet: t\nroles: {chat: {model: {name: x}, targets: [http://127.0.0.1:8000]}}\n")
    assert set(made) == {"manifests/monitoring/prometheus-scrape.yaml", "manifests/grafana/provisioning.yaml"}


def test_fleet_yaml_chooses_the_forms() -> None:
    assert set(forms(CLUSTER + "generate: {forms: [grafana-dashboards]}" + ROLES)) == {
        "manifests/grafana/grafanadashboard-llm-fleet.yaml"
    }
    assert set(WRITERS) == set(Form)


def test_every_file_says_what_made_it_and_is_made_the_same_twice() -> None:
    request = a_request(CLUSTER + ROLES)
    first, second = form_files(request, MADE), form_files(request, MADE)
    assert first == second
    assert all(MARK in text for text in first.values())


def test_a_prometheus_rule_holds_its_file_to_the_letter_and_the_labels_asked_for() -> None:
    text = CLUSTER + "generate: {monitoring: {namespace: obs, labels: {release: prom, team: ml}}}" + ROLES
    rule = forms(text)["manifests/monitoring/rules-llm-x.yaml"]
    assert rule["spec"] == RULES
    assert rule["metadata"]["namespace"] == "obs"
    assert rule["metadata"]["labels"] == {
        "app.kubernetes.io/part-of": "llm-controlplane",
        "release": "prom",
        "team": "ml",
    }


@pytest.mark.parametrize("kind", ["rules-llm-x", "podmonitor-llm-keda", "servicemonitor-llm-controlplane"])
def test_every_object_for_the_operator_explains_the_label_trap(kind: str) -> None:
    head = form_files(a_request(CLUSTER + ROLES), MADE)[f"manifests/monitoring/{kind}.yaml"].split("apiVersion")[0]
    assert "Selector picks these labels" in head
    assert "generate.monitoring.labels" in head


def test_a_configmap_holds_one_dashboard_compact_under_a_name_of_its_own() -> None:
    configmap = forms()["manifests/grafana/configmap-llm-fleet.yaml"]
    assert configmap["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert configmap["metadata"]["annotations"] == {"k8s-sidecar-target-directory": "LLM fleet"}
    ((name, text),) = configmap["data"].items()
    assert name == "llm-fleet.json"
    assert json.loads(text) == DASHBOARD
    assert text.count("\n") == 1
    assert ": " not in text


def test_a_grafana_dashboard_says_whose_it_is_and_where_it_goes() -> None:
    text = (
        CLUSTER + "generate: {forms: [grafana-dashboards], grafana: {instance_labels: {app: g}, folder: LLM}}" + ROLES
    )
    spec = forms(text)["manifests/grafana/grafanadashboard-llm-fleet.yaml"]["spec"]
    assert spec["instanceSelector"] == {"matchLabels": {"app": "g"}}
    assert spec["folder"] == "LLM"
    assert json.loads(spec["json"]) == DASHBOARD


def test_provisioning_points_at_the_folder_the_files_are_copied_to() -> None:
    (provider,) = forms()["manifests/grafana/provisioning.yaml"]["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards/llm-fleet"
    assert provider["allowUiUpdates"] is False


def monitors(text: str = CLUSTER + ROLES) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for path, document in forms(text).items():
        if document.get("kind") in {"PodMonitor", "ServiceMonitor"}:
            spec = document["spec"]
            (endpoint,) = spec.get("podMetricsEndpoints") or spec["endpoints"]
            yield path.rsplit("/", 1)[1].removesuffix(".yaml"), spec, endpoint


def test_every_monitor_and_every_job_is_bounded() -> None:
    seen = list(monitors())
    assert len(seen) >= 7
    for _, spec, endpoint in seen:
        assert (spec["sampleLimit"], spec["bodySizeLimit"], spec["labelLimit"]) == (50000, "16MiB", 64)
        assert endpoint["interval"] == "15s"
    for job in jobs(CLUSTER + ROLES).values():
        assert (job["sample_limit"], job["body_size_limit"], job["label_limit"]) == (50000, "16MiB", 64)


def test_limits_and_interval_are_those_of_our_own_scraper() -> None:
    text = (
        CLUSTER.replace(
            "prometheus: http://p:9090",
            "prometheus: http://p:9090, limits: {body: 1MiB, samples: 700}, scrape_interval: 30s",
        )
        + ROLES
    )
    assert {(s["sampleLimit"], s["bodySizeLimit"], e["interval"]) for _, s, e in monitors(text)} == {
        (700, "1MiB", "30s")
    }


def test_engines_are_found_by_their_labels_or_by_the_workload_that_owns_them() -> None:
    found = {name: (spec, endpoint) for name, spec, endpoint in monitors()}
    spec, endpoint = found["podmonitor-llm-engine-planner"]
    assert spec["selector"]["matchLabels"] == {"app": "planner"}
    assert endpoint["portNumber"] == 8001
    _, coder = found["podmonitor-llm-engine-coder"]
    assert coder["relabelings"][0]["regex"] == "ReplicaSet;coder-[a-z0-9]+"
    assert coder["portNumber"] == 8000
    _, critic = found["podmonitor-llm-engine-critic"]
    assert critic["relabelings"][0]["regex"] == "StatefulSet;critic"
    assert critic["portNumber"] == 30000


def test_labels_stay_where_rows_are_about_other_pods() -> None:
    honoured = {name for name, _, endpoint in monitors() if endpoint["honorLabels"]}
    assert honoured == {"podmonitor-llm-keda", "servicemonitor-llm-controlplane"}
    gpu = next(endpoint for name, _, endpoint in monitors() if name == "podmonitor-llm-dcgm")
    assert gpu["relabelings"][0] == {"action": "labeldrop", "regex": "namespace|pod|container"}
    assert not {"pod", "namespace"} & {
        rule["target_label"] for rule in jobs(CLUSTER + ROLES)["llm-dcgm"]["relabel_configs"] if "target_label" in rule
    }


def test_the_router_is_asked_with_a_token() -> None:
    router = next(endpoint for name, _, endpoint in monitors() if name == "podmonitor-llm-litellm")
    assert router["authorization"] == {"type": "Bearer", "credentials": {"name": "litellm-metrics", "key": "token"}}
    assert router["path"] == "/metrics/"
    assert jobs(CLUSTER + ROLES)["llm-litellm"]["authorization"]["credentials_file"].endswith("/litellm-metrics/token")


def test_what_is_scraped_already_can_be_left_out() -> None:
    text = CLUSTER + "generate: {monitoring: {scrape: [engines]}}" + ROLES
    assert {name.split("-llm-")[1].split("-")[0] for name, _, _ in monitors(text)} == {"engine"}
    assert {job.split("-")[1] for job in jobs(text)} == {"engine"}


def test_replicas_at_addresses_go_by_their_address() -> None:
    job = jobs(CLUSTER + ROLES)["llm-engine-remote"]
    assert job["static_configs"] == [{"targets": ["10.0.0.1:8000", "10.0.0.2:8000"]}]
    assert (job["scheme"], job["params"]) == ("https", {"x": ["1"]})
    assert job["relabel_configs"][0]["target_label"] == "pod"


def test_a_role_that_nothing_can_find_is_named_in_the_file() -> None:
    text = (
        "fleet: t\nsources: {prometheus: http://p:9090, dcgm: [http://gpu:9400]}\nroles: {chat: {model: {name: x}}}\n"
    )
    made = form_files(a_request(text), MADE)["manifests/monitoring/prometheus-scrape.yaml"]
    assert "Role chat is not read" in made
    assert set(jobs(text)) == {"llm-dcgm", "llm-controlplane"}


def test_a_targets_file_is_read_by_prometheus_too_under_the_name_fleet_yaml_gives_it() -> None:
    text = "fleet: t\nsources: {targets_file: targets.json}\nroles: {chat: {model: {name: x}}}\n"
    assert jobs(text)["llm-targets"]["file_sd_configs"] == [{"files": ["targets.json"]}]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("app=a", {"matchLabels": {"app": "a"}}),
        ("app==a,b=c", {"matchLabels": {"app": "a", "b": "c"}}),
        ("app!=a", {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}),
        ("app", {"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
        ("!app", {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}),
        ("a in (x, y)", {"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]}),
        (
            "a notin (x),b=1",
            {"matchLabels": {"b": "1"}, "matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]},
        ),
        ("", {}),
    ],
)
def test_a_selector_is_carried_over(written: str, wanted: object) -> None:
    assert selector_of(written) == wanted


# --- held against the real readers -------------------------------------------------------------------------------
def strict(schema: Any) -> Any:
    """The schema with unknown fields refused, as the API server refuses them."""
    if isinstance(schema, dict):
        made = {key: strict(value) for key, value in schema.items()}
        if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
        return {key: value for key, value in made.items() if key != "format"}
    return [strict(item) for item in schema] if isinstance(schema, list) else schema


@pytest.mark.real
@pytest.mark.parametrize("fleet", [f for f in FLEETS if f != "laptop"])
def test_objects_fit_the_operators_own_definitions(
    fleet: str, operator_definitions: Path, grafana_definitions: Path
) -> None:
    schemas = {}
    for file in (*operator_definitions.glob("*.yaml"), *grafana_definitions.glob("*.yaml")):
        definition = yaml.load(file.read_text(), yaml.CSafeLoader)["spec"]
        schema = strict(definition["versions"][0]["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        schemas[definition["names"]["kind"]] = Draft202012Validator(schema)
    checked: Counter[str] = Counter()
    for path, text in (of_example(fleet) | of_example(fleet, "\ngenerate: {forms: [grafana-dashboards]}\n")).items():
        document = yaml.safe_load(text)
        if document.get("kind") in schemas:
            problems = [f"{path}: {e.json_path}: {e.message}" for e in schemas[document["kind"]].iter_errors(document)]
            assert not problems
            checked[document["kind"]] += 1
    assert checked.total() >= 9
    assert checked["GrafanaDashboard"] == 1


def test_the_strict_schema_does_refuse_an_unknown_field() -> None:
    schema = strict({"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {}}}}})
    assert list(Draft202012Validator(schema).iter_errors({"spec": {"b": 1}}))


@pytest.mark.real
@pytest.mark.parametrize("fleet", FLEETS)
def test_both_prometheus_versions_read_the_scrape_configs(
    fleet: str, promtool_binary: Path, promtool3_binary: Path, tmp_path: Path
) -> None:
    text = of_example(fleet)["manifests/monitoring/prometheus-scrape.yaml"]
    jobs = yaml.safe_load(text)["scrape_configs"]
    without = [{k: v for k, v in job.items() if k != "kubernetes_sd_configs"} for job in jobs]
    old = yaml.safe_dump({"scrape_configs": without})  # Debian builds its 2.42 without discovery in Kubernetes
    for promtool, config in ((promtool_binary, old), (promtool3_binary, text)):
        (tmp_path / "prometheus.yml").write_text(config)
        command = [promtool, "check", "config", "--syntax-only", tmp_path / "prometheus.yml"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
