"""After a change the role is left alone for a while, longer before capacity is taken away."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.recommendation import Direction
from controlplane.model.units import seconds_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    """Objects to a change too soon after the last one of the same role."""

    id: ClassVar[str] = "cooldown"

    loosen: timedelta = timedelta(minutes=5)
    """Least time before capacity is added again: the engines' percentiles look back that far."""

    tighten: timedelta = timedelta(minutes=30)
    """Least time before capacity is taken away, or an engine restarted: a cold start takes minutes."""

    def check(self, case: Case) -> Check:
        last = max((record.change.at for record in case.changes()), default=None)
        if last is None:
            return fine(self.id, "no change of this role today")
        wait = self.loosen if case.recommendation.direction is Direction.LOOSEN else self.tighten
        since = case.now - last
        number = f"{seconds_text(max(0.0, since.total_seconds()))} of {seconds_text(wait.total_seconds())}"
        if since < wait:
            return objection(self.id, f"the role was changed at {last:%H:%M} UTC", number)
        return fine(self.id, "the last change is long enough ago", number)
