"""A recommendation before one guardrail, and what was done before it."""

from dataclasses import replace
from datetime import datetime, timedelta

from controlplane.decide.guardrail import Case
from controlplane.model.change import ChangeRecord, ChangeState, OutcomeState
from controlplane.model.cycle import Recollection
from controlplane.model.fleet import Fleet
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.recommendation import Direction, Kind, Recommendation
from controlplane.model.role import Bounds, RoleView
from tests.builders import (
    NOON,
    a_calm_role,
    a_change,
    a_change_record,
    a_fleet,
    a_patch,
    a_recollection,
    a_recommendation,
)

MINUTES = timedelta(minutes=1)


def a_case(
    recommendation: Recommendation | None = None,
    role: RoleView | None = None,
    *,
    past: Recollection | None = None,
    fleet: Fleet | None = None,
    now: datetime = NOON,
    granted: tuple[Recommendation, ...] = (),
) -> Case:
    """One more replica for a calm planner of two, unless told."""
    role = role or a_calm_role(bounds=Bounds(min=2, max=8))
    return Case(
        recommendation=recommendation or a_recommendation(),
        role=role,
        fleet=fleet or a_fleet(role),
        past=past or a_recollection(),
        now=now,
        granted=granted,
    )


def least(before: int, after: int) -> Recommendation:
    """A change of the lower bound."""
    patch = a_patch("/spec/minReplicaCount", before, after)
    up = after > before
    return a_recommendation(
        patch=patch,
        direction=Direction.LOOSEN if up else Direction.TIGHTEN,
        kind=Kind.RAISE_REPLICAS if up else Kind.RELEASE_REPLICAS,
        dollars=5.0 * (after - before),
    )


def most(before: int, after: int) -> Recommendation:
    """A change of the upper bound."""
    return replace(least(before, after), patch=a_patch("/spec/maxReplicaCount", before, after))


def both(low: tuple[int, int], high: tuple[int, int]) -> Recommendation:
    """A change of both bounds."""
    fields = (
        FieldChange(path="/spec/minReplicaCount", before=low[0], after=low[1]),
        FieldChange(path="/spec/maxReplicaCount", before=high[0], after=high[1]),
    )
    return replace(least(*low), patch=Patch(target=a_patch().target, fields=fields))


def a_flag(flag: str = "--kv-cache-dtype=fp8") -> Recommendation:
    """An engine flag."""
    from controlplane.model.keys import ObjectRef
    from controlplane.recommend.patches import engine_flag

    return a_recommendation(
        kind=Kind.ENGINE_FLAGS,
        direction=Direction.NEUTRAL,
        patch=engine_flag(ObjectRef("Deployment", "llm", "planner"), flag),
        dollars=0.0,
    )


def done(ago: int, recommendation=None, state=ChangeState.APPLIED, outcome=OutcomeState.MET) -> ChangeRecord:
    """A change of the planner, so many minutes ago, by default with its outcome."""
    change = a_change(recommendation or least(2, 3), at=NOON - ago * MINUTES, id_=f"chg-{ago}")
    return a_change_record(change, state, outcome)


def after(*changes: ChangeRecord) -> Recollection:
    """A past in which these were done."""
    return a_recollection(changes=tuple(sorted(changes, key=lambda r: r.change.at)))
