"""What scaler, pods and machines say of themselves, in our words. Pure; odd objects say nothing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from controlplane.collect.answers import shortened
from controlplane.collect.kubernetes_kinds import Object
from controlplane.model.workload import MachineView, PodView, ScalerView

PAUSING = ("paused", "paused-replicas", "paused-scale-in", "paused-scale-out")
"""KEDA's annotations that stop it, below ``autoscaling.keda.sh/``. ``paused: "false"`` does not."""
BOUNDS = ("f:minReplicaCount", "f:maxReplicaCount")
ARGO, FLUX = "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/"
ARGO_LABEL = "app.kubernetes.io/instance"
MOST_GPUS = 100_000
WORDS = 500
"""Characters of a message. An HPA names the metric at length before it says what is wrong with it."""


def scaler(scaled: Object | None, autoscaler: Object | None) -> ScalerView | None:
    """What scales a role; ``None`` when neither object is there."""
    if scaled is None and autoscaler is None:
        return None
    said, hpa = conditions(scaled), conditions(autoscaler)
    ready, metric, able = _is(said, "Ready"), _is(hpa, "ScalingActive"), _is(hpa, "AbleToScale")
    wrong = [c for c, fine in ((said.get("Ready"), ready), (hpa.get("ScalingActive"), metric)) if fine is False]
    stopped = _paused(scaled)
    if stopped is None:
        stopped = _is(said, "Paused")
    return ScalerView(
        ready=ready,
        active=_is(said, "Active"),
        fallback=_is(said, "Fallback"),
        paused=stopped,
        metric_known=metric if metric is not None else _is(said, "HPAActive"),
        able=able,
        problem="; ".join(shortened(str(at(c, "message") or at(c, "reason") or ""), WORDS) for c in wrong),
        kept_by=_kept_by(scaled),
        gitops=_gitops(scaled),
    )


def pods(objects: Iterable[Object] | None) -> tuple[PodView, ...] | None:
    """The pods of a role that have not ended, by name; ``None`` when they could not be listed."""
    if objects is None:
        return None
    views = [view for pod in objects if (view := _pod(pod)) is not None]
    return tuple(sorted(views, key=lambda view: view.name))


def machines(objects: Iterable[Object] | None) -> tuple[MachineView, ...]:
    """The machines of the cluster that give GPUs to pods, by name."""
    views = [view for node in objects or () if (view := _machine(node)) is not None]
    return tuple(sorted(views, key=lambda view: view.name))


def rolling_out(workload: Object | None) -> bool | None:
    """Whether pods of an older template still run; ``None`` where nobody can tell."""
    status = at(workload, "status")
    if not isinstance(status, Mapping):
        return None
    present, updated = status.get("replicas", 0), status.get("updatedReplicas", 0)  # zeros are left out
    return present > updated if isinstance(present, int) and isinstance(updated, int) else None


def owned(pods: Iterable[Object], workload: Object | None) -> tuple[Object, ...] | None:
    """Those pods that a workload selects by labels; ``None`` where it selects in a way we do not read."""
    wanted = at(workload, "spec", "selector", "matchLabels")
    if not isinstance(wanted, Mapping) or at(workload, "spec", "selector", "matchExpressions"):
        return None
    return tuple(p for p in pods if wanted.items() <= (at(p, "metadata", "labels") or {}).items())


def conditions(thing: Object | None) -> dict[str, Object]:
    """The conditions of an object by their type."""
    said = at(thing, "status", "conditions")
    return {c["type"]: c for c in said if isinstance(at(c, "type"), str)} if isinstance(said, list) else {}


def instant(text: Any) -> datetime | None:
    """A timestamp as Kubernetes writes it."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None


def at(thing: Any, *path: str) -> Any:
    """What lies at a path; ``None`` as soon as something on the way is not there."""
    for step in path:
        if not isinstance(thing, Mapping):
            return None
        thing = thing.get(step)
    return thing


def _is(said: Mapping[str, Object], kind: str) -> bool | None:
    return {"True": True, "False": False}.get(str(at(said.get(kind), "status")))


def _paused(scaled: Object | None) -> bool | None:
    """By its annotations, which count before KEDA has seen them; ``None`` when there is no ScaledObject."""
    if scaled is None:
        return None
    notes = at(scaled, "metadata", "annotations")
    if not isinstance(notes, Mapping):
        return False
    said = {name: notes.get(f"autoscaling.keda.sh/{name}") for name in PAUSING}
    return any(value is not None and (name == "paused-replicas" or value != "false") for name, value in said.items())


def _kept_by(scaled: Object | None) -> str:
    """Who wrote the bounds last, by the object's managed fields."""
    entries = at(scaled, "metadata", "managedFields")
    owners = [
        (str(at(entry, "time") or ""), str(at(entry, "manager") or ""))
        for entry in (entries if isinstance(entries, list) else ())
        if any(at(entry, "fieldsV1", "f:spec", bound) is not None for bound in BOUNDS)
    ]
    return max(owners, default=("", ""))[1]


def _gitops(scaled: Object | None) -> str:
    keys = {*(at(scaled, "metadata", "annotations") or ()), *(at(scaled, "metadata", "labels") or ())}
    if any(key.startswith(ARGO) for key in keys):
        return "argocd"
    if any(key.startswith(FLUX) for key in keys):
        return "flux"
    managers = {str(at(e, "manager")) for e in at(scaled, "metadata", "managedFields") or () if isinstance(e, Mapping)}
    return next((tool for tool, name in GITOPS_MANAGERS.items() if name & managers), "")


GITOPS_MANAGERS = {
    "argocd": {"argocd-controller", "argocd-application-controller"},
    "flux": {"kustomize-controller", "helm-controller"},
}
"""Field managers that GitOps tools write with."""


def _pod(pod: Object) -> PodView | None:
    name = at(pod, "metadata", "name")
    if not isinstance(name, str) or at(pod, "status", "phase") in ("Succeeded", "Failed"):
        return None
    said = conditions(pod)
    scheduled, node = said.get("PodScheduled"), at(pod, "spec", "nodeName")
    stuck = at(scheduled, "reason") == "Unschedulable" and at(scheduled, "status") == "False"
    return PodView(
        name=name,
        created=instant(at(pod, "metadata", "creationTimestamp")),
        ready_since=instant(at(said["Ready"], "lastTransitionTime")) if _is(said, "Ready") else None,
        node=node if isinstance(node, str) and node else None,
        leaving=at(pod, "metadata", "deletionTimestamp") is not None,
        unschedulable=shortened(str(at(scheduled, "message") or "no machine takes it"), WORDS) if stuck else "",
        waiting=_waiting(pod),
    )


def _waiting(pod: Object) -> str:
    containers = at(pod, "status", "containerStatuses")
    reasons = [at(c, "state", "waiting", "reason") for c in (containers if isinstance(containers, list) else ())]
    return shortened(next((r for r in reasons if isinstance(r, str) and r != "ContainerCreating"), ""))


def _machine(node: Object) -> MachineView | None:
    name, holds = at(node, "metadata", "name"), at(node, "status", "allocatable")
    gpus = {
        resource: int(number)
        for resource, number in (holds.items() if isinstance(holds, Mapping) else ())
        if str(resource).startswith(("nvidia.com/gpu", "nvidia.com/mig-")) and str(number).isdecimal()
    }
    if not isinstance(name, str) or not gpus or max(gpus.values()) > MOST_GPUS:
        return None
    labels = at(node, "metadata", "labels")
    return MachineView(
        name=name,
        ready=_is(conditions(node), "Ready"),
        schedulable=not at(node, "spec", "unschedulable"),
        gpus=dict(sorted(gpus.items())),
        product=str(at(labels, "nvidia.com/gpu.product") or ""),
        mig_layout=str(at(labels, "nvidia.com/mig.config") or ""),
    )
