"""One recommendation: the answer first, then the evidence, the exact change, what the guardrails say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.model.change import ChangeRecord
from controlplane.model.cycle import Cycle
from controlplane.model.decision import Decision, Verdict
from controlplane.model.finding import Evidence, FindingRecord
from controlplane.model.history import RoleHistory
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Recommendation, RecommendationRecord, State
from controlplane.model.units import text
from controlplane.web import links
from controlplane.web.views import charts, moments, wording
from controlplane.web.views.diff import DiffLine, diff
from controlplane.web.views.events import Event, EventKind, expected, fields, of_change, of_finding, of_recommendation
from controlplane.web.views.fleet import Tag
from controlplane.web.views.quantity import money

MOST_CHARTS = 6
COLOURS = ("c1", "c3", "c2", "c4")

VERDICTS = {
    Verdict.APPLY: Tag(words="will be applied", tone="ok"),
    Verdict.ASK: Tag(words="a person decides", tone="acc"),
    Verdict.HOLD: Tag(words="held back", tone="warn"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One row of the evidence."""

    question: str
    value: str
    limit: str
    since: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of "in short"."""

    label: str
    words: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """What one guardrail said."""

    passed: bool
    said: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationPage:
    """Everything on the page."""

    id: str
    version: int
    title: str
    role: str
    role_href: str
    because: tuple[str, ...]
    state: Tag
    open: bool
    expired: bool
    decided: str
    """Who decided, when and why; empty while nobody has."""
    proofs: tuple[Proof, ...]
    charts: tuple[charts.Chart, ...]
    window: str
    target: str
    diff: tuple[DiffLine, ...]
    undo: tuple[DiffLine, ...]
    facts: tuple[Fact, ...]
    checks: tuple[CheckLine, ...]
    agree: str
    verdict: Tag | None
    verdict_because: str
    history: tuple[Event, ...]
    decision_id: str
    approve: str
    dismiss: str


def page(
    record: RecommendationRecord,
    *,
    decisions: Sequence[Decision],
    findings: Sequence[FindingRecord],
    changes: Sequence[ChangeRecord],
    past: RoleHistory | None,
    cycle: Cycle | None,
    now: datetime,
) -> RecommendationPage:
    """Put the page together. Lists are newest first and about this recommendation or its role."""
    x = record.recommendation
    words, tone = wording.STATE_WORDS[record.state]
    decision = current(x, decisions, cycle)
    checks = decision.checks if decision else ()
    mine = [c for c in changes if c.change.recommendation.id == x.id]
    until = record.seen + x.good_for
    begin, end = window(record, now)
    return RecommendationPage(
        id=x.id,
        version=record.version,
        title=x.title,
        role=x.role,
        role_href=links.role(x.role),
        because=x.because,
        state=Tag(words=words, tone=tone),
        open=record.state is State.OPEN,
        expired=record.state is State.OPEN and now > until,
        decided=_decided(record, now),
        proofs=tuple(_proof(e, now) for e in x.evidence),
        charts=evidence_charts(x, past, findings, mine, begin=begin, end=end),
        window=f"{moments.minute(begin, now)}–{moments.minute(end, now)}",
        target=str(x.patch.target),
        diff=diff(x.patch),
        undo=diff(x.undo),
        facts=_facts(record, cycle, now),
        checks=tuple(CheckLine(passed=c.passed, said=c.said, number=c.number) for c in checks),
        agree=f"{sum(c.passed for c in checks)} of {len(checks)} agree" if checks else "not asked yet",
        verdict=VERDICTS[decision.verdict] if decision else None,
        verdict_because=decision.because if decision else "",
        history=_history(record, decisions, findings, mine),
        decision_id=decision.id if decision else "",
        approve=links.recommendation(x.id, "approve"),
        dismiss=links.recommendation(x.id, "dismiss"),
    )


def current(x: Recommendation, decisions: Sequence[Decision], cycle: Cycle | None) -> Decision | None:
    """The newest decision about it: of the last tick if it was weighed then, else the newest stored."""
    of_tick = (d for d in (cycle.decisions if cycle else ()) if d.recommendation_id == x.id)
    return next(of_tick, decisions[0] if decisions else None)


def _decided(r: RecommendationRecord, now: datetime) -> str:
    if r.decided is None:
        return ""
    verb = "Dismissed" if r.state is State.DISMISSED else "Approved"
    why = f": “{r.reason}”" if r.reason else ""
    return f"{verb} by {r.by or 'somebody'} at {moments.clock(r.decided, now)}{why}"


def _proof(e: Evidence, now: datetime) -> Proof:
    return Proof(
        question=e.question,
        value=text(e.value, e.unit),
        limit="" if e.limit is None else f"{e.comparison} {text(e.limit, e.unit)}".strip(),
        since="" if e.since is None else f"{moments.clock(e.since, now)} ({moments.span(now - e.since)})",
        query=e.query,
    )


def _facts(record: RecommendationRecord, cycle: Cycle | None, now: datetime) -> tuple[Fact, ...]:
    x = record.recommendation
    cost = money(x.effect.dollars_per_hour)
    fleet = cycle.fleet if cycle else None
    left = ""
    if fleet and fleet.budget_dollars_per_hour is not None and fleet.dollars_per_hour is not None:
        rest = fleet.budget_dollars_per_hour - fleet.dollars_per_hour
        left = f"budget left ${rest:,.2f}/h" if rest >= 0 else f"${-rest:,.2f}/h over the budget already"
    until = record.seen + x.good_for
    facts = [
        Fact(label="Saves" if (x.effect.dollars_per_hour or 0) < 0 else "Costs", words=cost, note=left),
        Fact(label="Effect", words=x.effect.words),
        Fact(label="Expected", words=expected(x.expectation), note=_baseline(x)),
        Fact(label="Confidence", words=x.confidence.level.value, note="; ".join(x.confidence.reasons)),
        Fact(label="Risk if done", words=f"{x.risk.level}: {x.risk.if_done}"),
        Fact(label="Risk if not", words=x.risk.if_not),
        Fact(label="Undo", words=fields(x.undo)),
    ]
    if record.state is State.OPEN:
        facts.append(Fact(label="Good until", words=moments.minute(until, now), note="then it is asked anew"))
    return tuple(f for f in facts if f.words)


def _baseline(x: Recommendation) -> str:
    e = x.expectation
    return "" if e.baseline is None else f"it was {text(e.baseline, e.reading.unit)}"


def _history(
    record: RecommendationRecord,
    decisions: Sequence[Decision],
    findings: Sequence[FindingRecord],
    mine: Sequence[ChangeRecord],
) -> tuple[Event, ...]:
    x = record.recommendation
    named = [f for f in findings if f.finding.id in x.findings][: len(x.findings)]
    made = [
        *(e for f in named for e in of_finding(f)),
        *of_recommendation(record),
        *(e for c in mine for e in of_change(c)),
        *(_held(d) for d in decisions if d.objections),
    ]
    return tuple(sorted(made, key=lambda e: e.at, reverse=True))


def _held(d: Decision) -> Event:
    said = "; ".join(f"{c.said} {c.number}".strip() for c in d.objections)
    return Event(at=d.at, kind=EventKind.APPROVAL, role=d.recommendation.role, dot="warn", title=d.because, note=said)


def readings(x: Recommendation) -> tuple[Reading, ...]:
    """What its evidence is measured in, without repetition."""
    return tuple(dict.fromkeys(e.reading for e in x.evidence if e.reading is not None))[:MOST_CHARTS]


def window(record: RecommendationRecord, now: datetime) -> tuple[datetime, datetime]:
    """From well before the first evidence to now, or to two hours after it was last proposed."""
    x = record.recommendation
    begins = [e.since for e in x.evidence if e.since] + [record.opened]
    end = min(now, record.seen + timedelta(hours=2))
    return min(min(begins) - timedelta(minutes=25), end - timedelta(hours=1)), end


def evidence_charts(
    x: Recommendation,
    past: RoleHistory | None,
    findings: Sequence[FindingRecord],
    changes: Sequence[ChangeRecord],
    *,
    begin: datetime,
    end: datetime,
) -> tuple[charts.Chart, ...]:
    """One small chart per reading of the evidence, with the limit it is held against."""
    if past is None or not past.at:
        return ()
    made = []
    for i, reading in enumerate(readings(x)):
        about = reading.about
        held = [e for e in x.evidence if e.reading is reading and e.limit is not None]
        plan = charts.Plan(
            id=reading.value,
            title=about.words[0].upper() + about.words[1:],
            unit=about.unit,
            lines=((reading, about.words, COLOURS[i % len(COLOURS)], "step" if "replicas_" in reading else ""),),
            top=1.0 if about.unit.value == "ratio" else None,
        )
        limits = [Limit(reading=reading, comparison=e.comparison, value=e.limit or 0.0, words="limit") for e in held]
        named = [f for f in findings if f.finding.id in x.findings]
        made.append(
            charts.draw(
                plan,
                past,
                begin=begin,
                end=end,
                limits=limits,
                findings=named,
                changes=changes,
                sources={e.reading: e.query for e in held if e.reading},
            )
        )
    return tuple(made)
