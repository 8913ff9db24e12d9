"""The doctor before a real cluster: objects that are there and that no Prometheus asks for; and who may not look."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.cli.main import main
from controlplane.generate.alerts import alert_files
from controlplane.generate.forms import form_files
from controlplane.generate.manifests.rights import changing, reading
from controlplane.generate.request import Request, request_of
from controlplane.generate.rules import rule_files
from controlplane.model.right import ACCOUNT, CHANGING
from controlplane.settings.load import load_with_lines
from tests.kube_api import RefusedError
from tests.kube_cluster import Cluster
from tests.kube_processes import until

pytestmark = pytest.mark.real

FLEET = """\
fleet: t
sources: {{prometheus: "{prometheus}", kubernetes: {{{cluster}}}}}
hands: {{mode: kubernetes, directory: patches}}
generate: {{monitoring: {{namespace: {space}, labels: {{release: {release}}}}}}}
roles:
  worker:
    model: {{name: llama}}
    replicas: {{min: 1, max: 4}}
    workload: {space}/worker
    scaled_object: {space}/worker
"""


def a_prometheus(space: str) -> dict[str, Any]:
    """As kube-prometheus-stack installs it under the name ``prom``."""
    picks = {"matchLabels": {"release": "prom"}}
    spec = {f"{kind}Selector": picks for kind in ("rule", "serviceMonitor", "podMonitor")}
    meta = {"name": "k8s", "namespace": space}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": meta, "spec": spec}


def written(folder: Path, cluster: Cluster, space: str, release: str, where: str = "") -> Path:
    """A fleet.yaml."""
    file = folder / "fleet.yaml"
    file.write_text(FLEET.format(prometheus=cluster.prometheus_url, space=space, release=release, cluster=where))
    return file


def request(file: Path) -> Request:
    return request_of(load_with_lines(file), file.read_text())


def objects(file: Path) -> list[dict[str, Any]]:
    """Everything that is generated for the operator."""
    asked = request(file)
    forms = form_files(asked, {**rule_files(asked), **alert_files(asked)})
    found = [
        yaml.load(text, yaml.CSafeLoader) for path, text in forms.items() if path.startswith("manifests/monitoring/")
    ]
    return [document for document in found if "apiVersion" in document]


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Callable[[Path, Path], dict[str, Any]]:
    """The command's report."""

    def examined(file: Path, kubeconfig: Path) -> dict[str, Any]:
        assert main(["doctor", str(file), "--kubeconfig", str(kubeconfig), "-o", "json", "--fail-on", "never"]) == 0
        return json.loads(capsys.readouterr().out)

    return examined


@pytest.fixture(scope="module")
def operator_kinds(kube: Cluster, operator_definitions: Path) -> None:
    """The cluster knows the Prometheus operator's kinds."""
    kube.apply(*(yaml.load(file.read_text(), yaml.CSafeLoader) for file in sorted(operator_definitions.glob("*.yaml"))))

    def known() -> bool:
        try:
            served = kube.admin.get("/apis/monitoring.coreos.com/v1")["resources"]
        except RefusedError:
            return False
        return {"Prometheus", "PrometheusRule", "PodMonitor", "ServiceMonitor"} <= {kind["kind"] for kind in served}

    until(known, why=lambda: "the operator's kinds are not served")


def test_the_api_server_takes_every_object_and_the_doctor_names_the_label_that_nobody_asks_for(
    kube: Cluster, space: str, operator_kinds: None, doctor: Callable[[Path, Path], dict[str, Any]], tmp_path: Path
) -> None:
    wrong = written(tmp_path, kube, space, "kube-prometheus-stack")
    kube.apply(a_prometheus(space), *objects(wrong))
    report = doctor(wrong, kube.kubeconfig())
    ignored = [row for row in report["rows"] if row["check"] == "operator-label"]
    assert len(ignored) == len(objects(wrong))
    assert f"Prometheus {space}/k8s asks for release: prom" in ignored[0]["said"]
    assert ignored[0]["fix"] == "generate: {monitoring: {labels: {release: prom}}}"

    right = written(tmp_path, kube, space, "prom")
    kube.apply(*objects(right))
    report = doctor(right, kube.kubeconfig())
    found = {row["check"] for row in report["rows"]}
    assert "operator-label" not in found
    assert "operator-not-loaded" in found, "no operator runs here: selected, and still not loaded"
    assert report["unseen"] == []


def test_who_may_not_look_is_told_so_and_gets_the_rest(
    kube: Cluster, space: str, operator_kinds: None, doctor: Callable[[Path, Path], dict[str, Any]], tmp_path: Path
) -> None:
    kube.allow(space, "reader", ["get", "list"], "keda.sh", ["scaledobjects"])
    report = doctor(written(tmp_path, kube, space, "prom"), kube.kubeconfig("reader"))
    missed = {part.split()[1] for part, why in report["unseen"] if "403" in why or "not authorised" in why}
    assert {"prometheuses", "prometheusrules", "deployments"} <= missed
    assert "scaledobjects" not in missed


def rights(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Rows about rights, by what is said up to what it leads to."""
    return {row["said"].partition(":")[0]: row for row in report["rows"] if row["check"].startswith("rights-")}


def test_an_account_lacks_what_the_rows_say_and_their_yaml_gives_exactly_that(
    kube: Cluster, space: str, doctor: Callable[[Path, Path], dict[str, Any]], tmp_path: Path
) -> None:
    user = f"oncall-{space}"
    kinds = {"": "pods", "autoscaling": "horizontalpodautoscalers", "apps": "deployments", "keda.sh": "scaledobjects"}
    for group, kind in kinds.items():
        kube.allow(space, user, ["get", "list"], group, [kind])
    file = written(tmp_path, kube, space, "prom")
    found = rights(doctor(file, kube.kubeconfig(user)))
    assert {said: row["severity"] for said, row in found.items()} == {
        f"may not patch ScaledObject {space}/worker": "critical",
        f"may not get namespaces {space}": "critical",
        "may not list, watch nodes": "info",
        **{f"may not watch {f'{kind}.{group}' if group else kind} in {space}": "info" for group, kind in kinds.items()},
    }
    kube.apply(*(part for row in found.values() for part in yaml.load_all(row["fix"], yaml.CSafeLoader)))
    report = doctor(file, kube.kubeconfig(user))
    assert rights(report) == {}
    assert ["Account", f"{user}; has 13 of the 13 rights it takes"] in report["facts"]
    for kind in ("clusterroles", "clusterrolebindings"):
        kube.admin.delete(f"/apis/rbac.authorization.k8s.io/v1/{kind}/llm-controlplane-list-watch-nodes")


def test_from_outside_it_asks_about_the_account_that_runs_inside(
    kube: Cluster, space: str, doctor: Callable[[Path, Path], dict[str, Any]], tmp_path: Path
) -> None:
    file = written(tmp_path, kube, space, "prom", "in_cluster: true")
    found = rights(doctor(file, kube.kubeconfig()))
    row = found[f"may not get, patch ScaledObject {space}/worker"]
    assert (row["subject"], row["fix"]) == (ACCOUNT, CHANGING)

    asked = request_of(load_with_lines(file), file.read_text())
    made = [
        part for part in (*reading(asked.settings), *changing(asked.settings)) if "Cluster" not in str(part["kind"])
    ]
    kube.apply(*made)
    report = doctor(file, kube.kubeconfig())
    assert not [said for said in rights(report) if "nodes" not in said], "the generated Roles are all it takes"

    kube.allow(space, "curious", ["get", "list"], "keda.sh", ["scaledobjects"])
    report = doctor(file, kube.kubeconfig("curious"))
    assert ["cluster: what the account may do", "not authorised: status 403: create subjectaccessreviews"] in report[
        "unseen"
    ]
