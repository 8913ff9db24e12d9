"""Fewer replicas when they are paid for and hardly used; one step, never below one.

Where the autoscaler's lower bound keeps them, that bound is lowered. Where its trigger keeps them, a lower
upper bound would only take away the room for the next burst: then a person looks at the trigger. The
promise to users is the guard: if it breaks, the release is taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding
from controlplane.model.patch import Patch
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Direction, Expectation, Kind, Level, Recommendation, Risk
from controlplane.model.role import RoleView
from controlplane.model.units import Unit, text
from controlplane.recommend.patches import in_words, least_replicas, no_patch
from controlplane.recommend.words import JUDGED_FOR, confidence, costs, gathered, money, replicas, sentence, start_words

_CAUSE = "low-utilisation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseIdle:
    """One step down: one replica, or ``share`` of those that are there if that is more."""

    id: ClassVar[str] = "release-idle"

    share: float = 0.2
    """Step as a share of the replicas that are there; one replica at least. The next step waits for its effect."""

    settle: timedelta = timedelta(minutes=10)
    """How long a release takes to show: the autoscaler's stabilisation is five minutes, and a pod drains."""

    queue_harm: float = 5.0
    """Waiting requests per replica that mean harm, where the role has no TTFT objective."""

    def recommend(self, role: RoleView, beliefs: RoleBeliefs, findings: Sequence[Finding]) -> Recommendation | None:
        cause = next((finding for finding in findings if finding.detector == _CAUSE), None)
        ready = role.now(Reading.REPLICAS_READY)
        if cause is None or ready is None or role.now(Reading.REPLICAS_PENDING) != 0 or ready <= 1:
            return None
        count = int(ready)
        left = max(1, count - max(1, int(count * self.share)))
        declared, bounds = role.spec.replicas, role.in_force
        left = max(left, min(declared.min, count))
        doubts: tuple[str, ...] = ()
        title = f"Let {role.name} shrink to {replicas(left)}"
        if left == count:
            left = max(1, count - 1)
            patch = in_words(role.spec, "/replicas/min", declared.min, left)
            title = f"Allow {role.name} to shrink to {replicas(left)} in fleet.yaml"
        elif bounds.min >= count:
            patch = least_replicas(role, left)
        else:
            patch = no_patch(role.spec)
            title = f"Look at why {role.name} keeps {replicas(count)}"
            doubts = (f"the autoscaler keeps {count} although it may go down to {bounds.min}: look at its trigger",)
        return self._recommendation(role, beliefs, cause, patch=patch, title=title, left=left, doubts=doubts)

    def _recommendation(
        self,
        role: RoleView,
        beliefs: RoleBeliefs,
        cause: Finding,
        *,
        patch: Patch,
        title: str,
        left: int,
        doubts: Sequence[str],
    ) -> Recommendation:
        count = int(role.now(Reading.REPLICAS_READY) or 1)
        saved = money(role, left - count)
        objective = role.spec.slo.ttft_p95
        guard, harm = (
            (Reading.WAITING_PER_REPLICA, self.queue_harm) if objective is None else (Reading.TTFT_P95, objective)
        )
        amount = "" if saved is None else f" Saves {text(-saved, Unit.DOLLARS_PER_HOUR)}."
        return Recommendation(
            kind=Kind.RELEASE_REPLICAS,
            role=role.name,
            title=title,
            because=(
                sentence(cause),
                f"{replicas(count)} serve what {replicas(left)} can.{amount}",
                f"Coming back costs a start: {start_words(beliefs)}.",
            ),
            findings=(cause.id,),
            evidence=gathered(role, (cause,), (Reading.TTFT_P95, "What is TTFT p95?")),
            patch=patch,
            direction=Direction.TIGHTEN,
            effect=costs(saved, f"{replicas(count - left)} fewer"),
            confidence=confidence(("all signals agree over the whole window, in complete data",), doubts),
            risk=Risk(
                level=Level.MEDIUM,
                if_done=f"the next burst waits for a start; {start_words(beliefs)}",
                if_not="the idle replicas go on costing",
            ),
            expectation=Expectation(
                reading=Reading.REPLICAS_READY,
                comparison="<",
                limit=float(count),
                baseline=float(count),
                settle=self.settle,
                within=self.settle + JUDGED_FOR,
                guard=guard,
                harm=harm,
            ),
        )
