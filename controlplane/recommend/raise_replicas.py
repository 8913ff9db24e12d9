"""More replicas when requests queue or the first token is late: the reference rule.

Above the limit for its patience: one step up, within the floor and ceiling of fleet.yaml. Where the
autoscaler's upper bound is what stops it, that bound is raised; otherwise its lower bound, so that it has
to start one. A replica that was asked for and does not come is a matter of capacity, not of bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.estimate.starts import help_is_coming, late_for, usual_start
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding
from controlplane.model.patch import Patch
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Direction, Effect, Expectation, Kind, Level, Recommendation, Risk
from controlplane.model.role import RoleView
from controlplane.model.units import seconds_text
from controlplane.recommend.patches import in_words, least_replicas, most_replicas, no_patch
from controlplane.recommend.words import (
    JUDGED_FOR,
    clock,
    confidence,
    costs,
    gathered,
    money,
    replicas,
    sentence,
    settle_after_start,
    start_words,
)

_CURED = ("queue-buildup", "ttft-objective")


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseReplicas:
    """One step up: one replica, or ``share`` of those that are there if that is more."""

    id: ClassVar[str] = "raise-replicas"

    share: float = 0.5
    """Step as a share of the replicas that are there; one replica at least. The next step waits for its effect."""

    def recommend(self, role: RoleView, beliefs: RoleBeliefs, findings: Sequence[Finding]) -> Recommendation | None:
        causes = [finding for finding in findings if finding.detector in _CURED]
        ready, wished = role.now(Reading.REPLICAS_READY), role.now(Reading.REPLICAS_DESIRED)
        if not causes or ready is None or help_is_coming(role, beliefs):
            return None
        late = late_for(role, beliefs)
        if late is not None:
            return self._capacity(role, beliefs, causes, late)
        count = int(max(ready, wished or 0, 1))
        bounds, ceiling = role.in_force, role.spec.replicas.max
        wanted = count + max(1, int(count * self.share))
        if count < bounds.max and bounds.min < bounds.max:
            least = min(max(wanted, bounds.min + 1), bounds.max)
            return self._raise(
                role,
                beliefs,
                causes,
                patch=least_replicas(role, least),
                title=f"Run at least {replicas(least)} of {role.name}",
                added=least - count,
                how="at least",
            )
        if bounds.max < ceiling:
            most = min(max(wanted, bounds.max + 1), ceiling)
            return self._raise(
                role,
                beliefs,
                causes,
                patch=most_replicas(role, most),
                title=f"Let {role.name} grow to {replicas(most)}",
                added=most - count,
                how="up to",
            )
        return self._raise(
            role,
            beliefs,
            causes,
            patch=in_words(role.spec, "/replicas/max", ceiling, wanted),
            title=f"Allow {role.name} {replicas(wanted)} in fleet.yaml",
            added=wanted - count,
            how="up to",
        )

    def _raise(
        self,
        role: RoleView,
        beliefs: RoleBeliefs,
        causes: Sequence[Finding],
        *,
        patch: Patch,
        title: str,
        added: int,
        how: str,
    ) -> Recommendation:
        by = role.at + usual_start(beliefs)
        start = start_words(beliefs)
        because = (
            *(sentence(cause) for cause in causes[:2]),
            f"{start[:1].upper()}{start[1:]}: done now, it helps by {clock(by)}.",
        )
        effect = costs(money(role, added), f"{how} {replicas(added)} more; {start}")
        return self._recommendation(role, beliefs, causes, patch=patch, title=title, because=because, effect=effect)

    def _capacity(
        self, role: RoleView, beliefs: RoleBeliefs, causes: Sequence[Finding], late: timedelta
    ) -> Recommendation:
        waited = seconds_text(late.total_seconds())
        pending = int(role.now(Reading.REPLICAS_PENDING) or 1)
        because = (
            sentence(causes[0]),
            f"{replicas(pending)} asked for and not started for {waited}; {start_words(beliefs)}.",
            "Asking for more will not help: find GPUs, or look at why the pod does not start.",
        )
        return self._recommendation(
            role,
            beliefs,
            causes,
            patch=no_patch(role.spec),
            title=f"Find GPU capacity for {role.name}",
            because=because,
            effect=costs(None if role.spec.dollars_per_replica is None else 0.0, "nothing is changed by us"),
        )

    def _recommendation(
        self,
        role: RoleView,
        beliefs: RoleBeliefs,
        causes: Sequence[Finding],
        *,
        patch: Patch,
        title: str,
        because: tuple[str, ...],
        effect: Effect,
    ) -> Recommendation:
        first = causes[0].evidence[0]
        reading = first.reading or Reading.WAITING_PER_REPLICA
        window = timedelta(minutes=2 if reading is Reading.WAITING_PER_REPLICA else 6)
        settle = settle_after_start(beliefs, window)
        doubts = []
        if not beliefs.starts:
            doubts.append("no start was seen yet")
        if role.bounds is None:
            doubts.append("the bounds in force are not seen, those of fleet.yaml are assumed")
        return Recommendation(
            kind=Kind.RAISE_REPLICAS,
            role=role.name,
            title=title,
            because=because,
            findings=tuple(cause.id for cause in causes),
            evidence=gathered(role, causes, (Reading.REPLICAS_READY, "How many replicas serve?")),
            patch=patch,
            direction=Direction.LOOSEN,
            effect=effect,
            confidence=confidence([f"{cause.detector} since {clock(cause.since)}" for cause in causes], doubts),
            risk=Risk(
                level=Level.LOW,
                if_done="costs money until it is released again",
                if_not="requests go on waiting",
            ),
            expectation=Expectation(
                reading=reading,
                comparison="<",
                limit=5.0 if first.limit is None else first.limit,
                baseline=first.value,
                settle=settle,
                within=settle + JUDGED_FOR,
                guard=Reading.REPLICAS_READY,
                harm=max(0.5, (role.now(Reading.REPLICAS_READY) or 1) - 0.5),
                harm_comparison="<",
            ),
        )
