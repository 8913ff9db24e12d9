"""What Kubernetes objects say, in our words. Pure: objects in, values out; odd objects say nothing.

A count that is left out of a *status* means zero (Kubernetes omits zeros) but only once the status is about
the present spec; a bound that is left out of a spec means the default of whoever owns the field.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlplane.collect.kubernetes_kinds import Object
from controlplane.collect.kubernetes_reading import at, owned, pods, rolling_out, scaler
from controlplane.model.keys import ObjectRef, RoleName
from controlplane.model.page import Job, Target
from controlplane.model.role import Bounds, RoleSpec
from controlplane.model.sighting import WorkloadSighting

MOST_REPLICAS = 100_000
KEDA_MIN, KEDA_MAX = 0, 100
"""What KEDA takes when a ScaledObject says nothing."""
HPA_MIN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSelection:
    """Where a role's replicas are found as pods, and which page of them to read."""

    namespace: str
    selector: str
    """Label selector, as kubectl's ``-l`` takes it."""
    port: int = 8000
    """Port of the metrics page; vLLM's own by default."""
    path: str = "/metrics"
    """Path of the metrics page."""
    scheme: str = "http"
    """Engines serve plain http inside a cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """What was listed for one role. ``None`` where the list could not be had."""

    pods: tuple[Object, ...] | None = None
    neighbours: tuple[Object, ...] | None = None
    """All pods of the workload's namespace, where nobody said which are the role's."""
    workloads: Mapping[str, tuple[Object, ...] | None]
    """By kind: Deployment, StatefulSet…"""
    autoscalers: tuple[Object, ...] | None = None
    scaled_objects: tuple[Object, ...] | None = None


def targets(pods: Iterable[Object], role: RoleName, where: PodSelection) -> tuple[Target, ...]:
    """The pages of all pods that run and are not on their way out, ready or not: an overloaded one is of interest."""
    found = []
    for pod in pods:
        address = _address(at(pod, "status", "podIP"))
        name = at(pod, "metadata", "name")
        if address is None or not isinstance(name, str) or _leaving(pod) or at(pod, "status", "phase") != "Running":
            continue
        labels = {"namespace": where.namespace, "pod": name, "node": at(pod, "spec", "nodeName")}
        pairs = tuple(sorted((k, v) for k, v in labels.items() if isinstance(v, str) and v))
        url = f"{where.scheme}://{address}:{where.port}{where.path}"
        found.append(Target(url, Job.ENGINE, role, pairs))
    return tuple(sorted(found, key=lambda t: t.name))


def sighting(spec: RoleSpec, seen: Objects, when: datetime) -> WorkloadSighting | None:
    """Replicas and bounds of a role; ``None`` when nothing is known of it."""
    scaled = _named(seen.scaled_objects, spec.scaled_object)
    workload = _workload(spec, seen, scaled)
    autoscaler = _named(seen.autoscalers, _autoscaler(spec, scaled)) or _scaling(seen.autoscalers, spec.workload)
    wished, ready = _replicas(workload)
    if workload is None and seen.pods is not None and spec.workload is None and scaled is None:
        wished, ready = _of_pods(seen.pods)
    desired = _count(at(autoscaler, "status", "desiredReplicas"))
    bounds = _bounds(scaled, autoscaler)
    mine = seen.pods
    if mine is None and seen.neighbours is not None:
        mine = owned(seen.neighbours, workload)
    if all(v is None for v in (wished, ready, desired, bounds)):
        return None
    return WorkloadSighting(
        role=spec.name,
        at=when,
        desired=wished if desired is None else desired,
        ready=ready,
        pending=None if wished is None or ready is None else max(0, wished - ready),
        bounds=bounds,
        scaler=scaler(scaled, autoscaler),
        pods=pods(mine),
        rolling_out=rolling_out(workload),
    )


def _workload(spec: RoleSpec, seen: Objects, scaled: Object | None) -> Object | None:
    ref = spec.workload
    if ref is None and scaled is not None and spec.scaled_object is not None:
        kind, name = at(scaled, "spec", "scaleTargetRef", "kind"), at(scaled, "spec", "scaleTargetRef", "name")
        ref = ObjectRef(str(kind or "Deployment"), spec.scaled_object.namespace, str(name))
    return None if ref is None else _named(seen.workloads.get(ref.kind), ref)


def _autoscaler(spec: RoleSpec, scaled: Object | None) -> ObjectRef | None:
    """The HPA that KEDA made for the ScaledObject."""
    if spec.scaled_object is None:
        return None
    named = at(scaled, "status", "hpaName")
    name = named if isinstance(named, str) and named else f"keda-hpa-{spec.scaled_object.name}"
    return ObjectRef("HorizontalPodAutoscaler", spec.scaled_object.namespace, name)


def _scaling(autoscalers: Iterable[Object] | None, workload: ObjectRef | None) -> Object | None:
    """The HPA that says it scales ``workload``; ``None`` when there is not exactly one."""
    if workload is None:
        return None
    wanted = (workload.kind, workload.namespace, workload.name)
    found = [
        hpa
        for hpa in autoscalers or ()
        if wanted
        == (
            at(hpa, "spec", "scaleTargetRef", "kind"),
            at(hpa, "metadata", "namespace"),
            at(hpa, "spec", "scaleTargetRef", "name"),
        )
    ]
    return found[0] if len(found) == 1 else None


def _replicas(workload: Object | None) -> tuple[int | None, int | None]:
    """Wished and ready replicas of a Deployment, StatefulSet or the like."""
    if workload is None:
        return None, None
    written = at(workload, "spec", "replicas")
    wished = 1 if written is None else _count(written)
    status = at(workload, "status")
    if not isinstance(status, Mapping):
        return wished, None
    seen, present = _count(status.get("observedGeneration")), _count(at(workload, "metadata", "generation"))
    if seen is not None and present is not None and seen < present and "readyReplicas" not in status:
        return wished, None
    return wished, _count(status.get("readyReplicas", 0))


def _of_pods(pods: Iterable[Object]) -> tuple[int, int]:
    """Wished and ready replicas where only pods are known: those that are not on their way out."""
    staying = [pod for pod in pods if not _leaving(pod) and at(pod, "status", "phase") in ("Pending", "Running")]
    return len(staying), sum(map(_ready, staying))


def _ready(pod: Object) -> bool:
    conditions = at(pod, "status", "conditions")
    return isinstance(conditions, list) and any(
        at(c, "type") == "Ready" and at(c, "status") == "True" for c in conditions
    )


def _leaving(pod: Object) -> bool:
    return at(pod, "metadata", "deletionTimestamp") is not None


def _bounds(scaled: Object | None, autoscaler: Object | None) -> Bounds | None:
    """Bounds in force: the ScaledObject's, which KEDA copies into its HPA; without one the HPA's own."""
    if scaled is not None:
        least = _count(at(scaled, "spec", "minReplicaCount"), KEDA_MIN)
        most = _count(at(scaled, "spec", "maxReplicaCount"), KEDA_MAX)
    elif autoscaler is not None:
        least = _count(at(autoscaler, "spec", "minReplicas"), HPA_MIN)
        most = _count(at(autoscaler, "spec", "maxReplicas"))
    else:
        return None
    return None if least is None or most is None or least > most else Bounds(min=least, max=most)


def _named(objects: Iterable[Object] | None, ref: ObjectRef | None) -> Object | None:
    if ref is None:
        return None
    wanted = (ref.namespace, ref.name)
    same = (o for o in objects or () if (at(o, "metadata", "namespace"), at(o, "metadata", "name")) == wanted)
    return next(same, None)


def _count(value: Any, default: int | None = None) -> int | None:
    if value is None:
        return default
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_REPLICAS else None


def _address(text: Any) -> str | None:
    """An IP address as it stands in a URL."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return f"[{address}]" if address.version == 6 else str(address)
