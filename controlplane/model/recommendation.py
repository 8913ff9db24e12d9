"""A proposed change: what, why, the patch, what it should achieve and by when, what it costs or saves."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from controlplane.model.finding import Evidence
from controlplane.model.keys import ChangeId, FindingId, RecommendationId, RoleName
from controlplane.model.patch import Patch
from controlplane.model.reading import Reading


class Kind(StrEnum):
    """What sort of change is proposed."""

    RAISE_REPLICAS = "raise-replicas"
    RELEASE_REPLICAS = "release-replicas"
    ENGINE_FLAGS = "engine-flags"
    UNDO = "undo"


class Direction(StrEnum):
    """What the change does to capacity; tightening demands complete evidence."""

    LOOSEN = "loosen"
    TIGHTEN = "tighten"
    NEUTRAL = "neutral"


class Level(StrEnum):
    """A coarse degree; numbers would pretend to a precision that is not there."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """How sure, and why."""

    level: Level
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Money per hour, positive when it costs more; ``None`` when the price is unknown."""

    dollars_per_hour: float | None
    words: str
    """What else changes: "one more replica takes 3 min 40 s to start"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """What can go wrong when it is done and when it is not."""

    level: Level
    if_done: str
    if_not: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must be true afterwards: ``reading`` stays under (or over) ``limit`` once settled.

    Judged on the readings from ``settle`` after the change to ``within`` after it. It is *worse* when
    ``guard`` has moved past ``harm`` for a whole settling time, whatever the goal did.
    """

    reading: Reading
    comparison: str
    """``<`` or ``>``."""
    limit: float
    baseline: float | None
    """The reading when the change was proposed."""
    settle: timedelta
    within: timedelta
    guard: Reading
    harm: float
    """Value of ``guard`` that means harm."""
    harm_comparison: str = ">"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One concrete change a person can approve."""

    kind: Kind
    role: RoleName
    title: str
    because: tuple[str, ...]
    """Up to three sentences a tired person can act on."""
    findings: tuple[FindingId, ...]
    evidence: tuple[Evidence, ...]
    patch: Patch
    direction: Direction
    effect: Effect
    confidence: Confidence
    risk: Risk
    expectation: Expectation
    good_for: timedelta = timedelta(minutes=15)
    """An approval older than this counts no more: the world has moved."""
    undoes: ChangeId | None = None
    """The change this takes back, when it is an undo."""

    @property
    def id(self) -> RecommendationId:
        """Same role, kind and patch: same recommendation, across ticks and restarts."""
        said = "|".join([self.kind, self.role, str(self.patch), self.undoes or ""])
        return RecommendationId(hashlib.sha256(said.encode()).hexdigest()[:12])

    @property
    def undo(self) -> Patch:
        """The patch that restores exactly what was there."""
        return self.patch.inverse()


class State(StrEnum):
    """Where a recommendation is in its life."""

    OPEN = "open"
    APPROVED = "approved"
    DISMISSED = "dismissed"
    APPLIED = "applied"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's yes."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationRecord:
    """A recommendation's life in the ledger. ``number`` tells apart re-openings of the same id."""

    recommendation: Recommendation
    number: int
    state: State
    opened: datetime
    seen: datetime
    """The last tick that proposed it."""
    version: int
    """Grows with every state change; an approval names the version it saw."""
    by: str | None = None
    """Who approved or dismissed it."""
    reason: str | None = None
    decided: datetime | None = None
    """When a person approved or dismissed it."""
    first: Approval | None = None
    """The first of two approvals, where two people must approve; ``by`` and ``decided`` are then the second."""

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """Who has said yes to what it is now, in their order; whether they are enough is not said."""
        last = None
        if self.state in (State.APPROVED, State.APPLIED) and self.by is not None and self.decided is not None:
            last = Approval(by=self.by, at=self.decided)
        return tuple(a for a in (self.first, last) if a is not None)

    @property
    def approved_by(self) -> str:
        """``anna and bob``; empty while nobody has said yes."""
        return " and ".join(a.by for a in self.approvals)

    def half(self, now: datetime) -> Approval | None:
        """The first of two approvals, while the second is waited for: it counts no longer than the recommendation."""
        waits = self.state is State.OPEN and self.first is not None
        return self.first if waits and self.fresh(now) else None

    def fresh(self, now: datetime) -> bool:
        """Whether no approval of it has grown old."""
        return all(now - a.at <= self.recommendation.good_for for a in self.approvals)
