"""What the walk needs from the world: eyes, hands, memory, voice. Edges implement these; tests fake them.

People look at the same ledger through two more: :class:`Archive` (reading) and :class:`Approvals` (the
few things a person may do). The book of sessions keeps its pages in it too: :class:`SessionMemory`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.model.change import Change, ChangeRecord, ChangeState, Receipt, Rehearsal
from controlplane.model.cycle import Cycle, Recollection, Stop
from controlplane.model.decision import Decision
from controlplane.model.finding import FindingRecord
from controlplane.model.fleet import Fleet
from controlplane.model.history import RoleHistory
from controlplane.model.keys import ChangeId, DecisionId, RecommendationId, RoleName
from controlplane.model.money import Money
from controlplane.model.reading import Reading
from controlplane.model.recommendation import RecommendationRecord, State
from controlplane.model.session import (
    EVERYTHING,
    ActiveSessions,
    Call,
    RoleSessions,
    Session,
    SessionKey,
    SessionNumbers,
    SessionQuery,
    Taken,
    Toll,
)
from controlplane.model.shadow import Witness
from controlplane.model.sighting import Sighting
from controlplane.observe.sessions import Folded


class Eyes(Protocol):
    """Sees the fleet. Never raises for a source that failed: that is told inside the sighting."""

    def look(self, now: datetime) -> Sighting:
        """Everything that can be seen now."""
        ...


class Hands(Protocol):
    """Writes to the cluster. Those that write where nobody else does inherit the answers that are given here."""

    def rehearse(self, change: Change) -> Rehearsal:
        """Try it out without effect, before the intent is written down. Never raises."""
        return Rehearsal(change=change)

    def apply(self, change: Change) -> Receipt:
        """Make the patch's values true. Safe to call again with the same change. Never raises."""
        ...

    def look_up(self, change: Change) -> Receipt | None:
        """Whether the change is in effect, after a crash left it open; ``None`` when it is not.

        Raises ``ActError`` when that cannot be told now.
        """
        ...

    def abandon(self, change: Change, why: str, at: datetime) -> Receipt | None:
        """Give up a change that is not in effect; what is still on its way must not take effect afterwards.

        ``None`` when that cannot be made sure now.
        """
        return Receipt(change=change.id, state=ChangeState.REFUSED, at=at, said=f"never sent: {why}")

    def reverted(self, change: Change) -> Receipt | None:  # noqa: ARG002  nobody else writes there
        """Who changed it back since it was applied; ``None`` while nobody has.

        Raises ``ActError`` when that cannot be told now.
        """
        return None


class Memory(Protocol):
    """The ledger, as the walk sees it."""

    def recall(self, now: datetime) -> Recollection:
        """All that the pure part may know of the past."""
        ...

    def intend(self, change: Change) -> bool:
        """Make the intent durable before the effect. False when it must not be done: stopped, or done already."""
        ...

    def keep(self, cycle: Cycle, past: Recollection, policy: str) -> None:
        """Store the whole walk in one transaction, messages to be sent included.

        ``past`` and ``policy`` (the JSON of :func:`controlplane.loop.policy.policy_text`) are what the pure
        part was given besides the fleet: kept with every cycle that decided something, so it can be replayed.
        """
        ...

    def unsettled(self) -> tuple[Change, ...]:
        """Changes whose intent is written and whose effect is not known: left by a crash or a lost answer."""
        ...

    def settle(self, receipt: Receipt) -> None:
        """Write down what became of an unsettled change, or that an applied one was changed back."""
        ...


class Voice(Protocol):
    """Tells people. Messages come from the ledger's outbox, so a crash loses none."""

    def deliver(self, now: datetime) -> int:
        """Send what is due; returns how many messages were accepted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a stored decision was made from."""

    decision: Decision
    fleet: Fleet
    past: Recollection
    policy: str
    decisions: tuple[Decision, ...]
    """All decisions of that tick, as stored."""


class Archive(Protocol):
    """The ledger, as people read it. Lists are newest first and at most ``limit`` long."""

    def latest(self) -> Cycle | None:
        """The newest stored cycle; ``None`` before the first. Its fleet may hold only the newest columns."""
        ...

    def findings(
        self, *, role: RoleName | None = None, open_only: bool = False, since: datetime | None = None, limit: int = 200
    ) -> tuple[FindingRecord, ...]:
        """Findings seen at or after ``since``."""
        ...

    def recommendations(
        self,
        *,
        role: RoleName | None = None,
        states: Sequence[State] = (),
        since: datetime | None = None,
        limit: int = 200,
    ) -> tuple[RecommendationRecord, ...]:
        """Recommendations in any of ``states`` (all when empty), newest record of each id."""
        ...

    def recommendation(self, id_: RecommendationId) -> RecommendationRecord | None:
        """The newest record of one id."""
        ...

    def decisions(
        self, *, role: RoleName | None = None, recommendation: RecommendationId | None = None, limit: int = 200
    ) -> tuple[Decision, ...]:
        """Stored decisions: the first of each recommendation, and each one whose verdict or objections differ."""
        ...

    def kept(self, id_: DecisionId) -> Kept | None:
        """A stored decision with all it was made from; ``None`` when unknown or past retention."""
        ...

    def changes(
        self, *, role: RoleName | None = None, since: datetime | None = None, limit: int = 200
    ) -> tuple[ChangeRecord, ...]:
        """Changes with their receipts and outcomes."""
        ...

    def change(self, id_: ChangeId) -> ChangeRecord | None:
        """One change."""
        ...

    def history(
        self, role: RoleName, readings: Sequence[Reading], since: datetime, until: datetime, points: int = 400
    ) -> RoleHistory:
        """Readings of a role, at the finest kept resolution that needs at most about ``points`` points."""
        ...

    def witness(self, role: RoleName, since: datetime, until: datetime) -> Witness:
        """The proposals of this time and all that is known of what happened afterwards, of one moment."""
        ...

    def money(self, since: datetime, until: datetime) -> Money:
        """What the whole hours that touch this stretch cost and delivered, by role."""
        ...

    def stopped(self) -> Stop | None:
        """The kill switch, when it is on."""
        ...

    def oldest_undelivered(self, now: datetime) -> timedelta | None:
        """Age of the oldest message that still waits to be sent."""
        ...


class Approvals(Protocol):
    """What a person may do. Each raises ``RefusedError`` with the reason, or ``NotFoundError``."""

    def approve(
        self, id_: RecommendationId, version: int, by: str, at: datetime, *, known: bool = False
    ) -> RecommendationRecord:
        """Approve what was seen: refused when the record's version has moved on, or it has expired.

        Where two people must approve, the first of them leaves it open, and the same one cannot be the second.
        ``known``: a token of their own says who they are; only such an approval counts as a person's then.
        """
        ...

    def dismiss(self, id_: RecommendationId, version: int, by: str, reason: str, at: datetime) -> RecommendationRecord:
        """Dismiss with a reason: it is not proposed again for a day unless the patch differs."""
        ...

    def stop(self, by: str, reason: str, at: datetime) -> None:
        """Pull the kill switch: no change is sent until it is released."""
        ...

    def resume(self, by: str, at: datetime) -> None:
        """Release the kill switch."""
        ...


Fold = Callable[[Mapping[SessionKey, Session], Sequence[Call]], Folded]
"""Adds new calls to sessions as they were so far. Pure: it may be called again when a transaction is tried again."""

Finish = Callable[[Sequence[Session]], Folded]
"""Ends sessions. Pure."""


class SessionMemory(Protocol):
    """The ledger, as the book of sessions sees it. Several processes may write at once: each sees what the last left.

    Raises ``StoreError`` when it cannot be read or written; then nothing of that call was kept.
    """

    def take_calls(self, calls: Sequence[Call], at: datetime, fold: Fold) -> Taken:
        """Add the calls that were not told before to their sessions: all of it is durable on return, or none."""
        ...

    def end_sessions(self, before: datetime, finish: Finish) -> int:
        """End active sessions without a call since ``before``, and those beyond what can be followed at once."""
        ...

    def last_told(self) -> datetime | None:
        """When calls were last told; ``None`` before the first time."""
        ...

    def active_sessions(self) -> tuple[ActiveSessions, ...]:
        """By tenant and role, as the gauges show them."""
        ...

    def busy_roles(self) -> Mapping[RoleName | None, RoleSessions]:
        """Roles at which an active session began; without what is usual."""
        ...

    def tolls(self, role: RoleName | None, limit: int) -> tuple[Toll, ...]:
        """What the sessions that finished last without being over took, of those that began at a role."""
        ...

    def spent(self, role: RoleName | None, since: datetime, limit: int) -> tuple[float, ...]:
        """Weighted tokens of the sessions that finished last, since an instant, of those that began at a role."""
        ...

    def session_numbers(self) -> SessionNumbers:
        """Every gauge and counter, of one moment."""
        ...

    def sessions(self, asked: SessionQuery = EVERYTHING) -> tuple[Session, ...]:
        """Sessions in an order, the most first."""
        ...

    def session(self, key: SessionKey) -> Session | None:
        """One session; ``None`` when unknown or past retention."""
        ...
