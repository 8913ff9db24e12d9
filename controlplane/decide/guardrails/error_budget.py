"""We were wrong twice in an hour: everything is held until a person has looked and said so."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.change import ChangeRecord, ChangeState, OutcomeState
from controlplane.model.decision import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """Objects after ``mistakes`` changes within ``span`` that made things worse or failed. An undo may be approved.

    Time alone does not clear it: a person pulls and releases the kill switch, which says "I have looked".
    """

    id: ClassVar[str] = "error-budget"

    mistakes: int = 2
    """Changes that may go wrong within ``span`` before everything is held."""

    span: timedelta = timedelta(hours=1)
    """How close together they must be."""

    def check(self, case: Case) -> Check:
        resumed = case.past.resumed
        wrong = sorted(
            at
            for record in case.past.changes
            if (at := went_wrong(record)) is not None and (resumed is None or at > resumed)
        )
        most = self._most_at_once(wrong)
        number = f"{most} of {self.mistakes}"
        if most >= self.mistakes:
            hours = self.span.total_seconds() / 3600
            words = f"{most} changes went wrong within {hours:g} h: look at them, then stop and resume"
            return objection(self.id, words, number, answerable=case.is_undo)
        return fine(self.id, "few changes went wrong", number)

    def _most_at_once(self, wrong: list[datetime]) -> int:
        """The most mistakes of any stretch as long as ``span``."""
        return max((sum(at <= other < at + self.span for other in wrong) for at in wrong), default=0)


def went_wrong(record: ChangeRecord) -> datetime | None:
    """When a change was seen to have failed or to have made things worse; ``None`` when it did not."""
    if record.outcome is not None and record.outcome.state is OutcomeState.WORSE:
        return record.outcome.at
    if record.receipt is not None and record.state is ChangeState.FAILED:
        return record.receipt.at
    return None
