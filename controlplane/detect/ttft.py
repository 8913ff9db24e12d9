"""The first token takes longer than promised.

Time to first token is what a user of an agent waits for at every step: queueing and prefill. It is judged
by its 95th percentile over five minutes against the role's ``slo.ttft_p95``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.detect.objective import Promise
from controlplane.detect.watch import Ending, require_apart
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView


@dataclass(frozen=True, slots=True, kw_only=True)
class TtftObjective:
    """Raised when the 95th percentile of the time to first token stays over the objective."""

    id: ClassVar[str] = "ttft-objective"
    needs: ClassVar[tuple[Reading, ...]] = (Reading.TTFT_P95,)

    patience: timedelta = timedelta(minutes=2)
    """How long it must be over: the percentile already looks back five minutes."""

    settle: timedelta = timedelta(minutes=5)
    """How long it must be known to be kept again: a whole window of the percentile."""

    leave: float = 0.9
    """It is kept again below this share of the objective; at most 0.9, or it would flap."""

    floor: float = 0.05
    """Requests finished a second below which a percentile is chance: 15 in its five minutes."""

    def __post_init__(self) -> None:
        require_apart(1.0, self.leave)

    def _promise(self, spec: RoleSpec) -> Promise | None:
        objective = spec.slo.ttft_p95
        if objective is None:
            return None
        return Promise(
            detector=self.id,
            reading=Reading.TTFT_P95,
            objective=objective,
            patience=self.patience,
            settle=self.settle,
            leave=self.leave,
            floor=self.floor,
        )

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        promise = self._promise(role.spec)
        since = promise.broken_since(role) if promise else None
        return None if since is None else self.describe(role, beliefs, since)

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:  # noqa: ARG002  as seen
        promise = self._promise(role.spec)
        assert promise is not None, "only a promise can be broken"
        also = (
            (Reading.WAITING_PER_REPLICA, "How many requests wait per ready replica?"),
            (Reading.QUEUE_P95, "How long do requests wait in the queue?"),
            (Reading.REQUESTS, "How many requests finish?"),
        )
        return promise.finding(role, since, also)

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:  # noqa: ARG002  as seen
        promise = self._promise(role.spec)
        return promise.kept(role) if promise else Ending.OVER

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:
        promise = self._promise(spec)
        return (promise.limit(),) if promise else ()
