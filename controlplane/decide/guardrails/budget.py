"""The fleet does not cost more an hour than it may.

Counted is the worst that the change allows: all replicas up to a raised bound, and for the other roles what
they cost now. An unknown price needs a person.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import LEAST_PATH, MOST_PATH, Case, fine, number_of, objection
from controlplane.model.decision import Check
from controlplane.model.patch import Patch
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Objects when the fleet could then cost more than ``budget.dollars_per_hour`` of fleet.yaml."""

    id: ClassVar[str] = "budget"

    def check(self, case: Case) -> Check:
        limit = case.fleet.budget_dollars_per_hour
        if limit is None:
            return fine(self.id, "no budget is set")
        adds = case.recommendation.effect.dollars_per_hour
        if case.tightens or adds == 0:
            return fine(self.id, "it costs nothing more")
        total = 0.0
        for name, role in case.fleet.roles.items():
            patches = [r.patch for r in (*case.granted, case.recommendation) if r.role == name]
            worst = _worst(role, patches)
            if worst is None:
                return objection(self.id, f"what {name} costs is unknown", "unknown", answerable=True)
            total += worst
        number = f"${total:,.2f}/h of ${limit:,.2f}/h"
        if total > limit:
            return objection(self.id, "the fleet could cost more than its budget", number)
        return fine(self.id, "within the budget", number)


def _worst(role: RoleView, patches: Iterable[Patch]) -> float | None:
    """The most this role can cost under ``patches``; without any what it costs now; ``None`` when unknown."""
    spend, price = role.now(Reading.DOLLARS_PER_HOUR), role.spec.dollars_per_replica
    bounds = [
        after
        for patch in patches
        for field in patch.fields
        if field.path in (LEAST_PATH, MOST_PATH) and (both := number_of(field)) is not None and (after := both[1])
    ]
    if not bounds:
        return spend
    if price is None or spend is None:
        return None
    return max(spend, max(bounds) * price)
