"""Objects of a test's cluster: nodes with GPUs, what KEDA needs in it, and a small Deployment with its ScaledObject."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.kube_commands import Place
from tools.real_kubernetes import PROGRAMS

Object = dict[str, Any]
READY_AFTER = "test.llm-fleet.dev/ready-after"
"""Annotation of a pod: how long it takes to become ready, such as ``3s``; ``24h`` is never."""


def stages() -> str:
    """What kwok acts, its own stages; a pod becomes ready after what :data:`READY_AFTER` says, or at once."""
    built = next(program for program in PROGRAMS if program.name == "kwok")
    documents = list(yaml.safe_load_all((built.home / "stages.yaml").read_text()))
    for stage in documents:
        if stage["metadata"]["name"] == "pod-ready":
            expression = f'.metadata.annotations["{READY_AFTER}"]'
            stage["spec"]["delay"] = {"durationMilliseconds": 0, "durationFrom": {"expressionFrom": expression}}
    return yaml.safe_dump_all(documents)


def node(name: str, gpus: Mapping[str, int], labels: Mapping[str, str] | None = None) -> Object:
    """A node with GPUs, such as ``{"nvidia.com/gpu": 8}`` or ``{"nvidia.com/mig-1g.10gb": 7}``."""
    holds = {"cpu": "128", "memory": "1Ti", "pods": "200"} | {key: str(number) for key, number in gpus.items()}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "status": {"capacity": holds, "allocatable": holds},
    }


NODES = (
    node("gpu-a", {"nvidia.com/gpu": 64}, {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}),
    node("gpu-b", {"nvidia.com/gpu": 8}, {"nvidia.com/gpu.product": "NVIDIA-A100-80GB-PCIe"}),
    node("mig-a", {"nvidia.com/mig-1g.10gb": 7}, {"nvidia.com/mig.config": "all-1g.10gb"}),
)
"""What every cluster begins with. (64 GPUs in one node: no test is about how many nodes there are.)"""


def definitions() -> list[Object]:
    """KEDA's CRDs, as its module ships them."""
    built = next(program for program in PROGRAMS if program.name == "keda-operator")
    return [yaml.safe_load(file.read_text()) for file in sorted((built.home / "crds").glob("*.yaml"))]


def metrics_api(place: Place) -> list[Object]:
    """The external metrics API: a Service that is this machine, and the APIService in front of it."""
    port = place.ports["adapter"]
    service = {"namespace": "keda", "name": "keda-metrics-apiserver"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": service,
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.external.metrics.k8s.io"},
            "spec": {
                "service": {**service, "port": port},
                "group": "external.metrics.k8s.io",
                "version": "v1beta1",
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        },
    ]


def admission(place: Place) -> Object:
    """KEDA's admission webhook. It must answer: a test that goes round it should say so."""
    authority = base64.b64encode(place.authority.certificate.read_bytes()).decode()
    url = f"https://localhost:{place.ports['webhooks']}/validate-keda-sh-v1alpha1-scaledobject"
    rule = {
        "apiGroups": ["keda.sh"],
        "apiVersions": ["v1alpha1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["scaledobjects"],
    }
    webhook = {
        "name": "vscaledobject.kb.io",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url, "caBundle": authority},
        "failurePolicy": "Fail",
        "rules": [rule],
        "sideEffects": "None",
        "timeoutSeconds": 10,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "keda-admission"},
        "webhooks": [webhook],
    }


def namespace(name: str) -> Object:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def deployment(
    space: str, name: str, *, replicas: int | None = None, gpus: str = "nvidia.com/gpu", **annotations: str
) -> Object:
    """A Deployment whose pods want one GPU each; ``ready_after`` is how long they take to become ready."""
    labels = {"app": name}
    container = {"name": "engine", "image": "engine:1", "resources": {"limits": {gpus: 1}}}
    slow = {READY_AFTER: annotations["ready_after"]} if "ready_after" in annotations else {}
    template = {"metadata": {"labels": labels, "annotations": slow}, "spec": {"containers": [container]}}
    counted = {} if replicas is None else {"replicas": replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": space, "name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **counted},
    }


def scaled_object(space: str, name: str, query: str, *, prometheus: str, **fields: Any) -> Object:
    """A ScaledObject of the Deployment of the same name: as many replicas as the query says, with no tolerance.

    It reacts at once: KEDA looks every second, and the HPA has no windows.
    """
    metadata = {"serverAddress": prometheus, "query": query, "threshold": "1", "ignoreNullValues": "false"}
    at_once = {"stabilizationWindowSeconds": 0, "tolerance": "0"}
    policies = [{"type": "Pods", "value": 1000, "periodSeconds": 1}]
    behavior = {side: {**at_once, "policies": policies} for side in ("scaleUp", "scaleDown")}
    spec = {
        "scaleTargetRef": {"name": name},
        "pollingInterval": 1,
        "minReplicaCount": 1,
        "maxReplicaCount": 50,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
        "triggers": [{"type": "prometheus", "name": "wished", "metadata": metadata}],
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"namespace": space, "name": name},
        "spec": spec | fields,
    }


def write_settings(place: Place, metrics: str) -> None:
    """The files that kwok and Prometheus read: its stages; whom to scrape each second (``metrics`` and targets)."""
    (place.home / "stages.yaml").write_text(stages())
    targets = place.home / "targets"
    targets.mkdir()
    jobs = [
        {"job_name": "test", "honor_labels": True, "static_configs": [{"targets": [metrics]}]},
        {"job_name": "more", "file_sd_configs": [{"files": [str(targets / "*.json")], "refresh_interval": "1s"}]},
    ]
    every = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    Path(place.home / "prometheus.yml").write_text(yaml.safe_dump({"global": every, "scrape_configs": jobs}))
