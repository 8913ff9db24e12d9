"""What was really written to the cluster, with before/after and an undo; and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from controlplane.model.keys import ChangeId, DecisionId, RoleName
from controlplane.model.patch import Patch
from controlplane.model.recommendation import Expectation, Kind, Recommendation


class ChangeState(StrEnum):
    """The intent log's states. ``SENDING`` is written before the effect, everything else after."""

    SENDING = "sending"
    APPLIED = "applied"
    DRY_RUN = "dry-run"
    FAILED = "failed"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write to the cluster. Absolute values only; ``recommendation`` says why."""

    id: ChangeId
    decision: DecisionId
    recommendation: Recommendation
    at: datetime
    """When the intent was made durable."""
    approved_by: str | None = None

    @property
    def role(self) -> RoleName:
        """The role it is about."""
        return self.recommendation.role

    @property
    def patch(self) -> Patch:
        """What was written."""
        return self.recommendation.patch

    @property
    def kind(self) -> Kind:
        """What sort of change."""
        return self.recommendation.kind

    @property
    def expectation(self) -> Expectation:
        """What must be true afterwards."""
        return self.recommendation.expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the hands say about one change."""

    change: ChangeId
    state: ChangeState
    at: datetime
    said: str
    """The server's or the file's answer, in words."""
    where: str = ""
    """Patch file or object that was written."""


class OutcomeState(StrEnum):
    """Was the expectation fulfilled?"""

    MET = "met"
    MISSED = "missed"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The verdict on one change, given once."""

    change: ChangeId
    role: RoleName
    state: OutcomeState
    at: datetime
    measured: float | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    """A change's life in the ledger."""

    change: Change
    receipt: Receipt | None = None
    outcome: Outcome | None = None

    @property
    def state(self) -> ChangeState:
        """Where it is in the intent log."""
        return self.receipt.state if self.receipt else ChangeState.SENDING
