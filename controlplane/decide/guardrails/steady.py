"""Capacity is not taken away while replicas come and go: a drain or a rollout makes readings odd."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Objects to tightening while replicas are on their way or missing."""

    id: ClassVar[str] = "steady"

    missing: float = 0.1
    """Share of the wished-for replicas (0..1) that may be missing."""

    def check(self, case: Case) -> Check:
        if not case.tightens:
            return fine(self.id, "it adds no unrest")
        pending, ready = case.role.now(Reading.REPLICAS_PENDING), case.role.now(Reading.REPLICAS_READY)
        if pending is None or ready is None:
            return objection(self.id, "nobody knows whether replicas are on their way", "unknown")
        if pending > self.missing * (ready + pending):
            return objection(self.id, "replicas are on their way", f"{pending:g} of {ready + pending:g} starting")
        return fine(self.id, "no replica comes or goes", f"{ready:g} ready")
