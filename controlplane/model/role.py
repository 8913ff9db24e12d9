"""What fleet.yaml says about a role, and what a role looks like at a tick."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite
from types import MappingProxyType

from controlplane.model.keys import ObjectRef, ReplicaKey, RoleName
from controlplane.model.reading import Reading
from controlplane.model.series import Series, holds_since
from controlplane.model.session import RoleSessions
from controlplane.model.workload import PodView, Standing


class Engine(StrEnum):
    """The server program in a replica."""

    VLLM = "vllm"
    SGLANG = "sglang"
    RAY_SERVE = "ray-serve"


class Phase(StrEnum):
    """Which part of a request a role's replicas serve; disaggregated serving splits prompt and answer."""

    BOTH = "both"
    PREFILL = "prefill"
    DECODE = "decode"


class Mode(StrEnum):
    """The ladder of trust: look only, ask a person, act within the guardrails."""

    OBSERVE = "observe"
    PROPOSE = "propose"
    APPLY = "apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """The model a role serves."""

    name: str
    precision: str = "fp16"
    kv_cache_dtype: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSpec:
    """The GPUs of one replica. ``mig`` names a profile such as ``1g.10gb`` when it holds slices."""

    type: str
    per_replica: float = 1
    mig: str | None = None
    share: float | None = 1.0
    """What one of them takes of a whole GPU: 1, or a slice's larger share of compute and memory; ``None``: unknown."""
    dollars_per_hour: float | None = None
    """Price of one *whole* GPU; ``None`` when nobody said."""
    listed: bool = False
    """Whether that price is one of our list prices rather than fleet.yaml's."""

    @property
    def equivalents(self) -> float | None:
        """Whole GPUs one replica is charged for; ``None`` while a slice's share is unknown."""
        return None if self.share is None else self.share * self.per_replica


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Least and most replicas."""

    min: int
    max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """What is promised, in seconds; ``None`` where nothing is."""

    ttft_p95: float | None = None
    itl_p95: float | None = None
    e2e_p95: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSpec:
    """One role as declared. Immutable for the life of a tick."""

    name: RoleName
    model: ModelSpec
    engine: Engine
    gpus: GpuSpec
    replicas: Bounds
    phase: Phase = Phase.BOTH
    slo: Objectives = Objectives()
    mode: Mode = Mode.PROPOSE
    scaled_object: ObjectRef | None = None
    workload: ObjectRef | None = None
    """Deployment, StatefulSet… whose pods are the replicas."""
    namespace: str = ""
    """Kubernetes namespace of its pods; empty outside Kubernetes."""
    idle_dollars_per_hour: float | None = None
    """Idle GPUs the role may have, dollars per hour; ``None`` where nobody set a limit."""

    @property
    def dollars_per_replica(self) -> float | None:
        """$ per hour of one replica; ``None`` when the price is unknown."""
        price, gpus = self.gpus.dollars_per_hour, self.gpus.equivalents
        return None if price is None or gpus is None else price * gpus


class ReplicaState(StrEnum):
    """Where a replica is in its life, as far as it can be seen."""

    READY = "ready"
    STARTING = "starting"
    LOST = "not answering"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaView:
    """One replica at a tick; every number may be unknown."""

    key: ReplicaKey
    state: ReplicaState
    at: datetime | None = None
    """When its page was last read."""
    started: datetime | None = None
    node: str | None = None
    url: str | None = None
    engine: Engine | None = None
    version: str | None = None
    """Version window told from its page, such as ``≥0.32``; exact where the engine says so."""
    fault: str | None = None
    gpus: float | None = None
    """Whole GPUs it is charged for, where that is not simply what fleet.yaml says: slices share their GPU fairly."""
    tokens_out: float | None = None
    """Output tokens since its process began."""
    kv_tokens: float | None = None
    """Tokens its KV cache holds, as the engine says."""
    values: Mapping[Reading, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleView:
    """A role at a tick with the recent past of its readings: what detectors and recommenders see."""

    spec: RoleSpec
    at: datetime
    step: timedelta
    """Intended distance between ticks."""
    ticks: tuple[datetime, ...] = ()
    """Instants of the columns, oldest first; the newest is ``at``."""
    columns: Mapping[Reading, tuple[float | None, ...]] = field(default_factory=lambda: MappingProxyType({}))
    replicas: tuple[ReplicaView, ...] = ()
    bounds: Bounds | None = None
    """Bounds in force in the cluster; ``None`` when nobody could tell."""
    pods: tuple[PodView, ...] | None = None
    """Its pods that have not ended; ``None`` where they could not be listed."""
    standing: Standing | None = None
    """How it stands in the cluster: scaler, pods, rollout; ``None`` where no cluster is seen."""
    sessions: RoleSessions | None = None
    """The active sessions that began here; ``None`` where nobody tells of them, or has told yet."""
    sources: Mapping[Reading, str] = field(default_factory=lambda: MappingProxyType({}))
    """Where each reading comes from: a PromQL expression that gives the same number."""
    missing: Mapping[Reading, str] = field(default_factory=lambda: MappingProxyType({}))
    """Readings that cannot be had, and why, in words."""

    @property
    def name(self) -> RoleName:
        """The role's name."""
        return self.spec.name

    def now(self, reading: Reading) -> float | None:
        """Value at this tick; ``None`` when unknown, which anything but a finite number is."""
        column = self.columns.get(reading)
        value = column[-1] if column else None
        return value if value is not None and isfinite(value) else None

    def series(self, reading: Reading) -> Series:
        """The reading's recent past."""
        column = self.columns.get(reading)
        if column is None:
            column = (None,) * len(self.ticks)
        return Series(self.ticks, column, self.step)

    def holds_since(self, holds: Callable[..., bool], *readings: Reading) -> datetime | None:
        """Since when ``holds(value, …)`` is true of these readings together, without a gap."""
        columns = [self.series(r).values for r in readings]
        return holds_since(self.ticks, columns, self.step, lambda row: holds(*row))

    @property
    def in_force(self) -> Bounds:
        """Bounds in force, or the declared ones while the cluster's are unknown."""
        return self.bounds or self.spec.replicas

    @property
    def scaling(self) -> bool:
        """Whether a replica is known to be on its way."""
        return (self.now(Reading.REPLICAS_PENDING) or 0) > 0
