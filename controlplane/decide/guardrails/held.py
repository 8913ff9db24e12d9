"""We never fight: an object that somebody else holds, or that must not be written now, is left alone for a while."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.change import ChangeState, Receipt
from controlplane.model.decision import Check
from controlplane.model.units import seconds_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Objects after somebody changed ours back or owned the field, and after we had to refuse.

    Where a field has another owner a person may still approve: the change then becomes a patch file for them.
    """

    id: ClassVar[str] = "held-object"

    cool_off: timedelta = timedelta(days=1)
    """How long an object is left alone once somebody else took our change back. A day: one shift tells the next."""

    after_refusal: timedelta = timedelta(minutes=5)
    """How long after a change that we had to refuse. Each further refusal of the same day doubles it."""

    def check(self, case: Case) -> Check:
        target = case.recommendation.patch.target
        receipts = [r.receipt for r in case.past.changes if r.change.patch.target == target and r.receipt]
        foreign = [receipt for receipt in receipts if receipt.state in (ChangeState.REVERTED, ChangeState.CONFLICT)]
        if foreign:
            last = max(foreign, key=lambda receipt: (receipt.at, receipt.state is ChangeState.REVERTED))
            check = self._left_alone(last, self.cool_off, case.now, answerable=last.state is ChangeState.CONFLICT)
            if check is not None:
                return check
        refused = _since_the_last_success(receipts)
        if refused:
            wait = min(self.after_refusal * 2 ** min(len(refused) - 1, 20), self.cool_off)
            check = self._left_alone(refused[-1], wait, case.now, answerable=False)
            if check is not None:
                return check
        return fine(self.id, "nobody else holds the object")

    def _left_alone(self, last: Receipt, wait: timedelta, now: datetime, *, answerable: bool) -> Check | None:
        since = now - last.at
        if since >= wait:
            return None
        number = f"{seconds_text(max(0.0, since.total_seconds()))} of {seconds_text(wait.total_seconds())}"
        return objection(
            self.id, f"{last.state} at {last.at:%H:%M} UTC: {last.said[:300]}", number, answerable=answerable
        )


def _since_the_last_success(receipts: Sequence[Receipt]) -> list[Receipt]:
    """Refusals without a change in between that was made, oldest first."""
    refused: list[Receipt] = []
    for receipt in receipts:
        if receipt.state is ChangeState.REFUSED:
            refused.append(receipt)
        elif receipt.state is ChangeState.APPLIED:
            refused.clear()
    return refused
