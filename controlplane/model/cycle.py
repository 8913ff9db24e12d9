"""One whole walk and what it remembers of earlier ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from controlplane.model.belief import RoleBeliefs
from controlplane.model.change import ChangeRecord, Outcome, Receipt
from controlplane.model.decision import Decision
from controlplane.model.desired import Desired
from controlplane.model.finding import Finding, FindingRecord
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RecommendationId, RoleName
from controlplane.model.recommendation import RecommendationRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The kill switch is on: who pulled it, when and why."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """All that the pure part of a tick may know of the past. Stored with a decision so it can be replayed."""

    beliefs: Mapping[RoleName, RoleBeliefs] = field(default_factory=lambda: MappingProxyType({}))
    open_findings: tuple[FindingRecord, ...] = ()
    recommendations: Mapping[RecommendationId, RecommendationRecord] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Live ones and those a person dismissed lately, newest record of each id."""
    changes: tuple[ChangeRecord, ...] = ()
    """Changes of the last day, oldest first, and any older one that still awaits its outcome or went wrong
    without that a person has resumed since."""
    stop: Stop | None = None
    resumed: datetime | None = None
    """When a person last released the kill switch: what went wrong before has been looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """The result of one walk, as kept in the ledger."""

    at: datetime
    fleet: Fleet
    beliefs: Mapping[RoleName, RoleBeliefs]
    findings: tuple[Finding, ...]
    unsure: tuple[str, ...]
    """Ids of open findings that stay open without holding: their data is unknown at this tick, or they went
    away too short a time ago. Nothing is concluded and nothing is proposed for them."""
    decisions: tuple[Decision, ...]
    receipts: tuple[Receipt, ...]
    outcomes: tuple[Outcome, ...]
    faults: tuple[str, ...] = ()
    """Detectors that failed on a role, in words: what they watch was not watched at this tick."""
    desired: Mapping[RoleName, Desired] = field(default_factory=lambda: MappingProxyType({}))
    """How many replicas each role should run: what an autoscaler may read from us."""
    took_seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Seconds per step of the walk."""
