"""What the cluster says about what scales a role and what it runs on: scaler, pods, machines. Absent is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerView:
    """KEDA's ScaledObject and the HPA behind it, by their own conditions."""

    ready: bool | None = None
    """KEDA could set it up and its triggers work."""
    active: bool | None = None
    """A trigger wants more than nothing."""
    fallback: bool | None = None
    """KEDA scales by the fallback because triggers fail."""
    paused: bool | None = None
    """A person stopped it, wholly or in one direction. It stays so until that person changes it."""
    metric_known: bool | None = None
    """The HPA could get its metric (condition ScalingActive)."""
    able: bool | None = None
    """The HPA could read and change the number of replicas (condition AbleToScale)."""
    problem: str = ""
    """Why it does not scale, in the cluster's words."""
    kept_by: str = ""
    """Field manager that wrote least and most replicas last."""
    gitops: str = ""
    """GitOps tool that says the object is its own: ``argocd``, ``flux``; empty when none does."""

    @property
    def blind(self) -> bool:
        """Whether it is known not to see what it scales by."""
        return not self.paused and (self.ready is False or self.metric_known is False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """One pod of a role."""

    name: str
    created: datetime | None = None
    ready_since: datetime | None = None
    """Since when it is ready; ``None`` when it is not."""
    node: str | None = None
    leaving: bool = False
    """On its way out."""
    unschedulable: str = ""
    """Why no machine takes it, in the scheduler's words; empty when one did or nobody tried yet."""
    waiting: str = ""
    """Why its container does not run, such as ``ImagePullBackOff`` or ``CrashLoopBackOff``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineView:
    """One machine (node) of the cluster."""

    name: str
    ready: bool | None = None
    schedulable: bool = True
    """New pods may be put on it: it is not cordoned."""
    gpus: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """What it can give to pods, by resource: ``nvidia.com/gpu``, ``nvidia.com/mig-1g.10gb``…"""
    product: str = ""
    """Name of its GPUs, by their label."""
    mig_layout: str = ""
    """Name of its MIG layout, by its label."""


def not_ready_share(pods: tuple[PodView, ...] | None) -> float | None:
    """Share of a role's pods, less those on their way out, that are not ready; ``None`` when there is none."""
    staying = [pod for pod in pods or () if not pod.leaving]
    return sum(pod.ready_since is None for pod in staying) / len(staying) if staying else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a role stands in the cluster at a tick: what guardrails need of the above, and no more."""

    scaler: ScalerView | None = None
    """What scales it; ``None`` while unknown, or where nothing does."""
    not_ready: float | None = None
    """Share of its pods (0..1) that are not ready; ``None`` while unknown."""
    unplaced: int = 0
    """Pods that no machine takes."""
    why_unplaced: str = ""
    """Why, in the scheduler's words, of the first of them."""
    rolling_out: bool | None = None
    """Whether pods of an older template still run; ``None`` while unknown."""


def standing(
    scaler: ScalerView | None,
    pods: tuple[PodView, ...] | None,
    rolling_out: bool | None,  # noqa: FBT001  a fact, not a switch
) -> Standing:
    """The facts about one role, summed up."""
    unplaced = [pod for pod in pods or () if pod.unschedulable and not pod.leaving]
    return Standing(
        scaler=scaler,
        not_ready=not_ready_share(pods),
        unplaced=len(unplaced),
        why_unplaced=unplaced[0].unschedulable if unplaced else "",
        rolling_out=rolling_out,
    )
