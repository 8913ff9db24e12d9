"""The part of a role's page that says what would have been done, and whether it would have been right."""

from dataclasses import dataclass
from datetime import datetime

from controlplane.model.recommendation import State
from controlplane.model.shadow import Shadow, Shadowed, Word
from controlplane.web import links
from controlplane.web.views import moments, wording
from controlplane.web.views.fleet import Tag

FIRST = 8
"""Proposals shown at once; the others are folded away below."""

WORDS = {
    Word.NEEDED: ("it was needed", "warn"),
    Word.SOMEBODY_DID: ("somebody did it", "ok"),
    Word.PASSED: ("it passed by itself", ""),
    Word.NOT_KNOWN: ("too early or not known", ""),
}
"""Words and tone, in the order in which they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowLine:
    """One proposal that was not carried out."""

    number: str
    opened: str
    iso: str
    title: str
    href: str
    not_done: str
    """Its state, who dismissed it and why, or why it was closed."""
    word: Tag
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPart:
    """What is shown of a shadow record."""

    sentence: str
    first: tuple[ShadowLine, ...]
    rest: tuple[ShadowLine, ...]
    api: str


def part(shadow: Shadow, now: datetime) -> ShadowPart:
    """Put it into words."""
    lines = tuple(_line(p, now) for p in shadow.proposals)
    return ShadowPart(
        sentence=sentence(shadow), first=lines[:FIRST], rest=lines[FIRST:], api=links.shadow_api(shadow.role)
    )


def sentence(shadow: Shadow) -> str:
    """``In the last 7 days 2 proposals were not carried out: 1 was needed, 1 passed by itself.``, in that order."""
    days = (shadow.until - shadow.since).days
    count = len(shadow.proposals)
    if not count:
        return f"In the last {days} days nothing was proposed that was not carried out."
    said = [_counted(word, number) for word in WORDS if (number := shadow.tally[word])]
    proposals = "1 proposal was" if count == 1 else f"{count} proposals were"
    more = f"; older ones than the newest {count} are not counted" if shadow.cut else ""
    return f"In the last {days} days {proposals} not carried out: {', '.join(said)}{more}."


def _counted(word: Word, number: int) -> str:
    were = "was" if number == 1 else "were"
    return {
        Word.NEEDED: f"{number} {were} needed",
        Word.SOMEBODY_DID: f"{number} somebody did",
        Word.PASSED: f"{number} passed by {'itself' if number == 1 else 'themselves'}",
        Word.NOT_KNOWN: f"of {number} it is too early to tell or not known",
    }[word]


def _line(p: Shadowed, now: datetime) -> ShadowLine:
    words, tone = WORDS[p.word]
    return ShadowLine(
        number=f"#{p.number}" + (f", asked {p.asked} times" if p.asked > 1 else ""),
        opened=moments.minute(p.opened, now),
        iso=moments.iso(p.opened),
        title=p.recommendation.title,
        href=links.recommendation(p.recommendation.id),
        not_done=_not_done(p),
        word=Tag(words=words, tone=tone),
        said=p.said,
    )


def _not_done(p: Shadowed) -> str:
    """``expired: no longer proposed``, ``dismissed by ada: a test run``."""
    state = "dry run" if p.state is State.APPLIED else wording.STATE_WORDS[p.state][0]
    reason = f": {p.reason}" if p.reason else ""
    if p.state is State.DISMISSED:
        return f"{state} by {p.by}{reason}"
    return f"{state}; dismissed by {p.by}{reason}" if p.by is not None else f"{state}{reason}"
