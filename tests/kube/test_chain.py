"""The chain that must live: a metric → Prometheus → KEDA → HPA → Deployment → pods on nodes with GPUs."""

import pytest

from tests import kube_objects as objects
from tests.kube_api import RefusedError
from tests.kube_cluster import Cluster
from tests.kube_processes import until

pytestmark = pytest.mark.real


def ready(kube: Cluster, space: str, name: str = "worker") -> int:
    return kube.admin.get(f"/apis/apps/v1/namespaces/{space}/deployments/{name}")["status"].get("readyReplicas", 0)


def reaches(kube: Cluster, space: str, number: int) -> None:
    hpas = f"/apis/autoscaling/v2/namespaces/{space}/horizontalpodautoscalers"
    until(lambda: ready(kube, space) == number, why=lambda: kube.admin.get(hpas))


def test_a_metric_becomes_as_many_pods_on_gpus(kube: Cluster, space: str) -> None:
    query = f'wished{{namespace="{space}"}}'
    kube.metrics.set("wished", 3, namespace=space)
    scaled = objects.scaled_object(space, "worker", query, prometheus=kube.prometheus_url)
    kube.apply(objects.deployment(space, "worker"), scaled)
    reaches(kube, space, 3)
    pods = kube.admin.get(f"/api/v1/namespaces/{space}/pods")["items"]
    assert {p["spec"]["nodeName"] for p in pods} <= {"gpu-a", "gpu-b"}
    for wished in (7, 2):
        kube.metrics.set("wished", wished, namespace=space)
        reaches(kube, space, wished)


def test_pods_without_a_gpu_wait_and_say_so(kube: Cluster, space: str) -> None:
    kube.apply(objects.deployment(space, "worker", replicas=8, gpus="nvidia.com/mig-1g.10gb"))
    reaches(kube, space, 7)
    pods = kube.admin.get(f"/api/v1/namespaces/{space}/pods?fieldSelector=status.phase=Pending")["items"]
    (waiting,) = pods
    (scheduled,) = [c for c in waiting["status"]["conditions"] if c["type"] == "PodScheduled"]
    assert scheduled["reason"] == "Unschedulable"
    assert "Insufficient nvidia.com/mig-1g.10gb" in scheduled["message"]


def test_a_cold_start_takes_as_long_as_the_test_says(kube: Cluster, space: str) -> None:
    kube.apply(objects.deployment(space, "worker", replicas=1, ready_after="2s"))
    reaches(kube, space, 1)
    (pod,) = kube.admin.get(f"/api/v1/namespaces/{space}/pods")["items"]
    (became,) = [c["lastTransitionTime"] for c in pod["status"]["conditions"] if c["type"] == "Ready"]
    assert became > pod["metadata"]["creationTimestamp"]


def test_kedas_webhook_refuses_what_it_should(kube: Cluster, space: str) -> None:
    first = objects.scaled_object(space, "worker", "vector(1)", prometheus=kube.prometheus_url)
    second = first | {"metadata": {"namespace": space, "name": "second"}}
    kube.apply(objects.deployment(space, "worker"), first)
    with pytest.raises(RefusedError, match=r"denied the request.*already managed by the ScaledObject"):
        kube.apply(second)


def test_users_may_do_what_they_are_allowed_and_no_more(kube: Cluster, space: str) -> None:
    reader = f"system:serviceaccount:{space}:reader"
    kube.allow(space, reader, ["get", "list"], "apps", ["deployments"])
    for user in (kube.user(reader), kube.user("person", "readers")):
        assert user.get("/version")["gitVersion"].startswith("v1.")
    assert kube.user(reader).get(f"/apis/apps/v1/namespaces/{space}/deployments")["items"] == []
    with pytest.raises(RefusedError, match="403"):
        kube.user("person").get(f"/apis/apps/v1/namespaces/{space}/deployments")
    with pytest.raises(RefusedError, match="403"):
        kube.user(reader).apply(objects.deployment(space, "worker"))


def test_a_program_that_was_down_or_hung_comes_back(kube: Cluster, space: str) -> None:
    with kube.down("keda-adapter"):
        assert kube.processes["keda-adapter"].running is None
    kube.metrics_api_ready()
    with kube.paused("kube-apiserver"), pytest.raises(TimeoutError):
        kube.admin.ask("GET", "/readyz", timeout=0.3)
    assert until(lambda: kube.admin.get("/readyz") == "ok")
