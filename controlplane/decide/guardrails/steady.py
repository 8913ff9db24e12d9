"""Capacity is not taken away while replicas come and go: a drain or a rollout makes readings odd."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Objects to tightening while replicas are on their way, missing or being replaced."""

    id: ClassVar[str] = "steady"

    missing: float = 0.1
    """Share of the wished-for replicas (0..1) that may be missing."""

    def check(self, case: Case) -> Check:
        if not case.tightens:
            return fine(self.id, "it adds no unrest")
        pending, ready = case.role.now(Reading.REPLICAS_PENDING), case.role.now(Reading.REPLICAS_READY)
        if pending is None or ready is None:
            return objection(self.id, "nobody knows whether replicas are on their way", "unknown")
        standing = case.role.standing
        if standing is not None and standing.rolling_out:
            return objection(self.id, "a rollout is under way", "pods of an older template still run")
        if standing is not None and (standing.not_ready or 0.0) > self.missing:
            return objection(self.id, "pods are not ready", f"{standing.not_ready:.0%} of the pods not ready")
        if pending > self.missing * (ready + pending):
            return objection(self.id, "replicas are on their way", f"{pending:g} of {ready + pending:g} starting")
        return fine(self.id, "no replica comes or goes", f"{ready:g} ready")
