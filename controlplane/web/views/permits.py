"""What each act takes, and what somebody is told who may not do it: what is missing, and who can help."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.model.person import May, Person
from controlplane.model.recommendation import RecommendationRecord

LISTED = 5
"""Names that are said before "and more"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that changes something."""

    words: str
    takes: May


CHANGE = Act(words="change anything", takes=May.OPERATE)
DISMISS = Act(words="dismiss a recommendation", takes=May.OPERATE)
STOP = Act(words="stop all changes", takes=May.OPERATE)
APPROVE = Act(words="approve a recommendation", takes=May.APPROVE)
RESUME = Act(words="let changes go again", takes=May.ADMINISTER)


def why_not(person: Person, act: Act, people: Sequence[Person]) -> str:
    """Why this person may not do it, and who of ``people`` may; empty when they may."""
    if person.may.covers(act.takes):
        return ""
    able = [other.name for other in people if other.may.covers(act.takes)]
    return f"{person.name} may {person.may}; it takes {act.takes} to {act.words}: ask {_one_of(able)}"


def why_not_approve(
    person: Person, people: Sequence[Person], needed: int, record: RecommendationRecord, now: datetime
) -> str:
    """Why this person's approval would not count; empty when it would."""
    missing = why_not(person, APPROVE, people)
    if missing or needed == 1:
        return missing
    others = [p.name for p in people if p.may.covers(APPROVE.takes) and p.name != person.name]
    if not person.known:
        return f"{needed} people approve here, each with a token of their own: ask {_one_of(others)}"
    half = record.half(now)
    if half is not None and half.by == person.name:
        return f"the second must be another person: ask {_one_of(others)}"
    return ""


def signed_in(person: Person) -> str:
    """Who is looking, and what they may do where that is said in fleet.yaml."""
    return f"{person.name}, who may {person.may}" if person.known else person.name


def _one_of(names: Sequence[str]) -> str:
    if not names:
        return "whoever holds the token of serve.token_file"
    said = names if len(names) <= LISTED else [*names[:LISTED], f"{len(names) - LISTED} more"]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"
