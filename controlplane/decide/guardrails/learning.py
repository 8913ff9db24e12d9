"""Whoever is new here watches first: no change without a person until a role has been watched for a while.

What would have been done meanwhile is shown all the same, with every other guardrail's word on it: a week of
proposals that a person would have agreed with is what trust is made of.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.units import seconds_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """Objects while a role has not been watched for ``span``. A person may decide earlier; an undo never waits."""

    id: ClassVar[str] = "learning"

    span: timedelta = timedelta(days=7)
    """How long a role is watched before it is changed without asking. A week has seen a weekend and a Monday."""

    def check(self, case: Case) -> Check:
        if case.is_undo:
            return fine(self.id, "it takes back what we did")
        known = case.past.beliefs.get(case.role.name)
        since = None if known is None else known.watched_since
        watched = timedelta(0) if since is None else max(timedelta(0), case.now - since)
        number = f"{seconds_text(watched.total_seconds())} of {seconds_text(self.span.total_seconds())}"
        if watched < self.span:
            return objection(self.id, "this role has not been watched long enough", number, answerable=True)
        return fine(self.id, "this role is known", number)
