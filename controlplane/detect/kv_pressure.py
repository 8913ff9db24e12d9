"""The KV cache is full and requests pay for it.

A cache that is merely full is a cache in good use. Over 90 % for minutes *while* requests wait or
running ones are thrown out means there is no headroom: every long prompt now costs somebody else time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.detect.watch import (
    QUORUM,
    Ending,
    Number,
    above,
    answered,
    ending,
    evidence,
    require_apart,
    sustained,
)
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding, Severity
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.units import Unit, text


@dataclass(frozen=True, slots=True, kw_only=True)
class KvPressure:
    """Raised when the fullest KV cache stays above ``limit`` while requests wait or are preempted."""

    id: ClassVar[str] = "kv-pressure"
    needs: ClassVar[tuple[Reading, ...]] = (Reading.KV_USAGE_MAX, Reading.WAITING, Reading.PREEMPTIONS)

    limit: float = 0.9
    """Share of the KV cache (0..1) that leaves no headroom; the reference figure for "no headroom"."""

    patience: timedelta = timedelta(minutes=2)
    """How long both must be true: the cache breathes with every long prompt."""

    leave: float = 0.9
    """It is over below this share of ``limit`` (0.81 of the cache); at most 0.9, or it would flap."""

    settle: timedelta = timedelta(minutes=2)
    """How long it must be known to be over."""

    def __post_init__(self) -> None:
        require_apart(self.limit, self.limit * self.leave)

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        def holds(usage: float, waiting: Number, preempted: Number) -> bool:
            return usage > self.limit and (above(waiting, 0) or above(preempted, 0))

        since = sustained(role, self.patience, holds, Reading.KV_USAGE_MAX, also=(Reading.WAITING, Reading.PREEMPTIONS))
        if since is None or not answered(role, QUORUM):
            return None
        return self.describe(role, beliefs, since)

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:  # noqa: ARG002  as seen
        how = "running requests are thrown out" if above(role.now(Reading.PREEMPTIONS), 0) else "requests wait"
        fullest = evidence(
            role,
            Reading.KV_USAGE_MAX,
            "How full is the fullest KV cache?",
            limit=self.limit,
            comparison=">",
            since=since,
        )
        return Finding(
            detector=self.id,
            role=role.name,
            severity=Severity.WARNING,
            since=since,
            summary=f"the KV cache is over {text(self.limit, Unit.RATIO)} full and {how}",
            evidence=(
                fullest,
                evidence(role, Reading.KV_USAGE, "How full are the KV caches on average?"),
                evidence(role, Reading.WAITING, "How many requests wait?"),
                evidence(role, Reading.PREEMPTIONS, "How many sequences are thrown out?"),
            ),
        )

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:  # noqa: ARG002  as seen
        def over(usage: float, waiting: Number, preempted: Number) -> bool:
            return usage <= self.limit * self.leave or (waiting == 0 and preempted == 0)

        return ending(role, self.settle, over, Reading.KV_USAGE_MAX, also=(Reading.WAITING, Reading.PREEMPTIONS))

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:  # noqa: ARG002  the same for every role
        return (
            Limit(reading=Reading.KV_USAGE_MAX, comparison=">", value=self.limit, words="no headroom"),
            Limit(reading=Reading.KV_USAGE, comparison=">", value=self.limit, words="no headroom"),
        )
