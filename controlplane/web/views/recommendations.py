"""The list of recommendations: what waits for a person first, with its money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.model.recommendation import Recommendation, RecommendationRecord, State
from controlplane.web import links
from controlplane.web.views import moments, wording
from controlplane.web.views.events import fields
from controlplane.web.views.fleet import Tag
from controlplane.web.views.quantity import money, money_tone

FILTERS: dict[str, tuple[str, tuple[State, ...]]] = {
    "open": ("waiting", (State.OPEN,)),
    "approved": ("approved", (State.APPROVED,)),
    "applied": ("applied", (State.APPLIED,)),
    "dismissed": ("dismissed", (State.DISMISSED,)),
    "past": ("superseded, expired", (State.SUPERSEDED, State.EXPIRED)),
    "all": ("all", ()),
}
"""Value of ``?state=`` → its words and the states it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationLine:
    """One recommendation in a list."""

    title: str
    href: str
    about: str
    money: Tag
    state: Tag
    confidence: str
    because: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One entry of a row of links that acts as a filter."""

    words: str
    href: str
    current: bool


def line(r: RecommendationRecord, now: datetime) -> RecommendationLine:
    """One recommendation as a line."""
    x = r.recommendation
    words, tone = wording.STATE_WORDS[r.state]
    first = r.half(now)
    half = f"approved by {first.by}, one more is needed" if first else ""
    about = " · ".join(p for p in (x.role, wording.finding_words(x.findings), moments.ago(r.opened, now), half) if p)
    return RecommendationLine(
        title=x.title,
        href=links.recommendation(x.id),
        about=about,
        money=Tag(words=money(x.effect.dollars_per_hour), tone=money_tone(x.effect.dollars_per_hour)),
        state=Tag(words=words, tone=tone),
        confidence=confidence(x),
        because=x.because[0] if x.because else "",
        change=fields(x.patch),
    )


def confidence(x: Recommendation) -> str:
    """``high confidence``; where it is not high, the first reason why."""
    level = x.confidence.level.value
    if level == "high" or not x.confidence.reasons:
        return f"{level} confidence"
    return f"{level}: {x.confidence.reasons[0]}"


def lines(records: Sequence[RecommendationRecord], now: datetime) -> tuple[RecommendationLine, ...]:
    """What waits first, then newest first."""
    ordered = sorted(records, key=lambda r: (r.state is not State.OPEN, -r.opened.timestamp()))
    return tuple(line(r, now) for r in ordered)


def balance(records: Sequence[RecommendationRecord]) -> str:
    """``saves $1.00/h · costs $5.00/h``: all of them together, what is unknown said."""
    effects = [r.recommendation.effect.dollars_per_hour for r in records]
    saves = -sum(e for e in effects if e is not None and e < 0)
    costs = sum(e for e in effects if e is not None and e > 0)
    said = []
    if saves >= 0.005:
        said.append(f"saves ${saves:,.2f}/h")
    if costs >= 0.005:
        said.append(f"costs ${costs:,.2f}/h")
    if unknown := sum(e is None for e in effects):
        said.append(f"{unknown} without a price")
    return " · ".join(said)


def filters(current: str) -> tuple[Choice, ...]:
    """The row of states above the list."""
    return tuple(
        Choice(words=words, href=links.address(links.RECOMMENDATIONS, state=key), current=key == current)
        for key, (words, _) in FILTERS.items()
    )


def quiet(newest_change: datetime | None, now: datetime) -> str:
    """What an empty list says: that is good news, and when something last happened."""
    if newest_change is None:
        return "Nothing waits for you. No change has been made yet."
    return f"Nothing waits for you. The last change was {moments.ago(newest_change, now)}."
