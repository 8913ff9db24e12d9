"""We were wrong twice in an hour: we stop until it is past, or a person takes it in hand."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.change import ChangeRecord, ChangeState, OutcomeState
from controlplane.model.decision import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """Objects after ``mistakes`` changes that made things worse or failed. An undo may still be approved."""

    id: ClassVar[str] = "error-budget"

    mistakes: int = 2
    """Changes that may go wrong before everything is held."""

    span: timedelta = timedelta(hours=1)
    """How far back they are counted."""

    def check(self, case: Case) -> Check:
        wrong = sum(self._went_wrong(case, record) for record in case.past.changes)
        number = f"{wrong} of {self.mistakes}"
        if wrong >= self.mistakes:
            hours = self.span.total_seconds() / 3600
            words = f"{wrong} changes went wrong in the last {hours:g} h: a person should look"
            return objection(self.id, words, number, answerable=case.is_undo)
        return fine(self.id, "few changes went wrong", number)

    def _went_wrong(self, case: Case, record: ChangeRecord) -> bool:
        if record.outcome is not None and record.outcome.state is OutcomeState.WORSE:
            return case.now - record.outcome.at < self.span
        return (
            record.receipt is not None
            and record.state is ChangeState.FAILED
            and case.now - record.receipt.at < self.span
        )
