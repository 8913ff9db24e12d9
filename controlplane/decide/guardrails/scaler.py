"""What scales the role must be at work: a paused one is a person's decision, a blind one does not follow its bounds."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check

SCALED_OBJECT = "ScaledObject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """Objects to changing the bounds of a ScaledObject that is paused or that does not see what it scales by.

    Whoever paused it unpauses it. A blind one is not moved further: what a new bound would do shows only later.
    """

    id: ClassVar[str] = "scaler"

    def check(self, case: Case) -> Check:
        standing = case.role.standing
        scaler = None if standing is None else standing.scaler
        if case.recommendation.patch.target.kind != SCALED_OBJECT:
            return fine(self.id, "no bounds are changed")
        if scaler is None:
            return fine(self.id, "nothing is known against it", "unknown")
        if scaler.paused:
            return objection(self.id, "KEDA is paused here: whoever paused it unpauses it", "paused")
        if scaler.blind:
            words = f": {scaler.problem[:200]}" if scaler.problem else ""
            return objection(self.id, f"the autoscaler does not see what it scales by{words}", "blind")
        if scaler.fallback and case.tightens:
            return objection(self.id, "the autoscaler scales by its fallback: nothing is taken away", "fallback")
        return fine(self.id, "the autoscaler is at work", "ready")
