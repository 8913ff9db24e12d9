"""What a real cluster does is read as what it is: C10, C13, C14, C15, machines, a cold start to its first token."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controlplane.clock import SystemClock
from controlplane.collect.eyes import FleetEyes
from controlplane.collect.kubernetes import KubernetesSource
from controlplane.collect.kubernetes_following import Following
from controlplane.collect.kubernetes_objects import PodSelection
from controlplane.collect.scraper import Scraper
from controlplane.collect.targets import Targets
from controlplane.decide.guardrails.steady import Steady
from controlplane.estimate.beliefs import estimate
from controlplane.model.keys import ObjectRef, RoleName
from controlplane.model.role import Bounds, Engine, GpuSpec, ModelSpec, RoleSpec
from controlplane.model.sighting import WorkloadSighting
from controlplane.model.workload import ScalerView, standing
from controlplane.observe.assemble import History, assemble
from controlplane.promql.catalogue import WANTED
from tests import kube_objects as objects
from tests.builders import a_calm_role
from tests.collect.fake_http import Reply, fake_http
from tests.decide.cases import a_case, least
from tests.kube.reading import reading
from tests.kube_cluster import Cluster
from tests.kube_processes import until
from tests.real_servers import free_port

pytestmark = pytest.mark.real

WORKER = RoleName("worker")
CLOCK = SystemClock()


def role(space: str, **changes: Any) -> RoleSpec:
    given: dict[str, Any] = {
        "name": WORKER,
        "model": ModelSpec(name="m"),
        "engine": Engine.VLLM,
        "gpus": GpuSpec(type="h100"),
        "replicas": Bounds(min=1, max=4),
        "scaled_object": ObjectRef("ScaledObject", space, "worker"),
    }
    return RoleSpec(**given | changes)


@pytest.fixture
def source(kube: Cluster, space: str) -> Iterator[KubernetesSource]:
    source = KubernetesSource(Following(reading(kube, "admin"), CLOCK), [role(space)], pods={}, clock=CLOCK)
    yield source
    source.close()


def sees(source: KubernetesSource, holds: Callable[[WorkloadSighting], Any], within: float = 20) -> WorkloadSighting:
    """Wait until what is seen of the role is so."""
    seen: list[WorkloadSighting | None] = [None]

    def look() -> WorkloadSighting | None:
        seen[0] = source.look(CLOCK.now()).workloads.get(WORKER)
        return seen[0] if seen[0] is not None and holds(seen[0]) else None

    return until(look, within=within, why=lambda: seen[0])


def scaler(seen: WorkloadSighting) -> ScalerView:
    return seen.scaler or ScalerView()


def scaled(kube: Cluster, space: str, wished: int) -> None:
    """A Deployment and a ScaledObject that follows what we wish."""
    kube.metrics.set("wished", wished, namespace=space)
    query = f'wished{{namespace="{space}"}}'
    kube.apply(objects.deployment(space, "worker"))
    kube.apply(objects.scaled_object(space, "worker", query, prometheus=kube.prometheus_url))


def test_c10_c13_a_scaler_is_seen_to_work_to_be_paused_and_to_be_blind(
    kube: Cluster, space: str, source: KubernetesSource
) -> None:
    scaled(kube, space, 2)
    seen = sees(source, lambda s: scaler(s).metric_known and s.ready == 2)
    assert (scaler(seen).ready, scaler(seen).blind, scaler(seen).paused) == (True, False, False)
    assert (scaler(seen).kept_by, seen.bounds, seen.rolling_out) == ("test", Bounds(min=1, max=50), False)
    assert seen.pods is not None and all(pod.created and pod.ready_since and pod.node for pod in seen.pods)

    path = f"/apis/keda.sh/v1alpha1/namespaces/{space}/scaledobjects/worker"
    kube.admin.patch(path, {"metadata": {"annotations": {"autoscaling.keda.sh/paused": "true"}}})
    assert not scaler(sees(source, lambda s: scaler(s).paused)).blind
    kube.admin.patch(path, {"metadata": {"annotations": {"autoscaling.keda.sh/paused": None}}})
    sees(source, lambda s: scaler(s).paused is False and scaler(s).metric_known)

    with kube.down("keda-adapter"):  # a dead operator takes 62 s to show: the HPA waits for the API's own time-out
        blind = sees(source, lambda s: scaler(s).blind)
        assert "unable to fetch metrics from external metrics API" in scaler(blind).problem
    sees(source, lambda s: scaler(s).metric_known and not scaler(s).blind, within=40)


def test_c14_a_rollout_and_pods_that_are_not_ready_are_seen(kube: Cluster, space: str) -> None:
    spec = role(space, scaled_object=None, workload=ObjectRef("Deployment", space, "worker"))
    with contextlib.closing(
        KubernetesSource(Following(reading(kube, "admin"), CLOCK), [spec], pods={}, clock=CLOCK)
    ) as source:
        kube.apply(objects.deployment(space, "worker", replicas=4))
        sees(source, lambda s: s.ready == 4 and s.rolling_out is False)
        kube.apply(objects.deployment(space, "worker", replicas=4, ready_after="24h"))
        seen = sees(source, lambda s: s.rolling_out)
        assert seen.pods is not None and any(pod.ready_since is None for pod in seen.pods)
        kube.apply(objects.deployment(space, "worker", replicas=4))
        sees(source, lambda s: s.ready == 4 and s.rolling_out is False)


def test_c14_while_a_machine_is_drained_nothing_is_taken_away(kube: Cluster, space: str) -> None:
    spec = role(space, scaled_object=None, workload=ObjectRef("Deployment", space, "worker"))
    kube.add_node(objects.node(space, {f"{space}/gpu": 8}))
    kube.apply(objects.deployment(space, "worker", replicas=4, gpus=f"{space}/gpu"))
    with contextlib.closing(
        KubernetesSource(Following(reading(kube, "admin"), CLOCK), [spec], pods={}, clock=CLOCK)
    ) as source:
        assert verdict(sees(source, lambda s: s.ready == 4))
        kube.admin.patch(f"/api/v1/nodes/{space}", {"spec": {"unschedulable": True}})
        for pod in kube.admin.get(f"/api/v1/namespaces/{space}/pods")["items"][:2]:
            name = pod["metadata"]["name"]
            eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"namespace": space, "name": name}}
            kube.admin.ask("POST", f"/api/v1/namespaces/{space}/pods/{name}/eviction", eviction)
        assert not verdict(sees(source, lambda s: s.ready == 2 and len(s.pods or ()) == 4))
        kube.admin.patch(f"/api/v1/nodes/{space}", {"spec": {"unschedulable": False}})
        assert verdict(sees(source, lambda s: s.ready == 4))
    kube.admin.delete(f"/api/v1/nodes/{space}")


def verdict(seen: WorkloadSighting) -> bool:
    """Whether a replica may be taken away from a role that stands so."""
    stands = standing(seen.scaler, seen.pods, seen.rolling_out)
    view = replace(a_calm_role(), bounds=Bounds(min=2, max=8), standing=stands)
    return Steady().check(a_case(least(3, 2), view)).passed


def test_c15_pods_that_find_no_gpu_are_seen_with_the_schedulers_words(kube: Cluster, space: str) -> None:
    spec = role(space, scaled_object=None, workload=ObjectRef("StatefulSet", space, "worker"))
    wanted = objects.deployment(space, "worker", replicas=9, gpus="nvidia.com/mig-1g.10gb")
    wanted["kind"], wanted["spec"]["podManagementPolicy"], wanted["spec"]["serviceName"] = (
        "StatefulSet",
        "Parallel",
        "w",
    )
    with contextlib.closing(
        KubernetesSource(Following(reading(kube, "admin"), CLOCK), [spec], pods={}, clock=CLOCK)
    ) as source:
        kube.apply(wanted)
        seen = sees(source, lambda s: s.ready == 7 and sum(bool(p.unschedulable) for p in s.pods or ()) == 2)
        (why,) = {pod.unschedulable for pod in seen.pods or () if pod.unschedulable}
        assert "Insufficient nvidia.com/mig-1g.10gb" in why
        assert seen.rolling_out is False, "a StatefulSet that grows does not roll out"
        seen_machines = {m.name: (m.ready, dict(m.gpus), m.mig_layout) for m in source.look(CLOCK.now()).machines}
    assert seen_machines["mig-a"] == (True, {"nvidia.com/mig-1g.10gb": 7}, "all-1g.10gb")
    assert seen_machines["gpu-a"] == (True, {"nvidia.com/gpu": 64}, "")


@contextlib.contextmanager
def running(scraper: Scraper) -> Iterator[None]:
    """Scrape until the block ends."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(scraper.run())

    def scrape() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()


def page(tokens: int) -> bytes:
    labels = '{engine="0",model_name="m"}'
    gauges = {"num_requests_running": 1, "num_requests_waiting": 0, "kv_cache_usage_perc": 0.5}
    lines = [f"# TYPE vllm:{name} gauge\nvllm:{name}{labels} {value}" for name, value in gauges.items()]
    counter = f"# TYPE vllm:generation_tokens counter\nvllm:generation_tokens_total{labels} {tokens}"
    return "\n".join([*lines, counter, ""]).encode()


def test_a_cold_start_is_measured_from_the_pods_creation_to_its_first_token(kube: Cluster, space: str) -> None:
    """The pod is acted, its address is ours: we answer for it, first without a token, then with some."""
    port, tokens = free_port(), [0]
    selection = PodSelection(namespace=space, selector="app=worker", port=port)
    spec = role(space, scaled_object=None, workload=ObjectRef("Deployment", space, "worker"))
    reader = Following(reading(kube, "admin"), CLOCK)
    source = KubernetesSource(reader, [spec], pods={WORKER: selection}, clock=CLOCK)
    scraper = Scraper(
        Targets({"kubernetes": source.targets}), interval=timedelta(seconds=0.5), clock=CLOCK, wanted=WANTED
    )
    eyes = FleetEyes(scraper=scraper, kubernetes=source)
    history = History.empty(timedelta(seconds=1), timedelta(minutes=5))
    beliefs: Any = {}

    def walk() -> Any:
        nonlocal history, beliefs
        now = CLOCK.now()
        fleet, history = assemble(history, eyes.look(now), [spec], now, name="test")
        beliefs = estimate(fleet, beliefs)
        return beliefs[WORKER]

    with contextlib.closing(source), contextlib.ExitStack() as ends:
        ends.enter_context(running(scraper))
        walk()
        kube.apply(objects.deployment(space, "worker", replicas=1, ready_after="3s"))
        until(lambda: walk().pending_since, why=lambda: beliefs)
        until(lambda: walk().starts, why=lambda: beliefs)
        assert beliefs[WORKER].first_token_p90 is None
        (pod,) = kube.admin.get(f"/api/v1/namespaces/{space}/pods")["items"]
        ends.enter_context(fake_http(lambda _: Reply(page(tokens[0])), host=pod["status"]["podIP"], port=port))
        until(lambda: walk() and any(r for r in eyes.look(CLOCK.now()).scrapes if r.page), why=lambda: beliefs)
        assert beliefs[WORKER].first_token_p90 is None
        tokens[0] = 5
        until(lambda: walk().first_token_p90, why=lambda: beliefs)
    learned = beliefs[WORKER]
    assert 2 <= learned.cold_start_p90 <= 6
    assert learned.first_token_p90 > learned.cold_start_p90
