"""A recommendation before one guardrail."""

from dataclasses import replace
from datetime import datetime

from controlplane.decide.guardrail import Case
from controlplane.model.cycle import Recollection
from controlplane.model.fleet import Fleet
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.recommendation import Direction, Kind, Recommendation
from controlplane.model.role import Bounds, RoleView
from tests.builders import NOON, a_calm_role, a_fleet, a_patch, a_recollection, a_recommendation


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
