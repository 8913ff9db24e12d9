"""What would have been done, and what really happened: one of four words for each proposal nobody carried out."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from controlplane.model.change import ChangeRecord
from controlplane.model.finding import FindingRecord
from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Recommendation, RecommendationRecord, State
from controlplane.model.role import Bounds

STRETCH = timedelta(minutes=5)
"""How near to an instant somebody must have looked. As long as the means that are kept for a month."""


class Word(StrEnum):
    """What became of a proposal that was not carried out."""

    SOMEBODY_DID = "somebody-did-it"
    """The field came to have the proposed value, or one beyond it, by another hand and in time."""
    NEEDED = "needed"
    """When the change would have helped, what it was for was still wrong, or wrong again."""
    PASSED = "passed-by-itself"
    """What it was for was over by then, and nobody had touched the bounds."""
    NOT_KNOWN = "not-known"
    """That time is still to come, or nobody looked, or we changed something ourselves meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """From ``since`` on, until the next of these, the cluster showed these bounds; ``None``: nobody could tell."""

    since: datetime
    bounds: Bounds | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """All that the ledger knows of a role's proposals and of what happened afterwards."""

    role: RoleName
    since: datetime
    until: datetime
    proposals: tuple[RecommendationRecord, ...] = ()
    """Records that some tick between ``since`` and ``until`` proposed, in any order."""
    findings: tuple[FindingRecord, ...] = ()
    """Those seen since the first of the proposals was made."""
    changes: tuple[ChangeRecord, ...] = ()
    """Ours that had an effect, or may have had one; from well before the first proposal on."""
    bounds: tuple[InForce, ...] = ()
    """Oldest first. Before the first of them nothing is known."""
    looks: Mapping[datetime, frozenset[Reading]] = field(default_factory=lambda: MappingProxyType({}))
    """Readings that were known at some tick of the stretch that begins at this instant."""
    cut: bool = False
    """There were more proposals than are read at once; these are the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """One proposal that was not carried out, and its word."""

    recommendation: Recommendation
    number: int
    """Of the newest record that belongs to it."""
    asked: int
    """How many times it was opened while the same trouble lasted; it counts once."""
    state: State
    """Of that record; ``applied`` when all that was applied was a dry run."""
    opened: datetime
    """When it was first proposed."""
    due: datetime
    """By when it would have helped."""
    word: Word
    said: str
    """Why this word, in words."""
    by: str | None = None
    """Who dismissed it."""
    reason: str | None = None
    """Why they did; else why it was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A role's proposals that were not carried out, the newest first."""

    role: RoleName
    since: datetime
    until: datetime
    proposals: tuple[Shadowed, ...]
    cut: bool = False
    """There were more; these are the newest."""

    @property
    def tally(self) -> Mapping[Word, int]:
        """How many of each word; every word is there."""
        counted = Counter(p.word for p in self.proposals)
        return {word: counted[word] for word in Word}


def due(record: RecommendationRecord) -> datetime:
    """By when the change would have helped, had it been made at once."""
    return record.opened + record.recommendation.expectation.within


def stretch(at: datetime) -> datetime:
    """The beginning of the stretch that holds this instant."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (at - day) // STRETCH * STRETCH
