"""Replicas and their bounds as kube-state-metrics tells them: wished, ready, still starting, least and most.

While KEDA has a ScaledObject paused its HPA does not exist: then the bounds and the autoscaler's wish are unknown,
and the workload's own replica count stands in for the wish.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.model.page import Layout
from controlplane.model.role import Bounds, RoleSpec
from controlplane.model.sighting import WorkloadSighting
from controlplane.promql.catalogue import KNOWN
from controlplane.promql.metric import Metric, Signal, Source

HPA_PREFIX = "keda-hpa-"
"""KEDA names the HPA of a ScaledObject like this unless told otherwise."""
MOST_REPLICAS = 100_000
"""More than this is not a replica count."""

ObjectKey = tuple[str, str, str]
"""Kind in lower case, namespace, name."""


@dataclass(frozen=True, slots=True, eq=False)
class ClusterPlan:
    """Where a kube-state-metrics page holds what."""

    at: Mapping[tuple[Signal, ObjectKey], int]
    scales: Mapping[ObjectKey, ObjectKey]
    """HPA → the workload it scales."""


def plan_cluster(layout: Layout) -> ClusterPlan:
    """Find replica counts and bounds on a page."""
    at: dict[tuple[Signal, ObjectKey], int] = {}
    scales: dict[ObjectKey, ObjectKey] = {}
    for i, key in enumerate(layout.keys):
        metric = _kube(key.name)
        if metric is None:
            continue
        kind = metric.labels[1]
        namespace = key.label("exported_namespace") or key.label("namespace") or ""
        name = key.label(kind)
        if not name:
            continue
        where = (kind, namespace, name)
        signal = metric.feeds[0]
        if signal is Signal.HPA_TARGET:
            target = (key.label("scaletargetref_kind") or "").lower(), namespace, key.label("scaletargetref_name") or ""
            scales[where] = target
        else:
            at[signal, where] = i
    return ClusterPlan(at, scales)


def sight(plan: ClusterPlan, values: tuple[float, ...], spec: RoleSpec, at: datetime) -> WorkloadSighting | None:
    """What the page says about one role; ``None`` when it does not know the role's objects."""
    hpa: ObjectKey | None = None
    if spec.scaled_object is not None:
        hpa = ("horizontalpodautoscaler", spec.scaled_object.namespace, f"{HPA_PREFIX}{spec.scaled_object.name}")
    work: ObjectKey | None = None
    if spec.workload is not None:
        work = (spec.workload.kind.lower(), spec.workload.namespace, spec.workload.name)
    elif hpa is not None:
        work = plan.scales.get(hpa)

    def read(signal: Signal, where: ObjectKey | None) -> int | None:
        index = None if where is None else plan.at.get((signal, where))
        return None if index is None else _count(values[index])

    wished, ready = read(Signal.KUBE_SPEC, work), read(Signal.KUBE_READY, work)
    desired = read(Signal.HPA_DESIRED, hpa)
    least, most = read(Signal.HPA_MIN, hpa), read(Signal.HPA_MAX, hpa)
    if all(v is None for v in (wished, ready, desired, least, most)):
        return None
    return WorkloadSighting(
        role=spec.name,
        at=at,
        desired=wished if desired is None else desired,
        ready=ready,
        pending=None if wished is None or ready is None else max(0, wished - ready),
        bounds=None if least is None or most is None or least > most else Bounds(min=least, max=most),
    )


def _kube(name: str) -> Metric | None:
    found = KNOWN.get(name)
    return found[0] if found and found[0].source is Source.KUBE else None


def _count(value: float) -> int | None:
    return int(value) if math.isfinite(value) and 0 <= value <= MOST_REPLICAS else None
