"""A mistake stays small: few changes an hour in a namespace, few GPUs of the fleet an hour."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.decide.guardrails.step_limit import replica_step
from controlplane.model.change import NOTHING_DONE
from controlplane.model.decision import Check
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Kind, Recommendation


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadius:
    """Objects when too much of the fleet would have been changed within ``span``."""

    id: ClassVar[str] = "blast-radius"

    span: timedelta = timedelta(hours=1)
    """How far back changes are counted."""

    changes: int = 3
    """Changes in one namespace."""

    gpus: float = 4.0
    """GPUs that may always be touched."""

    share: float = 0.1
    """Share of the fleet's GPUs (0..1) that may be touched, where that is more."""

    def check(self, case: Case) -> Check:
        recent = [*self._recent(case), *case.granted]
        namespace = case.recommendation.patch.target.namespace
        others = sum(r.patch.target.namespace == namespace for r in recent)
        if others >= self.changes:
            return objection(self.id, f"enough was changed in {namespace} for now", f"{others} of {self.changes}")
        touched = sum(_gpus(case, r) for r in recent) + self._now(case)
        limit = max(self.gpus, self.share * _fleet_gpus(case))
        number = f"{touched:g} of {limit:g} GPUs"
        if touched > limit:
            restarts = case.recommendation.kind is Kind.ENGINE_FLAGS
            return objection(self.id, "too many of the fleet's GPUs at once", number, answerable=restarts)
        return fine(self.id, "a small part of the fleet", number)

    def _now(self, case: Case) -> float:
        """GPUs this change touches: of a bound far from the replicas that are there, only what it really moves."""
        if case.recommendation.kind is Kind.ENGINE_FLAGS:
            return _gpus(case, case.recommendation)
        return abs(replica_step(case)[0]) * case.role.spec.gpus.per_replica

    def _recent(self, case: Case) -> Iterator[Recommendation]:
        for record in case.past.changes:
            failed = record.state in NOTHING_DONE
            if not failed and case.now - record.change.at < self.span:
                yield record.change.recommendation


def _gpus(case: Case, recommendation: Recommendation) -> float:
    """GPUs a change adds, takes away or restarts."""
    role = case.fleet.roles.get(recommendation.role)
    if role is None:
        return 0.0
    per_replica = role.spec.gpus.per_replica
    if recommendation.kind is Kind.ENGINE_FLAGS:
        return per_replica * (role.now(Reading.REPLICAS_READY) or 0)
    steps = [
        abs(field.after - field.before)
        for field in recommendation.patch.fields
        if isinstance(field.after, int) and isinstance(field.before, int)
    ]
    return per_replica * max(steps, default=0)


def _fleet_gpus(case: Case) -> float:
    return sum(
        role.spec.gpus.per_replica * (role.now(Reading.REPLICAS_READY) or 0) for role in case.fleet.roles.values()
    )
