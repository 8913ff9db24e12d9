"""We never scale up to feed a runaway: a session that takes what it gets would take the new replicas, too."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.detect.runaway import feeding
from controlplane.model.decision import Check
from controlplane.model.recommendation import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Runaway:
    """Objects to more replicas of a role while a runaway session began there or calls it. A person may approve.

    Others wait in the same queue: whether they are worth more replicas until it is stopped is not ours to say.
    """

    id: ClassVar[str] = "runaway"

    def check(self, case: Case) -> Check:
        if case.recommendation.kind is not Kind.RAISE_REPLICAS:
            return fine(self.id, "it adds no replicas")
        fed = feeding(case.fleet.roles, [record.finding for record in case.past.open_findings if not record.closed])
        finding = fed.get(case.role.name)
        if finding is None:
            return fine(self.id, "no runaway session is known here")
        return objection(self.id, f"it would feed a runaway: {finding.summary[:300]}", finding.role, answerable=True)
