"""The wish for replicas through the real KEDA: exactly as wished, and something sound without us or Prometheus."""

import threading
import time
from typing import Any

import pytest
import yaml

from controlplane.generate.manifests.scaled_objects import scaled_object_files
from tests import kube_objects as objects
from tests.generate.fleets import NIGHT, WORKER, a_request
from tests.kube_cluster import Cluster
from tests.kube_processes import until

pytestmark = pytest.mark.real

WINDOW = 6
"""Seconds of the autoscaler's own window here; five minutes where it is meant."""
WISH = "llm_fleet_desired_replicas"


def generated(kube: Cluster, space: str, scaling: str = "signal: planner", roles: str = WORKER) -> dict[str, Any]:
    """The ScaledObject as it is generated for this cluster."""
    places = {"namespace: llm": f"namespace: {space}", "llm/": f"{space}/", "replicas: {min: 2": "replicas: {min: 1"}
    roles = roles.replace("meta-llama/", "meta/")
    request = a_request("{" + f"{scaling}, prometheus: '{kube.prometheus_url}'" + "}", roles, **places)
    (text,) = scaled_object_files(request).values()
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def in_a_hurry(document: dict[str, Any], window: int = 0) -> dict[str, Any]:
    """The same with steps of a test's time: nobody waits a minute for a third of the way."""
    behavior = document["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    for side in behavior.values():
        side["policies"] = [{"type": "Pods", "value": 1000, "periodSeconds": 1}]
    behavior["scaleDown"]["stabilizationWindowSeconds"] = window
    return document


def asked(kube: Cluster, space: str) -> int:
    """Replicas the Deployment is asked for."""
    return int(kube.admin.get(f"/apis/apps/v1/namespaces/{space}/deployments/worker")["spec"]["replicas"])


def why(kube: Cluster, space: str) -> object:
    hpas = kube.admin.get(f"/apis/autoscaling/v2/namespaces/{space}/horizontalpodautoscalers")["items"]
    return [hpa["status"] for hpa in hpas]


def reaches(kube: Cluster, space: str, number: int, within: float = 20) -> None:
    until(lambda: asked(kube, space) == number, within=within, why=lambda: (number, why(kube, space)))


def stays(kube: Cluster, space: str, number: int, seconds: float) -> None:
    pause, end = threading.Event(), time.monotonic() + seconds  # noqa: TID251 – a real server takes real time
    while time.monotonic() < end:  # noqa: TID251
        assert asked(kube, space) == number, why(kube, space)
        pause.wait(0.2)


def records(kube: Cluster, space: str, *, waiting: float, replicas: float, kv: float = 0.5) -> None:
    """What the rules have recorded of the role."""
    labels = {"namespace": space, "role": "worker", "model": "m", "phase": "both"}
    kube.metrics.set("llm_role:requests_waiting_per_replica:avg", waiting, **labels)
    kube.metrics.set("llm_role:kv_cache_usage:avg", kv, **labels)
    kube.metrics.set("llm_role:replicas:count", replicas, **labels)


def wish(kube: Cluster, space: str, count: int | None) -> None:
    labels = {"namespace": space, "role": "worker"}
    if count is None:
        kube.metrics.remove(WISH, **labels)
    else:
        kube.metrics.set(WISH, count, **labels)


def begin(kube: Cluster, space: str, document: dict[str, Any]) -> None:
    kube.apply(objects.deployment(space, "worker", replicas=1), document)


@pytest.mark.parametrize(
    ("keda", "wishes"),
    [("2.20.2", (2, 11, 12, 40, 39, 1)), ("2.19.0", (11, 12, 1))],
    ids=["formula", "one-query"],
)
def test_any_wish_is_reached_exactly(kube: Cluster, space: str, keda: str, wishes: tuple[int, ...]) -> None:
    records(kube, space, waiting=0, replicas=1)
    wish(kube, space, 1)
    begin(kube, space, in_a_hurry(generated(kube, space, f"signal: planner, keda: {keda}")))
    for count in wishes:
        wish(kube, space, count)
        reaches(kube, space, count)


def test_where_the_tolerance_is_dropped_bounds_reach_what_the_wish_cannot(kube: Cluster, space: str) -> None:
    document = in_a_hurry(generated(kube, space, "signal: planner, kubernetes: '1.32'"))
    records(kube, space, waiting=0, replicas=1)
    wish(kube, space, 11)
    begin(kube, space, document)
    reaches(kube, space, 11)
    wish(kube, space, 12)
    stays(kube, space, 11, 5)  # 12 of 11 is within the 10 % nobody set
    path = kube.admin.path_of(document)
    kube.admin.patch(path, {"spec": {"minReplicaCount": 12}})
    reaches(kube, space, 12)
    wish(kube, space, 11)
    kube.admin.patch(path, {"spec": {"minReplicaCount": 1, "maxReplicaCount": 11}})
    reaches(kube, space, 11)


def test_without_us_the_law_goes_on_and_without_prometheus_nothing_shrinks(kube: Cluster, space: str) -> None:
    records(kube, space, waiting=0, replicas=6)
    wish(kube, space, 6)
    begin(kube, space, in_a_hurry(generated(kube, space), WINDOW))
    reaches(kube, space, 6)

    wish(kube, space, None)  # our last complete tick is old
    stays(kube, space, 6, 3)
    records(kube, space, waiting=60, replicas=6)
    reaches(kube, space, 12, within=30)  # twice what answers, after three failures of the planner
    records(kube, space, waiting=0, replicas=6)  # six of the twelve still start: they are not taken away
    stays(kube, space, 12, WINDOW)

    with kube.down("prometheus"):
        wish(kube, space, 3)
        stays(kube, space, 12, WINDOW)
    back = time.monotonic()  # noqa: TID251
    reaches(kube, space, 3, within=WINDOW + 20)
    assert time.monotonic() - back >= WINDOW - 2.5, "both are back, and the fleet shrank at once"  # noqa: TID251


def test_with_neither_law_a_fleet_below_its_floor_rises_to_it(kube: Cluster, space: str) -> None:
    document = in_a_hurry(generated(kube, space))
    spec = document["spec"]
    spec["advanced"]["scalingModifiers"]["formula"] = spec["advanced"]["scalingModifiers"]["formula"].replace(
        "max(current, 1)", "max(current, 4)"
    )
    begin(kube, space, document)  # nobody has ever heard of this role
    reaches(kube, space, 4, within=30)


FORMS = [
    pytest.param(scaling, roles, id=f"{scaling} {roles.split(':')[0].strip()}")
    for scaling in (
        "signal: planner",
        "signal: reactive",
        "signal: planner, keda: 2.19.0",
        "signal: reactive, keda: '2.17'",
    )
    for roles in (WORKER, NIGHT)
]


@pytest.mark.parametrize(("scaling", "roles"), FORMS)
def test_kedas_webhook_takes_every_form(kube: Cluster, space: str, scaling: str, roles: str) -> None:
    document = generated(kube, space, scaling, roles)
    path = kube.admin.path_of(document)
    taken = kube.admin.ask(
        "PATCH", f"{path}?fieldManager=test&dryRun=All&fieldValidation=Strict", document, "application/apply-patch+yaml"
    )
    assert taken["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleUp"]["tolerance"] == "0"


def test_a_role_at_rest_is_woken_by_the_router(kube: Cluster, space: str) -> None:
    document = in_a_hurry(generated(kube, space, roles=NIGHT))
    document["spec"] |= {"pollingInterval": 1, "cooldownPeriod": 1}
    document["spec"]["scaleTargetRef"] = {"name": "worker"}
    document["spec"]["triggers"][2]["metadata"]["podSelector"] = "app=worker"
    kube.metrics.set("litellm_in_flight_requests", 0)
    kube.metrics.set(WISH, 0, namespace=space, role="night")
    kube.apply(objects.deployment(space, "worker", replicas=0), document)
    stays(kube, space, 0, 4)
    kube.metrics.set("litellm_in_flight_requests", 1)
    reaches(kube, space, 1)
    kube.metrics.set("litellm_in_flight_requests", 0)
    reaches(kube, space, 0)
    kube.metrics.set(WISH, 2, namespace=space, role="night")
    reaches(kube, space, 2)
