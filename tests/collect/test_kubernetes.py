"""A cluster is read over real HTTP: pods become targets, objects replica counts and bounds; what fails is unknown."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.clock import SystemClock
from controlplane.collect.answers import AnswerLimits
from controlplane.collect.kubernetes import ClusterView, KubernetesSource
from controlplane.collect.kubernetes_api import KubernetesApi, connection
from controlplane.collect.kubernetes_asking import Asking
from controlplane.collect.kubernetes_objects import PodSelection
from controlplane.model.keys import ObjectRef, RoleName
from controlplane.model.page import Fault
from controlplane.model.role import Bounds, Engine, GpuSpec, ModelSpec, RoleSpec
from tests.collect.fake_http import Reply
from tests.collect.fake_kubernetes import FakeCluster, fake_cluster
from tests.real_servers import free_port

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TICK = timedelta(seconds=15)
LIMITS = AnswerLimits(body=200_000, deadline=timedelta(seconds=1))
PLANNER = RoleName("planner")


def spec(**changes: Any) -> RoleSpec:
    given: dict[str, Any] = {
        "name": PLANNER,
        "model": ModelSpec(name="m"),
        "engine": Engine.VLLM,
        "gpus": GpuSpec(type="h100"),
        "replicas": Bounds(min=1, max=4),
        "scaled_object": ObjectRef("ScaledObject", "llm", "planner"),
        "workload": ObjectRef("Deployment", "llm", "planner"),
    }
    return RoleSpec(**given | changes)


def pod(
    name: str, ip: str = "10.0.0.1", *, ready: bool = True, phase: str = "Running", **metadata: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "llm", "labels": {"app": "planner"}, **metadata},
        "spec": {"nodeName": "node-1"},
        "status": {
            "phase": phase,
            "podIP": ip,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def deployment(*, replicas: int = 3, ready: int | None = 2, **status: Any) -> dict[str, Any]:
    counted = {} if ready is None else {"readyReplicas": ready}
    return {
        "metadata": {"name": "planner", "namespace": "llm", "generation": 4},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 4, **counted, **status},
    }


def hpa(name: str = "keda-hpa-planner", *, desired: int = 4) -> dict[str, Any]:
    target = {"kind": "Deployment", "name": "planner"}
    return {
        "metadata": {"name": name, "namespace": "llm"},
        "spec": {"minReplicas": 2, "maxReplicas": 6, "scaleTargetRef": target},
        "status": {"desiredReplicas": desired},
    }


def scaled(**fields: Any) -> dict[str, Any]:
    written = {"scaleTargetRef": {"name": "planner"}, "minReplicaCount": 1, "maxReplicaCount": 5}
    return {"metadata": {"name": "planner", "namespace": "llm"}, "spec": written | fields}


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with fake_cluster() as cluster:
        cluster.objects |= {
            "pods": [pod("planner-b", "10.0.0.2"), pod("planner-a", "10.0.0.1", ready=False)],
            "deployments": [deployment()],
            "horizontalpodautoscalers": [hpa()],
            "scaledobjects": [scaled()],
        }
        yield cluster


@pytest.fixture
def source(cluster: FakeCluster) -> Iterator[KubernetesSource]:
    source = a_source(cluster)
    yield source
    source.close()


@dataclass
class HandClock:
    """Stands still until it is set."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOON).total_seconds()

    def real(self, span: timedelta) -> float:
        return span.total_seconds()


class TimedSource(KubernetesSource):
    """Its clock shows the instant of the look."""

    clock: HandClock

    def look(self, now: datetime) -> ClusterView:
        self.clock.at = now
        return super().look(now)


def a_source(cluster: FakeCluster, *roles: RoleSpec) -> KubernetesSource:
    api, clock = KubernetesApi(cluster.connect, monotonic=time.perf_counter, limits=LIMITS), HandClock()
    pods = {PLANNER: PodSelection(namespace="llm", selector="app=planner", port=8000)}
    source = TimedSource(Asking(api, clock), roles or (spec(),), pods=pods, clock=clock)
    source.clock = clock
    return source


def test_pods_become_targets_with_their_labels_ready_or_not(source: KubernetesSource) -> None:
    assert source.targets() == ()
    view = source.look(NOON)
    assert view.health.ok
    assert [(t.url, t.role, t.labels) for t in source.targets()] == [
        (
            f"http://10.0.0.{n}:8000/metrics",
            PLANNER,
            (("namespace", "llm"), ("node", "node-1"), ("pod", f"planner-{p}")),
        )
        for n, p in ((1, "a"), (2, "b"))
    ]


def test_replicas_and_bounds_come_from_their_objects(source: KubernetesSource) -> None:
    seen = source.look(NOON).workloads[PLANNER]
    assert (seen.desired, seen.ready, seen.pending, seen.at) == (4, 2, 1, NOON)
    assert seen.bounds == Bounds(min=1, max=5)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(pod("a", phase="Pending"), id="pending"),
        pytest.param(pod("a", deletionTimestamp="2026-11-24T12:00:00Z"), id="on its way out"),
        pytest.param(pod("a", ip=""), id="no address yet"),
        pytest.param(pod("a", ip="10.0.0.1/evil?"), id="no address at all"),
        pytest.param({"metadata": {"name": "a", "namespace": "llm", "labels": {"app": "planner"}}}, id="bare"),
    ],
)
def test_a_pod_that_cannot_be_read_is_no_target(
    cluster: FakeCluster, source: KubernetesSource, odd: dict[str, Any]
) -> None:
    cluster.objects["pods"] = [odd]
    source.look(NOON)
    assert source.targets() == ()


def test_an_ipv6_pod_has_brackets(cluster: FakeCluster, source: KubernetesSource) -> None:
    cluster.objects["pods"] = [pod("a", "fd00::7")]
    source.look(NOON)
    assert [t.url for t in source.targets()] == ["http://[fd00::7]:8000/metrics"]


def test_kubernetes_omits_a_zero_and_keda_its_defaults(cluster: FakeCluster, source: KubernetesSource) -> None:
    cluster.objects["deployments"] = [deployment(replicas=2, ready=None)]
    cluster.objects["scaledobjects"] = [scaled(minReplicaCount=None, maxReplicaCount=None)]
    seen = source.look(NOON).workloads[PLANNER]
    assert (seen.ready, seen.pending, seen.bounds) == (0, 2, Bounds(min=0, max=100))


def test_a_status_about_an_older_spec_says_nothing_of_readiness(cluster: FakeCluster, source: KubernetesSource) -> None:
    cluster.objects["deployments"] = [deployment(replicas=2, ready=None, observedGeneration=3)]
    seen = source.look(NOON).workloads[PLANNER]
    assert (seen.ready, seen.pending) == (None, None)


def test_without_keda_the_autoscaler_of_the_workload_has_the_bounds(cluster: FakeCluster) -> None:
    del cluster.objects["scaledobjects"]
    cluster.objects["horizontalpodautoscalers"] = [hpa("by-hand")]
    source = a_source(cluster, spec(scaled_object=None))
    seen = source.look(NOON).workloads[PLANNER]
    assert (seen.desired, seen.bounds) == (4, Bounds(min=2, max=6))
    source.close()


def test_a_cluster_without_keda_is_healthy_and_has_no_scaled_objects(
    cluster: FakeCluster, source: KubernetesSource
) -> None:
    del cluster.objects["scaledobjects"]
    view = source.look(NOON)
    assert view.health.ok
    assert view.workloads[PLANNER].ready == 2


def test_the_workload_is_found_through_the_scaled_object(cluster: FakeCluster) -> None:
    source = a_source(cluster, spec(workload=None))
    assert source.look(NOON).workloads[PLANNER].ready == 2
    source.close()


def test_with_pods_alone_they_are_counted(cluster: FakeCluster) -> None:
    source = a_source(cluster, spec(workload=None, scaled_object=None))
    seen = source.look(NOON).workloads[PLANNER]
    assert (seen.desired, seen.ready, seen.pending, seen.bounds) == (2, 1, 1, None)
    assert cluster.asked == ["pods", "nodes"]
    source.close()


def test_a_long_list_is_read_page_by_page(cluster: FakeCluster, source: KubernetesSource) -> None:
    cluster.page = 7
    cluster.objects["pods"] = [pod(f"p{i:02}", f"10.0.1.{i}") for i in range(30)]
    source.look(NOON)
    assert len(source.targets()) == 30
    assert cluster.asked.count("pods") == 5


def test_a_list_that_expires_is_read_again_from_its_beginning(cluster: FakeCluster, source: KubernetesSource) -> None:
    cluster.page, cluster.gone = 20, 1
    cluster.objects["pods"] = [pod(f"p{i:02}", f"10.0.1.{i}") for i in range(30)]
    assert source.look(NOON).health.ok
    assert len(source.targets()) == 30


def test_a_list_that_expires_again_and_again_is_unknown(cluster: FakeCluster, source: KubernetesSource) -> None:
    cluster.page, cluster.gone = 20, 9
    cluster.objects["pods"] = [pod(f"p{i:02}", f"10.0.1.{i}") for i in range(30)]
    view = source.look(NOON)
    assert view.health.fault is Fault.STATUS
    assert source.targets() == ()
    assert view.workloads[PLANNER].ready == 2, "the other lists are not touched by it"


def test_a_403_takes_its_own_part_only(cluster: FakeCluster, source: KubernetesSource) -> None:
    cluster.forbidden = {"scaledobjects", "horizontalpodautoscalers"}
    view = source.look(NOON)
    seen = view.workloads[PLANNER]
    assert (seen.desired, seen.ready, seen.bounds) == (3, 2, None)
    assert view.health.fault is Fault.UNAUTHORISED
    assert "list scaledobjects in llm" in view.health.detail
    assert "(and 1 more)" in view.health.detail


def test_a_token_that_ran_out_is_read_anew(cluster: FakeCluster, source: KubernetesSource) -> None:
    assert source.look(NOON).health.ok
    cluster.token = "renewed"
    source.look(NOON + TICK)
    assert source.look(NOON + 2 * TICK).health.ok


@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        pytest.param(Reply(b"oops", 500), Fault.STATUS, id="500"),
        pytest.param(Reply(b"{}", 503), Fault.STATUS, id="503"),
        pytest.param(Reply(hang=True), Fault.TIMEOUT, id="hangs"),
        pytest.param(Reply(b" " * 500, drip=0.05), Fault.TIMEOUT, id="drips"),
        pytest.param(Reply(b"{", claim=90), Fault.TRUNCATED, id="cut"),
        pytest.param(Reply(b"<html>"), Fault.MALFORMED, id="html"),
        pytest.param(Reply(b"[]"), Fault.MALFORMED, id="no object"),
        pytest.param(Reply(b'{"items": [1]}'), Fault.MALFORMED, id="no objects"),
        pytest.param(Reply(b" " * 300_000), Fault.TOO_LARGE, id="huge"),
        pytest.param(Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), Fault.REDIRECT, id="redirect"),
    ],
)
def test_trouble_has_a_word_and_nothing_is_made_up(
    cluster: FakeCluster, source: KubernetesSource, trouble: Reply, fault: Fault
) -> None:
    cluster.trouble = {"*": trouble}
    begun = time.perf_counter()
    view = source.look(NOON)
    assert view.health.fault is fault
    assert view.workloads == {}
    assert time.perf_counter() - begun < 10


def test_a_list_stands_in_for_later_ones_only_while_it_is_fresh(cluster: FakeCluster, source: KubernetesSource) -> None:
    source.look(NOON)
    cluster.trouble = {"*": Reply(b"oops", 500)}
    kept = source.look(NOON + 2 * TICK)
    assert kept.workloads[PLANNER].at == NOON, "it says how old it is"
    assert len(source.targets()) == 2
    assert source.look(NOON + 4 * TICK).workloads == {}


def test_pages_are_still_read_when_the_api_server_is_gone_but_not_for_ever(
    cluster: FakeCluster, source: KubernetesSource
) -> None:
    source.look(NOON)
    cluster.trouble = {"*": Reply(b"oops", 500)}
    source.look(NOON + timedelta(minutes=9))
    assert len(source.targets()) == 2
    source.look(NOON + timedelta(minutes=11))
    assert source.targets() == ()


def test_a_server_that_hangs_up_is_asked_once_a_tick_and_then_ever_more_rarely(
    cluster: FakeCluster, source: KubernetesSource
) -> None:
    cluster.trouble = {"*": Reply(b"{", claim=90)}
    for i in range(9):
        assert source.look(NOON + i * TICK).health.fault is Fault.TRUNCATED
    assert len(cluster.asked) == 5


def test_an_overloaded_server_is_given_the_time_it_asks_for(cluster: FakeCluster, source: KubernetesSource) -> None:
    cluster.trouble = {"*": Reply(b"{}", 429, headers={"Retry-After": "30"})}
    source.look(NOON)
    source.look(NOON + TICK)
    assert len(cluster.asked) == 1


def test_everything_is_a_bounded_list_and_nothing_is_written(cluster: FakeCluster, source: KubernetesSource) -> None:
    source.look(NOON)
    assert cluster.http is not None
    assert {a.fields["limit"] for a in cluster.http.asked} == {"500"}
    assert sorted(set(cluster.asked)) == sorted(cluster.asked), "each list once"


def test_nobody_there_is_a_refusal_and_no_kubeconfig_is_said() -> None:
    import kubernetes

    from controlplane.collect.kubernetes_api import client_for

    settings = kubernetes.client.Configuration(host=f"http://127.0.0.1:{free_port()}")
    source = KubernetesSource(
        Asking(KubernetesApi(lambda: client_for(settings), monotonic=time.perf_counter), SystemClock()),
        (spec(),),
        pods={},
        clock=SystemClock(),
    )
    assert source.look(NOON).health.fault is Fault.REFUSED
    source.close()
    for made in (connection(in_cluster=True), connection(context="nowhere")):
        api = KubernetesApi(made, monotonic=time.perf_counter)
        health = KubernetesSource(Asking(api, SystemClock()), (spec(),), pods={}, clock=SystemClock()).look(NOON).health
        assert health.fault is Fault.UNAUTHORISED
        assert "no credentials" in health.detail
