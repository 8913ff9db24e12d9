"""Something a detector saw, with since-when and evidence."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from controlplane.model.keys import FindingId, RoleName
from controlplane.model.reading import Reading
from controlplane.model.units import Unit, text


class Severity(StrEnum):
    """How soon a person should look."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One number behind a finding or a recommendation, and how to ask for it again."""

    question: str
    """In words: "how many requests wait per ready replica?"."""
    reading: Reading | None
    value: float | None
    unit: Unit
    limit: float | None = None
    comparison: str = ""
    """``>``, ``<``… how ``value`` is held against ``limit``."""
    since: datetime | None = None
    query: str = ""
    """PromQL that gives the value."""

    def __str__(self) -> str:
        said = f"{self.question} {text(self.value, self.unit)}"
        return said if self.limit is None else f"{said} (limit {self.comparison} {text(self.limit, self.unit)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a detector saw about one role.

    ``since`` is when the condition began by the data, not when we noticed. The same detector on the
    same role is the same finding as long as it stays open.
    """

    detector: str
    role: RoleName
    severity: Severity
    since: datetime
    summary: str
    """What an operator would say, without the role's name: "more than 5 requests wait per replica"."""
    evidence: tuple[Evidence, ...] = ()
    dollars_per_hour: float | None = None
    """Money at stake, where it can be said."""

    @property
    def id(self) -> FindingId:
        """Stable across ticks and restarts: detector and role."""
        return FindingId(f"{self.detector}:{self.role}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRecord:
    """A finding's life in the ledger."""

    finding: Finding
    number: int
    """1 for the first time this detector found this on this role, 2 for the second…"""
    opened: datetime
    seen: datetime
    """The last tick at which it held."""
    closed: datetime | None = None
