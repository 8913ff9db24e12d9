"""What a guardrail is, and all it may know: one recommendation, the fleet, the past and the instant."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

from controlplane.model.change import WITHOUT_EFFECT, ChangeRecord
from controlplane.model.cycle import Recollection
from controlplane.model.decision import Check
from controlplane.model.fleet import Fleet
from controlplane.model.patch import FieldChange
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Direction, Kind, Recommendation, RecommendationRecord, State
from controlplane.model.role import RoleView

LEAST_PATH = "/spec/minReplicaCount"
MOST_PATH = "/spec/maxReplicaCount"
UNNAMED = {LEAST_PATH: 0, MOST_PATH: 100}
"""What KEDA takes for a bound that a ScaledObject does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recommendation before the guardrails."""

    recommendation: Recommendation
    role: RoleView
    fleet: Fleet
    past: Recollection
    now: datetime
    granted: tuple[Recommendation, ...] = ()
    """What has already been let through at this tick."""

    @property
    def record(self) -> RecommendationRecord | None:
        """What the ledger has of this recommendation."""
        return self.past.recommendations.get(self.recommendation.id)

    @property
    def tightens(self) -> bool:
        """Whether it takes capacity away."""
        return self.recommendation.direction is Direction.TIGHTEN

    @property
    def is_undo(self) -> bool:
        """Whether it takes back an earlier change."""
        return self.recommendation.kind is Kind.UNDO

    @property
    def approved_by(self) -> str | None:
        """Who approved it, as long as the approval is fresh; ``None`` otherwise."""
        record = self.record
        if record is None or record.state is not State.APPROVED or record.decided is None:
            return None
        return record.approved_by or None if record.fresh(self.now) else None

    def changes(self) -> Iterator[ChangeRecord]:
        """Earlier changes of the role that may have had an effect, oldest first, less the one it takes back."""
        for record in self.past.changes:
            if record.change.role != self.role.name or record.change.id == self.recommendation.undoes:
                continue
            if record.state not in WITHOUT_EFFECT:
                yield record

    def bound(self, path: str) -> FieldChange | None:
        """The change of one replica bound, if it is in the patch."""
        return next((field for field in self.recommendation.patch.fields if field.path == path), None)

    @property
    def replicas(self) -> int | None:
        """Replicas that are there or on their way; ``None`` when unknown."""
        known = [v for r in (Reading.REPLICAS_READY, Reading.REPLICAS_DESIRED) if (v := self.role.now(r)) is not None]
        return int(max(known)) if known else None


@runtime_checkable
class Guardrail(Protocol):
    """Says whether one thing speaks against a recommendation. A frozen dataclass whose fields are its settings.

    It only ever objects: no guardrail can let through what another one stops. It never raises; what it
    cannot know it objects to.
    """

    id: ClassVar[str]
    """Name in fleet.yaml and in every decision."""

    def check(self, case: Case) -> Check:
        """What it says, with the number it looked at."""
        ...


def fine(guardrail: str, said: str, number: str = "") -> Check:
    """A check that passed."""
    return Check(guardrail=guardrail, passed=True, said=said, number=number)


def objection(guardrail: str, said: str, number: str = "", *, answerable: bool = False) -> Check:
    """A check that failed; ``answerable`` when a person's approval answers it."""
    return Check(guardrail=guardrail, passed=False, said=said, number=number, answerable=answerable)


def number_of(field: FieldChange | None) -> tuple[int, int] | None:
    """Before and after of a replica bound; ``None`` when it is not in the patch or not two whole numbers."""
    if field is None:
        return None
    before, after = (UNNAMED.get(field.path) if v is None else v for v in (field.before, field.after))
    return (before, after) if isinstance(before, int) and isinstance(after, int) else None
