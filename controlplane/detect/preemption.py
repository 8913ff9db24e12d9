"""The engine throws running requests out of its KV cache faster than it finishes them usefully.

A preempted sequence is computed again from the start: the GPUs are busy and the users wait. Now and then
is normal; when it reaches a share of all finished requests the engine takes in more than it can hold.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.detect.watch import QUORUM, Ending, Number, answered, ending, evidence, require_apart, sustained
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding, Severity
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.units import Unit, text


@dataclass(frozen=True, slots=True, kw_only=True)
class PreemptionStorm:
    """Raised when preemptions stay above ``floor`` and above ``share`` of the requests that finish."""

    id: ClassVar[str] = "preemption-storm"
    needs: ClassVar[tuple[Reading, ...]] = (Reading.PREEMPTIONS, Reading.REQUESTS)

    share: float = 0.2
    """Preemptions per finished request that are still normal: one in five."""

    floor: float = 0.1
    """Preemptions a second below which nothing is said: one in ten seconds, summed over the role."""

    patience: timedelta = timedelta(minutes=3)
    """How long both must be exceeded: the rate already looks back a minute."""

    leave: float = 0.7
    """It is over below this share of either limit; at most 0.9, or it would flap."""

    settle: timedelta = timedelta(minutes=3)
    """How long it must be known to be over."""

    def __post_init__(self) -> None:
        require_apart(1.0, self.leave)

    def _storms(self, preempted: float, finished: Number, scale: float = 1.0) -> bool:
        return preempted > self.floor * scale and preempted > self.share * scale * (finished or 0.0)

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        since = sustained(role, self.patience, self._storms, Reading.PREEMPTIONS, Reading.REQUESTS)
        if since is None or not answered(role, QUORUM):
            return None
        return self.describe(role, beliefs, since)

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:  # noqa: ARG002  as seen
        thrown_out = evidence(
            role,
            Reading.PREEMPTIONS,
            "How many sequences are thrown out?",
            limit=self.floor,
            comparison=">",
            since=since,
        )
        return Finding(
            detector=self.id,
            role=role.name,
            severity=Severity.WARNING,
            since=since,
            summary=f"more than {text(self.share, Unit.RATIO)} as many requests are preempted as finish",
            evidence=(
                thrown_out,
                evidence(role, Reading.REQUESTS, "How many requests finish?"),
                evidence(role, Reading.KV_USAGE_MAX, "How full is the fullest KV cache?"),
                evidence(role, Reading.RUNNING, "How many requests run?"),
            ),
        )

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:  # noqa: ARG002  as seen
        def over(preempted: float, finished: Number) -> bool:
            return not self._storms(preempted, finished, self.leave)

        return ending(role, self.settle, over, Reading.PREEMPTIONS, Reading.REQUESTS)

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:  # noqa: ARG002  the same for every role
        return (Limit(reading=Reading.PREEMPTIONS, comparison=">", value=self.floor, words="floor"),)
