"""Pods as kube-state-metrics tells of them: our replicas, and those that are none of ours."""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.simulate.deployment import Phase, Pod
from controlplane.simulate.fleet import Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class KubePod:
    """One row's worth of a pod."""

    namespace: str
    name: str
    uid: str
    address: str
    node: str
    owner: tuple[str, str]
    """Kind and name."""
    phase: str
    ready: bool
    container: str
    resource: str
    requests: int
    """How many of ``resource``. A pod that has ended still has this row."""

    @property
    def labels(self) -> dict[str, str]:
        """Those every row of it has."""
        return {"namespace": self.namespace, "pod": self.name, "uid": self.uid}


def kube_pods(fleet: Fleet) -> Iterator[KubePod]:
    """All of them."""
    for pod in fleet.pods:
        yield _ours(pod)
    for number, (one, node) in enumerate((b.pod, b.node.shape.name) for b in fleet.bystanders):
        yield KubePod(
            namespace=one.namespace,
            name=one.name,
            uid=f"{number:08x}-1111-4000-8000-000000000000",
            address=f"10.43.0.{number + 2}",
            node=node,
            owner=("Job", one.name.rpartition("-")[0]),
            phase="Succeeded" if one.succeeded else "Running",
            ready=not one.succeeded,
            container="main",
            resource=resource_name(one.mig),
            requests=one.gpus,
        )


def resource_name(mig: str | None) -> str:
    """The device plugin's name of whole GPUs or of slices, as kube-state-metrics writes it."""
    return "nvidia_com_gpu" if mig is None else f"nvidia_com_mig_{mig.replace('.', '_')}"


def _ours(pod: Pod) -> KubePod:
    return KubePod(
        namespace=pod.role.namespace,
        name=pod.name,
        uid=pod.uid,
        address=pod.address if pod.node is not None else "",
        node=pod.node.shape.name if pod.node is not None else "",
        owner=("ReplicaSet", pod.name.rpartition("-")[0]),
        phase="Pending" if pod.phase is Phase.UNSCHEDULABLE else "Running",
        ready=pod.phase is Phase.READY,
        container="vllm",
        resource=resource_name(pod.role.mig),
        requests=max(1, round(pod.role.gpus_per_replica)),
    )
