"""An approval is for the world as it was: an old one counts no more."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.recommendation import State
from controlplane.model.units import seconds_text


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshApproval:
    """Objects when the approval is older than the recommendation is good for. It cannot be configured away."""

    id: ClassVar[str] = "approval"

    def check(self, case: Case) -> Check:
        record = case.record
        if record is None or record.state is not State.APPROVED:
            return fine(self.id, "no approval to grow old")
        limit = seconds_text(case.recommendation.good_for.total_seconds())
        if record.decided is None:
            return objection(self.id, "nobody knows when it was approved", answerable=True)
        age = seconds_text((case.now - record.decided).total_seconds())
        if case.approved_by is None:
            return objection(self.id, f"approved {age} ago, good for {limit}", f"{age} > {limit}", answerable=True)
        return fine(self.id, f"approved by {record.by}", f"{age} ≤ {limit}")
