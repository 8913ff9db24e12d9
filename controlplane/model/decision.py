"""Recommendation + verdict + every objection a guardrail raised."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from controlplane.model.keys import ChangeId, DecisionId, RecommendationId
from controlplane.model.recommendation import Recommendation


class Verdict(StrEnum):
    """Apply it now, ask a person, or hold it back."""

    APPLY = "apply"
    ASK = "ask"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one guardrail said. A failed check is an objection; both carry the number they looked at."""

    guardrail: str
    passed: bool
    said: str
    """In words: "Step" …"""
    number: str
    """The number that decided, against its limit: ``+1 ≤ +2``."""
    answerable: bool = False
    """Whether a person's approval answers this objection. Most it does not: a freeze is a freeze."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done about one recommendation at one tick."""

    recommendation: Recommendation
    verdict: Verdict
    checks: tuple[Check, ...]
    at: datetime
    because: str
    """Why this verdict: "mode is propose: a person approves"."""
    approved_by: str | None = None

    @property
    def objections(self) -> tuple[Check, ...]:
        """The guardrails that said no."""
        return tuple(c for c in self.checks if not c.passed)

    @property
    def id(self) -> DecisionId:
        """Recommendation and tick."""
        return DecisionId(f"{self.recommendation.id}-{int(self.at.timestamp()):x}")

    @property
    def change_id(self) -> ChangeId:
        """The one change that applying it makes."""
        return ChangeId(f"chg-{self.id}")

    @property
    def recommendation_id(self) -> RecommendationId:
        """The recommendation this is about."""
        return self.recommendation.id
