"""``controlplane doctor`` from the outside: what it is given, what it prints, how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane.cli.main import main
from tests.collect.fake_http import Asked, Reply, fake_http

ROOT = Path(__file__).parents[2]
LAPTOP = ROOT / "docs" / "examples" / "laptop.yaml"
GOOD = ROOT / "tests" / "doctor" / "good"
OBJECT = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker, namespace: llm}
spec:
  scaleTargetRef: {name: worker}
  triggers:
    - type: prometheus
      metadata: {serverAddress: "http://p:9090", query: "vllm:num_requests_waiting", threshold: "5"}
"""
PROMETHEUS = """\
apiVersion: v1
kind: List
items:
  - kind: Prometheus
    metadata: {name: k8s, namespace: monitoring}
    spec: {ruleSelector: {matchLabels: {release: prom}}, ruleNamespaceSelector: {}}
  - kind: PrometheusRule
    metadata: {name: llm-roles, namespace: monitoring, labels: {app.kubernetes.io/part-of: llm-controlplane}}
    spec: {groups: []}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def doctor(*arguments: str | Path) -> tuple[int, str, str]:
        status = main(["doctor", *map(str, arguments)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return doctor


def checks(out: str) -> set[str]:
    return {row["check"] for row in json.loads(out)["rows"]}


def test_objects_in_a_file_need_no_fleet_and_no_server(run: Run, tmp_path: Path) -> None:
    (tmp_path / "so.yaml").write_text(OBJECT)
    status, out, _ = run(tmp_path / "so.yaml", "-o", "json")
    assert status == 1
    assert "keda-no-data-is-zero" in checks(out)


def test_a_folder_is_walked_and_a_list_is_opened(run: Run, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "all.yml").write_text(PROMETHEUS)
    status, out, _ = run(tmp_path)
    assert status == 1
    assert "asks for release: prom" in out
    assert "generate: {monitoring: {labels: {release: prom}}}" in out


def test_good_objects_end_well(run: Run) -> None:
    status, out, _ = run(GOOD)
    assert (status, out.strip()) == (0, "nothing found")


@pytest.mark.parametrize(("limit", "status"), [("critical", 1), ("warning", 1), ("never", 0)])
def test_fail_on_moves_where_it_fails(run: Run, tmp_path: Path, limit: str, status: int) -> None:
    (tmp_path / "p.yaml").write_text(PROMETHEUS)
    assert run(tmp_path / "p.yaml", "--fail-on", limit)[0] == status


@pytest.mark.parametrize("arguments", [(), (LAPTOP,), (LAPTOP, "--offline")], ids=str)
def test_nothing_to_look_at_is_no_success(run: Run, arguments: tuple[Path, ...]) -> None:
    status, _, err = run(*arguments)
    assert status == 2
    assert "nothing to look at" in err


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "cannot be read"),
        ("a: [", "is not YAML"),
        ("fleet: x\nroles: {}\n", "roles"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(run: Run, tmp_path: Path, written: str | None, said: str) -> None:
    file = tmp_path / "f.yaml"
    if written is not None:
        file.write_text(written)
    status, _, err = run(file)
    assert status == 2
    assert said in err and str(file) in err
    assert "Traceback" not in err


def test_two_fleets_are_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(LAPTOP.read_text())
    assert run(LAPTOP, tmp_path / "other.yaml")[0] == 2


def a_server(asked: Asked) -> Reply:
    """A Thanos: no rules of ours, no configuration, an error for targets."""
    data: Any = {"resultType": "vector", "result": []}
    if asked.path.endswith("/rules"):
        data = {"groups": []}
    elif asked.path.endswith("/values"):
        data = []
    elif "status" in asked.path or asked.path.endswith("/targets"):
        return Reply(json.dumps({"status": "error", "error": "no such thing"}).encode(), status=404)
    return Reply(json.dumps({"status": "success", "data": data}).encode())


def test_what_a_server_does_not_show_is_said_and_the_rest_is_examined(run: Run) -> None:
    with fake_http(a_server) as server:
        status, out, _ = run(LAPTOP, "--prometheus", server.url, "-o", "json")
    report = json.loads(out)
    assert status == 1
    assert "rules-none-loaded" in checks(out)
    assert (
        dict(report["facts"])["Adoption"] == "stage 0 of 4; for stage 1, one agent proves its value: scrape an engine"
    )
    missed = {what for what, _ in report["unseen"]}
    assert missed == {"Prometheus: version", "Prometheus: targets", "Prometheus: configuration"}


def test_a_server_that_is_not_there_is_said_and_fails(run: Run) -> None:
    status, out, _ = run(LAPTOP, "--prometheus", "http://127.0.0.1:1")
    assert status == 1
    assert "prometheus-unreachable" in out


def test_asking_about_many_names_takes_several_short_questions(run: Run) -> None:
    with fake_http(a_server) as server:
        run(LAPTOP, "--prometheus", server.url)
        questions = [asked for asked in server.asked if asked.path.endswith("/values")]
    assert questions
    assert max(len(asked.fields["match[]"]) for asked in questions) < 8000
