"""The autoscaler does not see what it scales by: the fleet stands still, whatever the load.

Kubernetes and KEDA say so themselves, in conditions nobody reads. A paused one is not blind: a person stopped it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.detect.watch import Ending, evidence
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding, Severity
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerBlind:
    """Raised when the ScaledObject is not ready, or its HPA gets no metric, for ``patience``."""

    id: ClassVar[str] = "scaler-blind"
    needs: ClassVar[tuple[Reading, ...]] = ()

    patience: timedelta = timedelta(minutes=2)
    """How long it must be blind: one failed query, or an operator that restarts, is ordinary."""

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        since = beliefs.scaler_blind_since
        if since is None or role.at - since < self.patience:
            return None
        return self.describe(role, beliefs, since)

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:  # noqa: ARG002  as seen
        scaler = None if role.standing is None else role.standing.scaler
        why = f": {scaler.problem[:300]}" if scaler is not None and scaler.problem else ""
        return Finding(
            detector=self.id,
            role=role.name,
            severity=Severity.WARNING,
            since=since,
            summary=f"the autoscaler does not see what it scales by{why}",
            evidence=(
                evidence(role, Reading.REPLICAS_READY, "How many replicas serve?"),
                evidence(role, Reading.REPLICAS_DESIRED, "How many does the autoscaler ask for?"),
            ),
        )

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:  # noqa: ARG002  as seen
        if role.standing is None or role.standing.scaler is None:
            return Ending.UNKNOWN
        return Ending.HOLDS if role.standing.scaler.blind else Ending.OVER

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:  # noqa: ARG002  no number is behind it
        return ()
