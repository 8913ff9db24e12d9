"""Prompts no longer find their beginning in the prefix cache.

Agents re-send their prefix at every step, so the hit ratio is the biggest lever on cost. When it falls to
a part of what is usual, somebody changed the front of a prompt: a time stamp, a shuffled list of tools, a
new version of the system prompt. Judged against what was learned, and only while tokens flow.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.detect.watch import QUORUM, Ending, answered, ending, evidence, require_apart, sustained, unasked
from controlplane.estimate.prefix import usual_prefix_hits
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Evidence, Finding, Severity
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.units import Unit, text


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixCollapse:
    """Raised when the prefix hit ratio stays below ``share`` of what is usual for the role."""

    id: ClassVar[str] = "prefix-collapse"
    needs: ClassVar[tuple[Reading, ...]] = (Reading.PREFIX_HIT_RATIO, Reading.PREFIX_QUERIED)

    share: float = 0.5
    """Share of the usual ratio that is still normal: half of it gone is not the mix of requests."""

    least: float = 0.2
    """Usual ratio (0..1) below which there is nothing to collapse."""

    floor: float = 50.0
    """Tokens looked up a second below which a ratio is chance."""

    patience: timedelta = timedelta(minutes=10)
    """How long it must be low: the ratio already looks back five minutes, and a cold cache fills in less."""

    leave: float = 1.4
    """It is over above this multiple of ``share`` (0.7 of the usual ratio); at least 1.1, or it would flap."""

    settle: timedelta = timedelta(minutes=5)
    """How long it must be known to be back."""

    def __post_init__(self) -> None:
        require_apart(1.0, max(1.0, self.leave))

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        usual = usual_prefix_hits(beliefs)
        if usual is None or usual < self.least:
            return None

        def holds(ratio: float, asked: float) -> bool:
            return ratio < self.share * usual and asked >= self.floor

        since = sustained(role, self.patience, holds, Reading.PREFIX_HIT_RATIO, Reading.PREFIX_QUERIED)
        if since is None or not answered(role, QUORUM):
            return None
        return self.describe(role, beliefs, since)

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:
        usual = usual_prefix_hits(beliefs)
        limit = None if usual is None else self.share * usual
        was = Evidence(
            question="What is the usual share of prefix cache hits?", reading=None, value=usual, unit=Unit.RATIO
        )
        return Finding(
            detector=self.id,
            role=role.name,
            severity=Severity.WARNING,
            since=since,
            summary=f"prefix cache hits are under {text(self.share, Unit.RATIO)} of the usual {text(usual, Unit.RATIO)}"
            ": put fixed content first, byte-identical",
            evidence=(
                evidence(
                    role,
                    Reading.PREFIX_HIT_RATIO,
                    "What share of the prompt tokens is found in the cache?",
                    limit=limit,
                    comparison="<",
                    since=since,
                ),
                was,
                evidence(role, Reading.PREFIX_QUERIED, "How many tokens are looked up?"),
            ),
        )

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:
        usual = usual_prefix_hits(beliefs)
        if unasked(role, self.settle):
            return Ending.OVER
        if usual is None:
            return Ending.UNKNOWN

        def over(ratio: float) -> bool:
            return ratio >= self.share * self.leave * usual

        return ending(role, self.settle, over, Reading.PREFIX_HIT_RATIO)

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:  # noqa: ARG002  learned, so there is no fixed line
        return ()
