"""What the eyes bring home at a tick, before anybody has made sense of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.page import Scrape
from controlplane.model.reading import Reading
from controlplane.model.role import Bounds, ReplicaView
from controlplane.model.session import RoleSessions
from controlplane.model.workload import MachineView, PodView, ScalerView


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSighting:
    """What the cluster says about a role's replicas and their bounds."""

    role: RoleName
    at: datetime
    desired: int | None = None
    ready: int | None = None
    pending: int | None = None
    bounds: Bounds | None = None
    scaler: ScalerView | None = None
    """What scales it; ``None`` where nobody could tell, or nothing does."""
    pods: tuple[PodView, ...] | None = None
    """Its pods that have not ended; ``None`` where they could not be listed."""
    rolling_out: bool | None = None
    """Whether pods of an older template still run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSample:
    """Readings of a role that somebody else (Prometheus) has already computed for this tick."""

    role: RoleName
    at: datetime
    values: Mapping[Reading, float]
    sources: Mapping[Reading, str] = field(default_factory=lambda: MappingProxyType({}))
    replicas: tuple[ReplicaView, ...] = ()
    tokens_per_second: float | None = None
    """Prompt and output tokens delivered, mean of five minutes: what cost per token is made of."""
    missing: Mapping[Reading, str] = field(default_factory=lambda: MappingProxyType({}))
    """Readings that could not be had, and why, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsSeen:
    """The sessions of a tick, and how their source is doing."""

    roles: Mapping[RoleName, RoleSessions]
    """Every role; empty while nothing was ever told, or the ledger cannot be read: unknown, not none."""
    health: SourceHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Everything seen at a tick: raw pages, computed readings, cluster objects, and what failed."""

    at: datetime
    scrapes: tuple[Scrape, ...] = ()
    """The newest scrape of every known target, good or bad; a target that is gone is not in here."""
    samples: Mapping[RoleName, RoleSample] = field(default_factory=lambda: MappingProxyType({}))
    workloads: Mapping[RoleName, WorkloadSighting] = field(default_factory=lambda: MappingProxyType({}))
    machines: tuple[MachineView, ...] = ()
    """Machines of the cluster that give GPUs to pods, as its API shows them; empty where we may not see them."""
    sessions: Mapping[RoleName, RoleSessions] = field(default_factory=lambda: MappingProxyType({}))
    """The active sessions of each role; empty where nobody tells of them, or has told yet."""
    sources: tuple[SourceHealth, ...] = ()
    """Health of sources that are not scrape targets: Prometheus, Kubernetes, discovery."""
