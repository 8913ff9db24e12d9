"""Requests queue for longer than a new replica would take to help.

A queue that drains by itself is a queue doing its job. It is a problem once it has outlived
``patience`` and no replica is already on its way. A replica that is late is not on its way.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.detect.watch import QUORUM, Ending, answered, ending, evidence, require_apart, sustained
from controlplane.estimate.starts import help_is_coming, late_for
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding, Severity
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.units import seconds_text


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBuildup:
    """Raised when waiting requests per ready replica stay above ``limit``."""

    id: ClassVar[str] = "queue-buildup"
    needs: ClassVar[tuple[Reading, ...]] = (Reading.WAITING_PER_REPLICA,)

    limit: float = 5.0
    """Waiting requests per ready replica that are still normal: the reference rule for scaling up."""

    patience: timedelta = timedelta(minutes=2)
    """How long the limit must be exceeded: shorter bursts drain before a new replica could serve."""

    leave: float = 0.8
    """It is over below this share of ``limit``; at most 0.9, or a queue around the limit would flap."""

    settle: timedelta = timedelta(minutes=2)
    """How long it must be known to be over: as long as it took to be sure it was there."""

    def __post_init__(self) -> None:
        require_apart(self.limit, self.limit * self.leave)

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        since = sustained(role, self.patience, lambda waiting: waiting > self.limit, Reading.WAITING_PER_REPLICA)
        if since is None or help_is_coming(role, beliefs) or not answered(role, QUORUM):
            return None
        return self.describe(role, beliefs, since)

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:
        summary = f"more than {self.limit:g} requests wait per replica"
        late = late_for(role, beliefs)
        if late is not None:
            summary += f", and a replica asked for has not started for {seconds_text(late.total_seconds())}"
        waiting = evidence(
            role,
            Reading.WAITING_PER_REPLICA,
            "How many requests wait per ready replica?",
            limit=self.limit,
            comparison=">",
            since=since,
        )
        return Finding(
            detector=self.id,
            role=role.name,
            severity=Severity.WARNING,
            since=since,
            summary=summary,
            evidence=(
                waiting,
                evidence(role, Reading.WAITING, "How many requests wait in all?"),
                evidence(role, Reading.REPLICAS_READY, "How many replicas serve?"),
                evidence(role, Reading.REPLICAS_PENDING, "How many replicas are on their way?"),
            ),
        )

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:  # noqa: ARG002  the queue says it all
        return ending(
            role, self.settle, lambda waiting: waiting <= self.limit * self.leave, Reading.WAITING_PER_REPLICA
        )

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:  # noqa: ARG002  the same for every role
        return (Limit(reading=Reading.WAITING_PER_REPLICA, comparison=">", value=self.limit, words="limit"),)
