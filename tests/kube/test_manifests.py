"""Our own manifests on a real API server: accepted, restricted, and able to do exactly what they promise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.generate.manifests import manifest_files
from controlplane.generate.manifests.things import NAME, NAMESPACE, SERVICE_ACCOUNT
from controlplane.generate.request import request_of
from controlplane.settings.load import examine
from tests import kube_objects as objects
from tests.kube_api import Api, RefusedError
from tests.kube_cluster import Cluster
from tests.kube_processes import until

pytestmark = pytest.mark.real

FLEET = """
fleet: agents
sources: {{kubernetes: {{in_cluster: true}}}}
roles:
  worker:
    model: {{name: m}}
    replicas: {{min: 2, max: 12}}
    scaled_object: {space}/worker
    workload: {space}/worker
    pods: {{namespace: {space}, selector: app=worker}}
    mode: propose
  embedder:
    model: {{name: e}}
    scaled_object: {space}/embedder
    workload: {space}/embedder
    pods: {{namespace: {space}, selector: app=embedder}}
    mode: observe
hands: {{mode: kubernetes}}
serve: {{host: 0.0.0.0, token_file: /run/secrets/controlplane/token}}
"""
READS = {"get", "list", "watch"}
WRITES = ("create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    ("", "pods"),
    ("", "secrets"),
    ("", "configmaps"),
    ("", "nodes"),
    ("", "namespaces"),
    ("", "serviceaccounts"),
    ("apps", "deployments"),
    ("apps", "deployments/scale"),
    ("apps", "statefulsets"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("keda.sh", "scaledobjects"),
    ("keda.sh", "triggerauthentications"),
    ("rbac.authorization.k8s.io", "roles"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
)


def documents(space: str, part: str) -> Iterator[dict[str, Any]]:
    text = FLEET.format(space=space)
    made = manifest_files(request_of(examine(text.encode(), file="/etc/fleet.yaml", folder=Path("/etc")), text))
    for name, content in made.items():
        if name.startswith(f"manifests/controlplane/{part}/") and not name.endswith("kustomization.yaml"):
            yield from yaml.safe_load_all(content)


@pytest.fixture
def installed(kube: Cluster, space: str) -> Iterator[str]:
    """The base, and two ScaledObjects with what they scale."""
    base = sorted(documents(space, "base"), key=lambda d: d["kind"] != "Namespace")
    kube.apply(*base)
    for name in ("worker", "embedder"):
        kube.apply(objects.deployment(space, name, replicas=2))
        query = f'wished{{namespace="{space}"}}'
        kube.apply(
            objects.scaled_object(
                space, name, query, prometheus=kube.prometheus_url, minReplicaCount=2, maxReplicaCount=4
            )
        )
    yield space
    for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings"):
        kube.admin.delete(f"/apis/admissionregistration.k8s.io/v1/{kind}/{NAME}")
    kube.admin.delete(f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{NAME}-test")


def allowed(kube: Cluster, space: str, verb: str, group: str, resource: str, *, name: str = "") -> bool:
    plural, _, sub = resource.partition("/")
    wanted = {"namespace": space, "verb": verb, "group": group, "resource": plural, "subresource": sub, "name": name}
    asked = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": SERVICE_ACCOUNT, "groups": ["system:authenticated"], "resourceAttributes": wanted},
    }
    review = kube.admin.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", asked)
    return bool(review["status"]["allowed"])


def matrix(kube: Cluster, space: str, name: str) -> set[tuple[str, str]]:
    """Everything that is allowed, of all verbs on all resources."""
    return {
        (verb, resource)
        for group, resource in RESOURCES
        for verb in (*READS, *WRITES)
        if allowed(kube, space, verb, group, resource, name=name)
    }


def test_under_observe_nothing_can_be_written(kube: Cluster, installed: str):
    may = matrix(kube, installed, "worker")
    assert {resource for _, resource in may} == {
        "pods", "nodes", "deployments", "horizontalpodautoscalers", "scaledobjects",
    }  # fmt: skip
    assert {verb for verb, _ in may} == READS
    assert not [r for v, r in matrix(kube, "kube-system", "worker") if r != "nodes"], "and nowhere else"


def test_under_apply_only_patch_on_the_objects_that_may_be_changed(kube: Cluster, installed: str):
    kube.apply(*documents(installed, "overlays/apply"))
    before = matrix(kube, installed, "embedder")
    assert {verb for verb, _ in before} == READS, "what is only observed cannot be written"
    writes = {(v, r) for v, r in matrix(kube, installed, "worker") if v not in READS}
    assert writes == {("patch", "scaledobjects")}
    assert allowed(kube, installed, "get", "", "namespaces", name=installed), "the kill switch on the namespace"


def test_the_pod_is_let_in_by_pod_security_and_runs(kube: Cluster, installed: str):
    def ready() -> bool:
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}"
        conditions = kube.admin.get(path).get("status", {}).get("conditions", [])
        refused = [c for c in conditions if c["type"] == "ReplicaFailure"]
        assert not refused, refused
        return bool(kube.admin.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"])

    until(ready, within=30, why=lambda: kube.admin.get(f"/api/v1/namespaces/{NAMESPACE}/events")["items"])


def test_the_admission_policy_refuses_all_but_what_is_promised_even_with_every_right(kube: Cluster, installed: str):
    kube.apply(*documents(installed, "overlays/apply"))
    everything = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{NAME}-test"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }
    kube.apply(everything)
    us = kube.user(SERVICE_ACCOUNT)
    worker = f"/apis/keda.sh/v1alpha1/namespaces/{installed}/scaledobjects/worker"
    until(lambda: refused(us, "PATCH", worker, {"spec": {"pollingInterval": 7}}), within=30, why=lambda: "no policy")

    us.patch(worker, {"spec": {"maxReplicaCount": 6}})
    us.patch(worker, {"spec": {"minReplicaCount": 3, "maxReplicaCount": 12}})
    us.patch(worker, {"metadata": {"annotations": {"controlplane.llm-fleet.dev/last-action": "chg-1"}}})
    us.patch(worker, {"spec": {"minReplicaCount": None}})  # an undo may have to give the field up again
    within = {
        "above the ceiling": {"spec": {"maxReplicaCount": 13}},
        "below the floor": {"spec": {"minReplicaCount": 1}},
        "a trigger": {"spec": {"triggers": [{"type": "cron", "metadata": {}}]}},
        "a new field": {"spec": {"idleReplicaCount": 0}},
        "a label": {"metadata": {"labels": {"team": "x"}}},
        "pausing": {"metadata": {"annotations": {"autoscaling.keda.sh/paused": "true"}}},
        "a finalizer": {"metadata": {"finalizers": ["x.y/z"]}},
    }
    let_through = [words for words, change in within.items() if not refused(us, "PATCH", worker, change)]
    assert not let_through
    with pytest.raises(RefusedError):  # by KEDA's own schema before ours is asked
        us.patch(worker, {"spec": {"minReplicaCount": 7, "maxReplicaCount": 6}})
    embedder = worker.replace("/worker", "/embedder")
    scale = f"/apis/apps/v1/namespaces/{installed}/deployments/worker/scale"
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    assert refused(us, "PATCH", embedder, {"spec": {"maxReplicaCount": 5}}), "observe means observe"
    assert refused(us, "PATCH", scale, {"spec": {"replicas": 5}})
    assert refused(us, "DELETE", worker)
    assert refused(us, "POST", f"/api/v1/namespaces/{installed}/configmaps", config)
    kube.admin.patch(worker, {"spec": {"pollingInterval": 7}})  # it binds nobody else


def refused(us: Api, method: str, path: str, body: Any = None) -> bool:
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    try:
        us.ask(method, f"{path}?dryRun=All", body, kind)
    except RefusedError as problem:
        return f"ValidatingAdmissionPolicy '{NAME}'" in problem.body
    return False
