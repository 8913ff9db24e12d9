"""What happened after a proposal, for tests of the shadow record: proposed at noon, due ten minutes later."""

from dataclasses import replace
from datetime import datetime, timedelta

from controlplane.model.change import ChangeRecord, ChangeState
from controlplane.model.finding import FindingRecord
from controlplane.model.keys import FindingId
from controlplane.model.patch import Patch
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Recommendation, RecommendationRecord, State
from controlplane.model.role import Bounds
from controlplane.model.shadow import InForce, Shadowed, Witness, stretch
from controlplane.verify.shadow import judge
from tests.builders import NOON, PLANNER, a_change, a_change_record, a_finding, a_patch, a_recommendation, a_record

WITHIN = timedelta(minutes=10)
LATER = NOON + timedelta(hours=1)
LOOKED = frozenset({Reading.WAITING_PER_REPLICA, Reading.COVERAGE})


def at(minutes: float) -> datetime:
    """Minutes after the proposal."""
    return NOON + timedelta(minutes=minutes)


def raise_least(before: int = 2, after: int = 3) -> Recommendation:
    """At least three replicas instead of two."""
    return a_recommendation(patch=a_patch(before=before, after=after))


def raise_most(before: int = 4, after: int = 6, path: str = "/spec/maxReplicaCount") -> Recommendation:
    """Up to six replicas instead of four."""
    return a_recommendation(patch=a_patch(path, before, after))


def lower_least() -> Recommendation:
    """At least two replicas instead of four."""
    return a_recommendation(patch=a_patch(before=4, after=2))


def proposed(
    recommendation: Recommendation | None = None,
    *,
    minutes: float = 0,
    seen: float | None = None,
    state: State = State.EXPIRED,
    number: int = 1,
    by: str | None = None,
    reason: str | None = None,
) -> RecommendationRecord:
    """A record opened so many minutes after noon, and seen as long as told."""
    record = a_record(recommendation or raise_most(), state, number=number, by=by, reason=reason)
    return replace(record, opened=at(minutes), seen=at(minutes if seen is None else seen))


def wrong(
    opened: float = 0, closed: float | None = None, *, detector: str = "queue-buildup", number: int = 1
) -> FindingRecord:
    """A queue that is seen from one minute to another, or still is."""
    return FindingRecord(
        finding=a_finding(detector),
        number=number,
        opened=at(opened),
        seen=LATER if closed is None else at(closed),
        closed=None if closed is None else at(closed),
    )


def in_force(*states: tuple[float, tuple[int, int] | None]) -> tuple[InForce, ...]:
    """Bounds from these minutes on."""
    return tuple(InForce(since=at(m), bounds=None if b is None else Bounds(min=b[0], max=b[1])) for m, b in states)


STEADY = in_force((-60, (2, 4)))


def done(
    recommendation: Recommendation, minutes: float, state: ChangeState | None = ChangeState.APPLIED
) -> ChangeRecord:
    """A change of ours."""
    return a_change_record(a_change(recommendation, at=at(minutes)), state)


def witness(
    *proposals: RecommendationRecord,
    findings: tuple[FindingRecord, ...] = (),
    changes: tuple[ChangeRecord, ...] = (),
    bounds: tuple[InForce, ...] = STEADY,
    looked: tuple[float, ...] = tuple(range(0, 60, 5)),
) -> Witness:
    """All of it; somebody looked in every five minutes of the hour, unless told when."""
    return Witness(
        role=PLANNER,
        since=NOON - timedelta(days=6),
        until=LATER,
        proposals=proposals,
        findings=findings,
        changes=changes,
        bounds=bounds,
        looks={stretch(at(m)): LOOKED for m in looked},
    )


def judged(seen: Witness, now: datetime = LATER) -> Shadowed:
    """The only one."""
    (shadowed,) = judge(seen, now).proposals
    return shadowed


def answering(*detectors: str) -> Recommendation:
    """A proposal that answers several findings."""
    return replace(raise_most(), findings=tuple(FindingId(f"{d}:planner") for d in detectors))


def advice() -> Recommendation:
    """A proposal without a field."""
    return replace(raise_most(), patch=Patch(target=raise_most().patch.target, fields=()))
