"""The doctor before a real Prometheus 2 and 3: rules that are all there, none, broken; engines scraped badly."""

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.cli.main import main
from controlplane.doctor import loaded, rules
from controlplane.generate.alerts import alert_files
from controlplane.generate.request import request_of
from controlplane.generate.rules import rule_files
from controlplane.settings.load import load_with_lines
from tests.collect.fake_http import Reply, fake_http
from tests.conftest import program
from tests.e2e.prometheus_server import prometheus

pytestmark = pytest.mark.real

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
REFERENCE = EXAMPLES / "reference-fleet.yaml"
PAGE = b"""\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="m",engine="0"} 1
# TYPE vllm:gpu_cache_usage_perc gauge
vllm:gpu_cache_usage_perc{model_name="m",engine="0"} 0.5
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",Hostname="n1",exported_pod="p"} 50
# TYPE kube_deployment_spec_replicas gauge
kube_deployment_spec_replicas{deployment="d",exported_namespace="llm"} 1
"""
BROKEN = {
    "record": "llm_role:requests_waiting:sum",
    "expr": 'label_replace(vector(1), "a", "$1", "b", "(")',
}


def texts(path: Path) -> Mapping[str, str]:
    """Rule files of an example, evaluated each second."""
    request = request_of(load_with_lines(path), path.read_text(encoding="utf-8"))
    made = {**rule_files(request), **alert_files(request)}
    return {name: _quick(text) for name, text in made.items() if name.startswith("rules/")}


def _quick(text: str) -> str:
    document = yaml.safe_load(text)
    for group in document["groups"]:
        group["interval"] = "1s"
    return json.dumps(document)


@dataclass
class Prometheus:
    """A running Prometheus whose rules can be changed."""

    url: str
    folder: Path

    def load(self, files: Mapping[str, str]) -> Any:
        """These rule files and no others; what the server says of them once each rule was evaluated."""
        for old in self.folder.rglob("*.yaml"):
            old.unlink()
        for name, text in files.items():
            file = self.folder / name.replace("/", "-")
            file.write_text(text)
        self.ask("POST", "/-/reload")
        deadline, pause = time.monotonic() + 30, threading.Event()  # noqa: TID251 – a real server takes real time
        while True:
            data = json.loads(self.ask("GET", "/api/v1/rules"))["data"]
            health = [rule["health"] for group in data["groups"] for rule in group["rules"]]
            if "unknown" not in health and len({g["file"] for g in data["groups"]}) == len(files):
                return data
            assert time.monotonic() < deadline, health  # noqa: TID251
            pause.wait(0.1)

    def scraped(self) -> None:
        """Wait until each of the three targets was scraped once."""
        deadline, pause = time.monotonic() + 30, threading.Event()  # noqa: TID251
        while True:
            targets = json.loads(self.ask("GET", "/api/v1/targets"))["data"]["activeTargets"]
            said = [target["health"] for target in targets]
            if sorted(said) == ["down", "up", "up"]:
                return
            assert time.monotonic() < deadline, said  # noqa: TID251
            pause.wait(0.1)

    def ask(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, path)
            reply = connection.getresponse()
            body = reply.read()
            assert reply.status == 200, body
            return body
        finally:
            connection.close()


@pytest.fixture(scope="module", params=["prometheus", "prometheus3"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Scrapes one engine under two jobs without limits, and under one whose limit the page is over."""
    folder = tmp_path_factory.mktemp(request.param)
    held = folder / "held"
    held.mkdir()
    with fake_http(lambda asked: Reply(PAGE, content_type="text/plain; version=0.0.4")) as page:
        address = page.url.removeprefix("http://").split("/")[0]
        job = {"scrape_interval": "1s", "static_configs": [{"targets": [address], "labels": {"pod": "p"}}]}
        settings = {
            "rule_files": [f"{held}/*.yaml"],
            "scrape_configs": [
                {"job_name": "engines", **job},
                {"job_name": "llm-engine-planner", **job, "sample_limit": 1, "body_size_limit": "1MB"},
                {"job_name": "more", **job},
            ],
        }
        with prometheus(program(request.param), folder, settings) as running:
            yield Prometheus(running.url, held)


def test_every_rule_of_every_example_is_loaded_healthy_and_recognised_as_ours(server: Prometheus) -> None:
    """What a server prints of a rule is the same query as what was generated, in either version."""
    for path in sorted(EXAMPLES.glob("*.yaml")):
        of = texts(path)
        groups = loaded.served(server.load(of))
        assert sum(len(group.rules) for group in groups) > 100
        assert {(rule.health, rule.error) for group in groups for rule in group.rules} == {("ok", "")}
        expected = [group for name, text in of.items() for group in loaded.written(json.loads(text), name)]
        assert rules.check(expected, groups) == ()


def examined(server: Prometheus, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    """Exit status and report of the command."""
    status = main(["doctor", str(REFERENCE), "--prometheus", server.url, "-o", "json", *more])
    return status, json.loads(capsys.readouterr().out)


def test_the_command_tells_missing_broken_and_badly_scraped(
    server: Prometheus, capsys: pytest.CaptureFixture[str]
) -> None:
    server.load({})
    server.scraped()
    status, report = examined(server, capsys)
    found = {row["check"]: row for row in report["rows"]}
    assert status == 1
    assert found["rules-none-loaded"]["severity"] == "critical"
    assert found["engine-scraped-twice"]["evidence"] == ["pod = p"]
    assert "vllm:gpu_cache_usage_perc" in found["engine-old-names"]["said"]
    assert found["labels-moved"]["subject"] == "kube-state-metrics"
    assert {r["subject"] for r in report["rows"] if r["check"] == "scrape-no-limits"} == {
        "scrape job engines",
        "scrape job more",
    }
    assert "sample limit exceeded" in found["scrape-failing"]["said"]
    assert found["scrape-failing"]["subject"] == "scrape job llm-engine-planner"
    facts = dict(report["facts"])
    assert facts["DCGM exporter"] == "names up to 4.8; label Hostname (up to 4.8.2); workloads in exported_pod"
    assert any("cluster" in part for part, _ in report["unseen"]), "what could not be looked at is said"


def test_the_command_names_a_rule_that_fails_and_one_that_is_old(
    server: Prometheus, capsys: pytest.CaptureFixture[str]
) -> None:
    held = dict(texts(REFERENCE))
    document = json.loads(held["rules/llm-roles.yaml"])
    document["groups"][0]["rules"].append(BROKEN)
    held["rules/llm-roles.yaml"] = json.dumps(document)
    del held["rules/llm-cost.yaml"]
    server.load(held)
    status, report = examined(server, capsys, "--fail-on", "critical")
    found = {row["check"]: row for row in report["rows"]}
    assert status == 1
    assert "invalid regular expression" in found["rules-unhealthy"]["evidence"][0]
    assert found["rules-missing"]["subject"].startswith("rule group llm-cost")
    old = [row for row in report["rows"] if row["check"] == "rules-old" and row["subject"].endswith("llm-roles")]
    assert old, "the interval of the test and the rule that was added"
