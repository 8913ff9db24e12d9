"""The contract of reading, kept by the real API server."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import kubernetes
import pytest

from controlplane.collect.kubernetes_api import Client, KubernetesApi, client_for
from tests import kube_objects as objects
from tests.collect.reading_contract import *  # noqa: F403  the contract, run here against the real server
from tests.kube.reading import connected, reading
from tests.kube_cluster import Cluster

pytestmark = pytest.mark.real


@dataclass
class Somebody:
    """Writes as an administrator."""

    kube: Cluster
    room: str

    def put(self, name: str, **labels: str) -> None:
        wanted = objects.deployment(self.room, name, replicas=0)
        wanted["metadata"]["labels"] = labels
        self.kube.apply(wanted)

    def remove(self, name: str) -> None:
        self.kube.admin.delete(f"/apis/apps/v1/namespaces/{self.room}/deployments/{name}")


@pytest.fixture(scope="module")
def room(kube: Cluster) -> Iterator[str]:
    """One namespace for the whole contract; its tests use objects of different names."""
    name = kube.namespace("reading-contract")
    yield name
    kube.admin.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def writer(kube: Cluster, room: str) -> Somebody:
    return Somebody(kube, room)


@pytest.fixture
def api(kube: Cluster) -> Iterator[KubernetesApi]:
    api = reading(kube, "admin")
    yield api
    api.close()


@pytest.fixture
def stranger(kube: Cluster) -> Iterator[KubernetesApi]:
    api = reading(kube, "stranger")
    yield api
    api.close()


@pytest.fixture
def only_lists(kube: Cluster, room: str) -> Iterator[KubernetesApi]:
    kube.allow(room, "lister", ["list"], "apps", ["deployments"])
    api = reading(kube, "lister")
    yield api
    api.close()


@pytest.fixture
def expired_once(kube: Cluster) -> Iterator[KubernetesApi]:
    tokens = iter(["long since expired", ""])

    def connect() -> Client:
        client = connected(kube, "admin")
        if token := next(tokens):
            settings = kubernetes.client.Configuration(host=client.configuration.host)
            settings.ssl_ca_cert = str(kube.place.authority.certificate)
            settings.api_key = {"BearerToken": f"Bearer {token}", "authorization": f"Bearer {token}"}
            client = client_for(settings)
        return client

    api = KubernetesApi(connect, monotonic=time.perf_counter)
    yield api
    api.close()
