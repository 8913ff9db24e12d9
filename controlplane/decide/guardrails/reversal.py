"""No back and forth: what was just added is not taken away again, nor the reverse."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.recommendation import Direction
from controlplane.model.units import seconds_text

_OPPOSITE = {Direction.LOOSEN: Direction.TIGHTEN, Direction.TIGHTEN: Direction.LOOSEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Objects to the opposite of a recent change, or of one whose outcome is not known. An undo is no reversal."""

    id: ClassVar[str] = "reversal"

    apart: timedelta = timedelta(minutes=30)
    """Least time between two opposite changes of a role."""

    def check(self, case: Case) -> Check:
        opposite = _OPPOSITE.get(case.recommendation.direction)
        against = [r for r in case.changes() if r.change.recommendation.direction is opposite]
        if not against:
            return fine(self.id, "no opposite change today")
        last = against[-1]
        since = case.now - last.change.at
        number = f"{seconds_text(max(0.0, since.total_seconds()))} of {seconds_text(self.apart.total_seconds())}"
        if since < self.apart or last.outcome is None:
            return objection(self.id, f"the opposite was done at {last.change.at:%H:%M} UTC", number)
        return fine(self.id, "the opposite change is long enough ago", number)
