"""One change per role at a time: the next one waits until the outcome of the last is known."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.change import ChangeState
from controlplane.model.decision import Check

_OPEN = (ChangeState.SENDING, ChangeState.APPLIED, ChangeState.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """Objects while a change of the same role has no outcome yet."""

    id: ClassVar[str] = "in-flight"

    def check(self, case: Case) -> Check:
        waiting = [r for r in case.changes() if r.outcome is None and r.state in _OPEN]
        if not waiting:
            return fine(self.id, "no change of this role awaits its outcome", "0 of 1")
        last = waiting[-1].change
        words = f"the change of {last.at:%H:%M} UTC still has to show what it does: {last.recommendation.title}"
        return objection(self.id, words, f"{len(waiting)} of 1")
