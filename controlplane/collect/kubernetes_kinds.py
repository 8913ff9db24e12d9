"""Kinds of Kubernetes objects we read, one list of them, and what is known of it at a moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from controlplane.model.page import Fault

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """A kind of object and where the API serves it."""

    name: str
    group: str
    version: str
    plural: str
    namespaced: bool = True


POD = Kind("Pod", "", "v1", "pods")
NODE = Kind("Node", "", "v1", "nodes", namespaced=False)
DEPLOYMENT = Kind("Deployment", "apps", "v1", "deployments")
STATEFUL_SET = Kind("StatefulSet", "apps", "v1", "statefulsets")
LEADER_WORKER_SET = Kind("LeaderWorkerSet", "leaderworkerset.x-k8s.io", "v1", "leaderworkersets")
HPA = Kind("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers")
SCALED_OBJECT = Kind("ScaledObject", "keda.sh", "v1alpha1", "scaledobjects")
WORKLOADS = {kind.name: kind for kind in (DEPLOYMENT, STATEFUL_SET, LEADER_WORKER_SET)}


def slim(kind: Kind, thing: dict[str, Any]) -> Object:
    """An object to be kept, without what is large and nobody reads: who wrote which field, images of a node."""
    metadata, status = thing.get("metadata"), thing.get("status")
    if kind is not SCALED_OBJECT and isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    if kind is NODE and isinstance(status, dict):
        status.pop("images", None)
    return thing


@dataclass(frozen=True, slots=True, order=True)
class Listing:
    """One list of objects: all of a kind in a namespace that a label selector picks."""

    kind: Kind
    namespace: str = ""
    selector: str = ""
    optional: bool = False
    """Whether we do without it where we are not allowed to see it."""

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.kind.plural}{where}"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a listing: it was so at ``seen`` and, as far as anybody told us, is still so."""

    items: tuple[Object, ...]
    seen: float
    """When we last heard, by the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a listing could not be had."""

    listing: Listing
    fault: Fault
    detail: str


class Reader(Protocol):
    """How listings are had: asked for at every look, or followed all the time."""

    def read(self, listings: Sequence[Listing]) -> Mapping[Listing, Known]:
        """The newest of each that was ever had."""
        ...

    def troubles(self) -> Sequence[Trouble]:
        """What is wrong as of the last read."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
