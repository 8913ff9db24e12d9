"""What was really written to the cluster, with before/after and an undo; and what became of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from controlplane.model.keys import ChangeId, DecisionId, RoleName
from controlplane.model.patch import Patch
from controlplane.model.recommendation import Expectation, Kind, Recommendation
from controlplane.model.right import Right


class ChangeState(StrEnum):
    """The intent log's states. ``SENDING`` is written before the effect, everything else after."""

    SENDING = "sending"
    APPLIED = "applied"
    DRY_RUN = "dry-run"
    FAILED = "failed"
    """It was tried, and the other side said no."""
    REFUSED = "refused"
    """We did not send it: a kill switch, a paused object, no permission, nobody there."""
    SUPERSEDED = "superseded"
    """The object is not what the decision was made from any more; the next tick decides anew."""
    CONFLICT = "conflict"
    """Somebody else owns the field; theirs stays."""
    UNKNOWN = "unknown"
    """It was sent and no answer came: the sweep looks at the object."""
    REVERTED = "reverted"
    """It was applied, and somebody else has changed it since."""


WITHOUT_EFFECT = (ChangeState.FAILED, ChangeState.REFUSED, ChangeState.SUPERSEDED, ChangeState.CONFLICT)
"""Nothing was changed."""

NOTHING_DONE = (*WITHOUT_EFFECT, ChangeState.DRY_RUN)
"""Nothing was carried out: what would have changed it was refused, or only shown."""

OPEN = (ChangeState.SENDING, ChangeState.UNKNOWN)
"""Whether it took effect is not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The one object a change may be written to, as it was when the change was rehearsed."""

    uid: str
    generation: int
    """The object's own count of its spec's changes; 0 where it has none."""
    absent: tuple[str, ...] = ()
    """Paths the object did not name: the default was in force, and an undo takes them out again."""
    owners: str = ""
    """Who owns what we would write, in words; empty when nobody objects. The change then goes to a patch file."""
    said: str = ""
    """What the API server and its webhooks said at the rehearsal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write to the cluster. Absolute values only; ``recommendation`` says why."""

    id: ChangeId
    decision: DecisionId
    recommendation: Recommendation
    at: datetime
    """When the intent was made durable."""
    approved_by: str | None = None
    fence: int = 0
    """Number of the leader that decided it: a later leader has a greater one."""
    bound: Bound | None = None
    """What it may be written to; ``None`` where nothing live is written."""

    @property
    def role(self) -> RoleName:
        """The role it is about."""
        return self.recommendation.role

    @property
    def patch(self) -> Patch:
        """What was written."""
        return self.recommendation.patch

    @property
    def undo(self) -> Patch:
        """The patch that restores exactly what was there: what the object did not name is taken out again."""
        absent = self.bound.absent if self.bound else ()
        back = self.patch.inverse()
        fields = tuple(replace(f, after=None) if f.path in absent else f for f in back.fields)
        return replace(back, fields=fields)

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
    lacks: Right | None = None
    """The right at the API server without which it was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A change tried out before its intent is written down: bound to what was seen, or refused."""

    change: Change
    refusal: Receipt | None = None
    """Why it will not be sent."""


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
