"""An approval is for the world as it was: an old one counts no more, and one person may not be enough."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, Guardrail, fine, objection
from controlplane.model.decision import Check
from controlplane.model.recommendation import State
from controlplane.model.units import seconds_text

ONE_MORE = "one more person is needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshApproval:
    """Objects when an approval is older than the recommendation is good for, or too few approved.

    It cannot be configured away.
    """

    id: ClassVar[str] = "approval"

    people: int = 1
    """How many different people must approve what needs an approval, an undo included: 1, or 2 for two pairs of eyes.
    With 2 everybody who may approve needs a token of their own (``serve.people``)."""

    def __post_init__(self) -> None:
        """Two is what the ledger has room for."""
        if self.people not in (1, 2):
            raise ValueError(f"people is 1 or 2, not {self.people}")

    def check(self, case: Case) -> Check:
        record = case.record
        if record is None or record.state is not State.APPROVED:
            if self.people > 1 and record is not None and (half := record.half(case.now)):
                return fine(self.id, f"approved by {half.by}, {ONE_MORE}", f"1 of {self.people}")
            return fine(self.id, "no approval to grow old")
        limit = seconds_text(case.recommendation.good_for.total_seconds())
        given = record.approvals
        if not given:
            return objection(self.id, "nobody knows when it was approved", answerable=True)
        age = seconds_text((case.now - min(a.at for a in given)).total_seconds())
        if case.approved_by is None:
            return objection(self.id, f"approved {age} ago, good for {limit}", f"{age} > {limit}", answerable=True)
        if (said := len({a.by for a in given})) < self.people:
            return objection(self.id, f"approved by {record.approved_by}, {ONE_MORE}", f"{said} of {self.people}")
        return fine(self.id, f"approved by {record.approved_by}", f"{age} ≤ {limit}")


def people_needed(guardrails: Iterable[Guardrail]) -> int:
    """How many people must approve under these guardrails."""
    return max((g.people for g in guardrails if isinstance(g, FreshApproval)), default=1)
