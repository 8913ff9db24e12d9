"""How the tests of this folder read a cluster: as wiring does, as some user."""

import time

import kubernetes

from controlplane.collect.kubernetes_api import Client, KubernetesApi, client_for
from tests.kube_cluster import Cluster


def connected(kube: Cluster, user: str) -> Client:
    """A client for a user."""
    settings = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(str(kube.kubeconfig(user)), client_configuration=settings)
    return client_for(settings)


def reading(kube: Cluster, user: str) -> KubernetesApi:
    """A way to read for a user."""
    return KubernetesApi(lambda: connected(kube, user), monotonic=time.monotonic)  # noqa: TID251
