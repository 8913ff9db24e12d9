"""Other people and tools at the same cluster, fake or real: they apply, edit, annotate and delete."""

import threading
from collections.abc import Callable
from typing import Any

import kubernetes
import urllib3

from controlplane.model.keys import ObjectRef

KIND = {"group": "keda.sh", "version": "v1alpha1", "plural": "scaledobjects"}
TRIGGER = {
    "type": "prometheus",
    "metadata": {"serverAddress": "http://127.0.0.1:9", "query": "sum(llm_requests_waiting)", "threshold": "5"},
}


def client_of(url: str) -> Callable[[], Any]:
    """How to connect to an API server without credentials."""

    def connect() -> Any:
        settings = kubernetes.client.Configuration()
        settings.host = url
        settings.retries = urllib3.Retry(0, redirect=0)
        return kubernetes.client.ApiClient(settings)

    return connect


def manifest(name: str, least: int | None = None, most: int | None = None, **spec: Any) -> dict[str, Any]:
    """A ScaledObject as a person writes it."""
    bounds = {k: v for k, v in (("minReplicaCount", least), ("maxReplicaCount", most)) if v is not None}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name},
        "spec": {"scaleTargetRef": {"name": name}, "triggers": [TRIGGER], **bounds, **spec},
    }


class People:
    """Everybody else."""

    def __init__(self, connect: Callable[[], Any], namespace: str) -> None:
        self._client = connect()
        self._objects = kubernetes.client.CustomObjectsApi(self._client)
        self._core = kubernetes.client.CoreV1Api(self._client)
        self.namespace = namespace

    def close(self) -> None:
        self._client.close()

    def ref(self, name: str) -> ObjectRef:
        return ObjectRef("ScaledObject", self.namespace, name)

    def apply(self, body: dict[str, Any], manager: str = "kubectl", *, force: bool = False) -> dict[str, Any]:
        """``kubectl apply --server-side``."""
        found: dict[str, Any] = self._objects.patch_namespaced_custom_object(
            **KIND,
            namespace=self.namespace,
            name=body["metadata"]["name"],
            body=body,
            field_manager=manager,
            _content_type="application/apply-patch+yaml",
            **({"force": True} if force else {}),
        )
        return found

    def bounds(self, name: str, manager: str = "llm-controlplane", **spec: Any) -> dict[str, Any]:
        """Apply only the bounds: how a person hands them over."""
        body = manifest(name)
        return self.apply({**body, "spec": spec}, manager)

    def edit(self, name: str, patch: dict[str, Any], manager: str = "kubectl-edit") -> dict[str, Any]:
        """``kubectl edit``, ``patch`` or ``annotate``: takes over without asking."""
        found: dict[str, Any] = self._objects.patch_namespaced_custom_object(
            **KIND,
            namespace=self.namespace,
            name=name,
            body=patch,
            field_manager=manager,
            _content_type="application/merge-patch+json",
        )
        return found

    def annotate(self, name: str, **annotations: str | None) -> None:
        self.edit(name, {"metadata": {"annotations": {k.replace("__", "/"): v for k, v in annotations.items()}}})

    def annotate_namespace(self, key: str, value: str | None) -> None:
        self._core.patch_namespace(self.namespace, {"metadata": {"annotations": {key: value}}})

    def read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._objects.get_namespaced_custom_object(**KIND, namespace=self.namespace, name=name)
        return found

    def spec(self, name: str) -> dict[str, Any]:
        spec: dict[str, Any] = self.read(name)["spec"]
        return spec

    def written(self, name: str) -> tuple[Any, ...]:
        """All that people and we write of an object; KEDA's own marks and status move by themselves."""
        found = self.read(name)
        metadata = found["metadata"]
        return metadata["uid"], metadata["generation"], metadata.get("annotations"), found["spec"]

    def delete(self, name: str) -> None:
        """Delete it, and wait until KEDA has let go of it."""
        self._objects.delete_namespaced_custom_object(**KIND, namespace=self.namespace, name=name)
        pause = threading.Event()
        for _ in range(200):
            try:
                self.read(name)
            except kubernetes.client.ApiException as problem:
                if problem.status == 404:
                    return
            pause.wait(0.1)
        raise AssertionError(f"{name} is still there")
