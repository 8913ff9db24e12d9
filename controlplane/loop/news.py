"""What happened that people should hear of, the notes written about it, and the box they wait in until they are told.

The ledger asks ``compose`` for notes inside the transaction that stores what they tell, so a crash loses
none; a voice takes them out of the :class:`Outbox` and tells them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from controlplane.model.change import ChangeRecord
from controlplane.model.cycle import Stop
from controlplane.model.finding import FindingRecord, Severity
from controlplane.model.keys import RoleName
from controlplane.model.recommendation import RecommendationRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one transaction of the ledger changed, as far as people care."""

    at: datetime
    opened: tuple[FindingRecord, ...] = ()
    closed: tuple[FindingRecord, ...] = ()
    proposed: tuple[RecommendationRecord, ...] = ()
    """Recommendations opened, or opened again."""
    half_approved: tuple[RecommendationRecord, ...] = ()
    """Recommendations the first of two people has just approved."""
    withdrawn: tuple[RecommendationRecord, ...] = ()
    """Recommendations nobody proposes any more."""
    changes: tuple[ChangeRecord, ...] = ()
    """Changes whose receipt has just come in."""
    outcomes: tuple[ChangeRecord, ...] = ()
    """Changes that have just been judged."""
    stopped: Stop | None = None
    """The kill switch has just been pulled."""
    resumed_by: str | None = None
    """Who has just released it."""


class NoteKind(StrEnum):
    """What a note tells."""

    OPENED = "finding opened"
    RESOLVED = "finding resolved"
    PROPOSED = "recommendation"
    HALF_APPROVED = "one more approval"
    WITHDRAWN = "recommendation withdrawn"
    """Only takes back a note that has not been told; never told itself."""
    CHANGED = "change"
    OUTCOME = "outcome"
    STOPPED = "stopped"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing to tell, in plain text from anywhere: nothing in it is escaped yet."""

    key: str
    """Told at most once: two notes with one key are the same note."""
    group: str
    """Notes of one group are told together, and a group speaks once per window: ``trouble:planner``."""
    kind: NoteKind
    at: datetime
    headline: str
    role: RoleName | None = None
    severity: Severity = Severity.INFO
    lines: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """Short pairs of a name and a value: evidence, money."""
    link: str = ""
    """Page to open; empty when the service has no public address."""
    ends: str = ""
    """Key of the note whose trouble is over; both are dropped when neither has been told."""


Compose = Callable[[News], Sequence[Note]]
"""Puts news into notes. Pure, so that the same tick kept twice makes the same keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A note in the outbox that has not been told."""

    id: int
    note: Note
    attempts: int = 0
    """How often telling it has been tried."""


class Outbox(Protocol):
    """Where notes wait. Every method is one transaction."""

    def waiting(self, now: datetime, window: timedelta) -> tuple[Waiting, ...]:
        """Notes due at ``now``, oldest first. One claimed less than ``window`` ago may have been told: not due."""
        ...

    def told_since(self, since: datetime) -> Mapping[str, datetime]:
        """Groups that spoke (or may have spoken) at or after ``since``, with the last time they did."""
        ...

    def claim(self, ids: Sequence[int], group: str, now: datetime) -> None:
        """Make it durable that these are being told now, together, under ``group``."""
        ...

    def told(self, ids: Sequence[int], now: datetime) -> None:
        """They were accepted."""
        ...

    def postpone(self, ids: Sequence[int], until: datetime, why: str) -> None:
        """They were surely not accepted; not due again before ``until``."""
        ...

    def drop(self, ids: Sequence[int], now: datetime, why: str) -> None:
        """They will never be told, for a reason people can read in the ledger."""
        ...
