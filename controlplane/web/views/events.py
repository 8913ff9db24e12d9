"""What happened, as lines of a timeline: findings, recommendations, approvals, changes, outcomes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from controlplane.model.change import ChangeRecord, ChangeState, OutcomeState
from controlplane.model.finding import FindingRecord
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.recommendation import Expectation, RecommendationRecord, State
from controlplane.model.units import text
from controlplane.web import links
from controlplane.web.views import moments, wording
from controlplane.web.views.diff import in_list
from controlplane.web.views.quantity import money


class EventKind(StrEnum):
    """What sort of thing happened."""

    FINDING = "findings"
    RECOMMENDATION = "recommendations"
    APPROVAL = "approvals"
    CHANGE = "changes"
    OUTCOME = "outcomes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line: when, what, and where to read more."""

    at: datetime
    kind: EventKind
    role: str
    dot: str
    """Colour of its dot: ``now``, ``done``, ``warn``, ``bad`` or nothing."""
    title: str
    note: str = ""
    tag: str = ""
    tag_tone: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The events of one day, newest first."""

    words: str
    events: tuple[Event, ...] = field(default_factory=tuple)


CHANGE_WORDS = {
    ChangeState.SENDING: ("being sent", "acc", "now"),
    ChangeState.APPLIED: ("applied", "ok", "done"),
    ChangeState.DRY_RUN: ("dry run", "", "done"),
    ChangeState.FAILED: ("failed", "bad", "bad"),
    ChangeState.REFUSED: ("not sent", "warn", "warn"),
    ChangeState.SUPERSEDED: ("overtaken", "", "done"),
    ChangeState.CONFLICT: ("conflict", "warn", "warn"),
    ChangeState.REVERTED: ("changed back", "warn", "warn"),
    ChangeState.UNKNOWN: ("unknown", "warn", "warn"),
}
OUTCOME_WORDS = {
    OutcomeState.MET: ("ok", "done"),
    OutcomeState.MISSED: ("warn", "warn"),
    OutcomeState.WORSE: ("bad", "bad"),
    OutcomeState.UNKNOWN: ("", ""),
}


def fields(patch: Patch) -> str:
    """``minReplicaCount 2 → 3``, ``add --kv-cache-dtype=fp8``; the last part of each path with what happens to it."""
    said = [_field(f) for f in patch.fields[:2]]
    return ", ".join(said) + (f" and {len(patch.fields) - 2} more" if len(patch.fields) > 2 else "")


def _leaf(path: str) -> str:
    """A place in a list says nothing; what stands there does."""
    leaf = path.rsplit("/", 1)[-1]
    return "" if in_list(leaf) else f"{leaf} "


def _field(f: FieldChange) -> str:
    leaf = _leaf(f.path)
    if f.before is None:
        return f"add {leaf}{f.after}"
    return f"remove {leaf}{f.before}" if f.after is None else f"{leaf}{f.before} → {f.after}"


def expected(e: Expectation) -> str:
    """``TTFT p95 < 2 s within 15 min``."""
    return f"{e.reading.about.words} {e.comparison} {text(e.limit, e.reading.unit)} within {moments.span(e.within)}"


def of_finding(r: FindingRecord) -> Iterable[Event]:
    """Opened, and closed when it is."""
    f = r.finding
    href = links.role(f.role)
    name = wording.named(f.detector)
    yield Event(
        at=r.opened,
        kind=EventKind.FINDING,
        role=f.role,
        dot=wording.TONES[f.severity] or "now",
        title=f"{f.role}: {f.summary}",
        note=f"{name} opened" + (f", for the {ordinal(r.number)} time" if r.number > 1 else ""),
        tag="" if r.closed else "open",
        tag_tone=wording.TONES[f.severity] or "acc",
        href=href,
    )
    if r.closed:
        yield Event(
            at=r.closed,
            kind=EventKind.FINDING,
            role=f.role,
            dot="done",
            title=f"{f.role}: {name} closed",
            note=f"it held for {moments.span(r.closed - r.opened)}",
            href=href,
        )


def of_recommendation(r: RecommendationRecord) -> Iterable[Event]:
    """Proposed, and what a person said."""
    x = r.recommendation
    href = links.recommendation(x.id)
    words, tone = wording.STATE_WORDS[r.state]
    yield Event(
        at=r.opened,
        kind=EventKind.RECOMMENDATION,
        role=x.role,
        dot="now",
        title=x.title,
        note=" · ".join(s for s in ("proposed", fields(x.patch), money(x.effect.dollars_per_hour)) if s),
        tag=words,
        tag_tone=tone,
        href=href,
    )
    if r.first:
        yield Event(
            at=r.first.at,
            kind=EventKind.APPROVAL,
            role=x.role,
            dot="now",
            title=f"{r.first.by} approved, as the first of two: {x.title}",
            href=href,
        )
    if r.decided:
        dismissed = r.state is State.DISMISSED
        yield Event(
            at=r.decided,
            kind=EventKind.APPROVAL,
            role=x.role,
            dot="" if dismissed else "done",
            title=f"{r.by or 'somebody'} {'dismissed' if dismissed else 'approved'}: {x.title}",
            note=f"“{r.reason}”" if r.reason else "",
            href=href,
        )


def of_change(r: ChangeRecord) -> Iterable[Event]:
    """Sent, and what became of it."""
    c = r.change
    words, tone, dot = CHANGE_WORDS[r.state]
    who = f"approved by {c.approved_by}" if c.approved_by else "by the policy"
    said = r.receipt.said if r.receipt else f"expected: {expected(c.expectation)}"
    yield Event(
        at=c.at,
        kind=EventKind.CHANGE,
        role=c.role,
        dot=dot,
        title=f"{c.role}: {fields(c.patch)}",
        note=f"{who} · {said}",
        tag=words,
        tag_tone=tone,
        href=links.recommendation(c.recommendation.id),
    )
    if r.outcome:
        tone, dot = OUTCOME_WORDS[r.outcome.state]
        yield Event(
            at=r.outcome.at,
            kind=EventKind.OUTCOME,
            role=c.role,
            dot=dot,
            title=f"{c.role}: {fields(c.patch)}",
            note=r.outcome.said,
            tag=r.outcome.state.value,
            tag_tone=tone,
            href=links.recommendation(c.recommendation.id),
        )


def ordinal(n: int) -> str:
    """``2nd``, ``11th``, ``23rd``."""
    if n % 100 in (11, 12, 13):
        return f"{n}th"
    return f"{n}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th') }"


def timeline(
    findings: Sequence[FindingRecord],
    recommendations: Sequence[RecommendationRecord],
    changes: Sequence[ChangeRecord],
    *,
    since: datetime,
    kind: EventKind | None = None,
) -> tuple[Event, ...]:
    """Everything since ``since``, newest first."""
    made = [
        *(e for r in findings for e in of_finding(r)),
        *(e for r in recommendations for e in of_recommendation(r)),
        *(e for r in changes for e in of_change(r)),
    ]
    kept = [e for e in made if e.at >= since and (kind is None or e.kind is kind)]
    return tuple(sorted(kept, key=lambda e: e.at, reverse=True))


def days(events: Sequence[Event], now: datetime) -> tuple[Day, ...]:
    """The same, by day."""
    made: dict[str, list[Event]] = {}
    for event in events:
        made.setdefault(moments.day(event.at, now), []).append(event)
    return tuple(Day(words=words, events=tuple(found)) for words, found in made.items())


def last_changes(changes: Sequence[ChangeRecord], most: int = 4) -> tuple[Event, ...]:
    """The newest changes, each as one line that already tells its outcome."""
    lines = []
    for r in changes[:most]:
        sent, *after = of_change(r)
        line = after[0] if after else sent
        lines.append(replace(line, note=line.note.partition("; the API server says: ")[0]))  # the timeline has it whole
    return tuple(lines)
