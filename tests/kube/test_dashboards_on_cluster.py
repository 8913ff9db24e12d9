"""The eight dashboards as objects in a real API server: for the sidecar, and for Grafana's operator by its own CRD."""

import json
from pathlib import Path

import pytest
import yaml

from controlplane.generate.dashboards import dashboard_files
from controlplane.generate.forms import form_files
from controlplane.generate.request import request_of
from controlplane.settings.load import examine
from tests.kube_api import Object, RefusedError
from tests.kube_cluster import Cluster
from tests.kube_processes import until

pytestmark = pytest.mark.real

FLEET = """\
fleet: t
sources: {{kubernetes: {{}}}}
generate: {{forms: [{form}], grafana: {{namespace: {space}}}}}
roles:
  worker: {{model: {{name: llama}}, pods: {{namespace: {space}, selector: app=worker}}}}
"""


@pytest.fixture(scope="module")
def grafana_kinds(kube: Cluster, grafana_definitions: Path) -> None:
    """The cluster knows Grafana's dashboards."""
    kube.apply(*(yaml.safe_load(file.read_text()) for file in grafana_definitions.glob("*.yaml")))

    def known() -> bool:
        try:
            served = kube.admin.get("/apis/grafana.integreatly.org/v1beta1")["resources"]
        except RefusedError:
            return False
        return "GrafanaDashboard" in {kind["kind"] for kind in served}

    until(known, why=lambda: "GrafanaDashboard is not served")


def made(space: str, form: str) -> tuple[dict[str, object], list[Object]]:
    """Uid → dashboard, and the objects that bring them."""
    text = FLEET.format(space=space, form=form)
    request = request_of(examine(text.encode(), folder=Path()), text)
    dashboards = dashboard_files(request)
    objects = [yaml.safe_load(body) for body in form_files(request, dashboards).values()]
    return {(board := json.loads(body))["uid"]: board for body in dashboards.values()}, objects


def test_grafanas_operator_gets_each_dashboard_whole(kube: Cluster, space: str, grafana_kinds: None) -> None:
    dashboards, objects = made(space, "grafana-dashboards")
    assert len(dashboards) == len(objects) == 8
    for there in kube.admin.apply(*objects, force=False):
        uid = there["metadata"]["name"]
        assert json.loads(there["spec"]["json"]) == dashboards.pop(uid)
        assert there["spec"]["instanceSelector"] and there["spec"]["folder"]
    assert not dashboards


def test_a_field_that_the_operator_does_not_know_is_refused(kube: Cluster, space: str, grafana_kinds: None) -> None:
    _, (one, *_) = made(space, "grafana-dashboards")
    one["spec"]["folders"] = "LLM"
    with pytest.raises(RefusedError, match="folders"):
        kube.admin.apply(one)


def test_the_sidecar_gets_each_dashboard_whole(kube: Cluster, space: str) -> None:
    dashboards, objects = made(space, "dashboard-configmaps")
    assert len(dashboards) == len(objects) == 8
    for there in kube.admin.apply(*objects, force=False):
        ((name, text),) = there["data"].items()
        assert json.loads(text) == dashboards.pop(name.removesuffix(".json"))
    assert not dashboards
