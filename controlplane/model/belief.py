"""What has been learned about a role and outlives a tick."""

from dataclasses import dataclass
from datetime import datetime

from controlplane.model.keys import ReplicaKey, RoleName
from controlplane.model.role import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One observed cold start: asked for, then first seen serving."""

    replica: ReplicaKey
    ready: datetime
    seconds: float


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
    watched_since: datetime | None = None
    """When this role was first seen with replicas that answer; ``None`` before that."""
    bounds_since: datetime | None = None
    """Since when those are in force, as far as we saw: a change written for GitOps counts from then."""

    @property
    def cold_start_p90(self) -> float | None:
        """Seconds a replica takes to start, 90th percentile; ``None`` before the first start was seen."""
        if not self.starts:
            return None
        ordered = sorted(s.seconds for s in self.starts)
        return ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
