"""What has been learned about a role and outlives a tick."""

from dataclasses import dataclass
from datetime import datetime

from controlplane.model.keys import ReplicaKey, RoleName
from controlplane.model.role import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One observed cold start: asked for (the pod created, where pods are seen), then ready."""

    replica: ReplicaKey
    ready: datetime
    seconds: float
    first_token: float | None = None
    """Seconds from being asked for to the first token seen; ``None`` when nobody asked it for one soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What one replica finished a second while requests waited for it: as much as it can."""

    at: datetime
    requests: float
    """Requests finished per second and ready replica."""
    tokens: float
    """Prompt and output tokens of one such request, mean: what kind of requests they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleBeliefs:
    """Learned facts about one role."""

    role: RoleName
    starts: tuple[Start, ...] = ()
    """The last cold starts, oldest first, at most 20."""
    pending_since: tuple[tuple[ReplicaKey, datetime], ...] = ()
    """Replicas seen starting and not ready yet, with when they were first seen."""
    prefix_hit_baseline: float | None = None
    """Usual prefix cache hit ratio (0..1), learned while traffic flows; ``None`` until learned."""
    baseline_ticks: int = 0
    """Ticks that went into the baseline."""
    throughputs: tuple[Throughput, ...] = ()
    """Throughput of saturated replicas, one a minute at most, oldest first, at most 40."""
    bounds: Bounds | None = None
    """Bounds last seen in force in the cluster; ``None`` as long as nobody could tell."""
    scaler_blind_since: datetime | None = None
    """Since when its autoscaler is seen not to see what it scales by; ``None`` while it is not known to be so."""
    watched_since: datetime | None = None
    """When this role was first seen with replicas that answer; ``None`` before that."""
    bounds_since: datetime | None = None
    """Since when those are in force, as far as we saw: a change written for GitOps counts from then."""
    bounds_unseen_since: datetime | None = None
    """Since when nobody can tell the bounds any more; ``None`` while somebody can."""

    @property
    def cold_start_p90(self) -> float | None:
        """Seconds a replica takes to start, 90th percentile; ``None`` before the first start was seen."""
        return _p90([s.seconds for s in self.starts])

    @property
    def first_token_p90(self) -> float | None:
        """Seconds until a replica gives its first token, 90th percentile; ``None`` before one was seen."""
        return _p90([s.first_token for s in self.starts if s.first_token is not None])


def _p90(seconds: list[float]) -> float | None:
    return sorted(seconds)[min(len(seconds) - 1, int(0.9 * len(seconds)))] if seconds else None
