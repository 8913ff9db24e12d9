"""More is not asked for while what was asked for finds no place: that is a matter of machines, not of bounds."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.recommendation import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Objects to adding replicas while pods of the role cannot be placed on any machine."""

    id: ClassVar[str] = "capacity"

    unplaced: int = 0
    """Pods without a machine that are still fine. None by default: the next one would wait beside them."""

    def check(self, case: Case) -> Check:
        standing = case.role.standing
        if case.recommendation.direction is not Direction.LOOSEN or standing is None:
            return fine(self.id, "it asks for no more machines")
        number = f"{standing.unplaced} of {self.unplaced} unplaced"
        if standing.unplaced > self.unplaced:
            words = f"pods find no machine: {standing.why_unplaced[:200]}"
            return objection(self.id, words, number)
        return fine(self.id, "every pod has found a machine", number)
