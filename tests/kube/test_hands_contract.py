"""The contract of the hands, kept by the real API server with KEDA's webhook and operator at work."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from controlplane.act.cluster import Cluster, Connect
from controlplane.act.gitops import GitOps
from controlplane.act.kubernetes import KubernetesHands
from controlplane.clock import SystemClock
from tests import kube_cluster
from tests.act.against_a_reverter import test_c9_against_a_tool  # noqa: F401  a test of the contract
from tests.act.contract import *  # noqa: F403  the contract, run here against the real server
from tests.act.people import People

pytestmark = pytest.mark.real


def connect_to(kube: kube_cluster.Cluster, user: str = "admin") -> Connect:
    """As wiring connects: nothing is tried twice."""

    def connect() -> Any:
        client = kube.api(user)
        client.configuration.retries = urllib3.Retry(0, redirect=0)
        return client

    return connect


@pytest.fixture(scope="module")
def room(kube: kube_cluster.Cluster) -> Iterator[str]:
    """One namespace for the whole contract; its tests use objects of different names."""
    name = kube.namespace("hands-contract")
    yield name
    kube.admin.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def people(kube: kube_cluster.Cluster, room: str) -> Iterator[People]:
    everybody = People(connect_to(kube), room)
    yield everybody
    everybody.close()


@pytest.fixture
def cluster(kube: kube_cluster.Cluster) -> Iterator[Cluster]:
    opened = Cluster(connect_to(kube))
    yield opened
    opened.close()


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    return tmp_path / "patches"


@pytest.fixture
def hands(cluster: Cluster, patches: Path) -> KubernetesHands:
    clock = SystemClock()
    return KubernetesHands(cluster, GitOps(patches, clock), clock=clock, stopped=lambda: None, fence=lambda: 1)


@pytest.fixture
def connect(kube: kube_cluster.Cluster) -> Connect:
    return connect_to(kube)


@pytest.fixture
def pace() -> float:
    """Seconds of a tick, and between two looks of a tool that reverts. Set HANDS_PACE=5 to see both as in real life."""
    return float(os.environ.get("HANDS_PACE", "0.25"))
