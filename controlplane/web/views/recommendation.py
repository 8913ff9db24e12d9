"""One recommendation: the answer first, then the evidence, the exact change, what the guardrails say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.decide.guardrails.learning import Learning
from controlplane.model.change import ChangeRecord
from controlplane.model.cycle import Cycle
from controlplane.model.decision import Check, Decision, Verdict
from controlplane.model.finding import Evidence, FindingRecord
from controlplane.model.history import RoleHistory
from controlplane.model.keys import RoleName
from controlplane.model.recommendation import Recommendation, RecommendationRecord, State
from controlplane.model.units import text
from controlplane.recommend.patches import actionable
from controlplane.web import links
from controlplane.web.views import charts, moments, wording
from controlplane.web.views.diff import DiffLine, diff
from controlplane.web.views.events import Event, EventKind, expected, fields, of_change, of_finding, of_recommendation
from controlplane.web.views.evidence import evidence_charts, window
from controlplane.web.views.fleet import Tag
from controlplane.web.views.quantity import money

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

    sign: str
    """``✓`` agrees, ``✗`` objects, ``?`` asks a person."""
    css: str
    words: str
    """The sign in a word, for those who cannot see it."""
    said: str
    number: str
    href: str = ""
    """Where there is more to see about it."""


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
    advice: bool
    """Nothing of it can be written by us: it is for a person to do."""
    held: str
    """Why it would not be applied even when approved."""
    decided: str
    """Who decided, when and why; empty while nobody has."""
    half: str
    """Who has approved it as the first of two; empty when nobody is waited for."""
    can_approve: bool
    can_dismiss: bool
    may_not: str
    """Why whoever looks cannot do either; empty when they can do both."""
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
    no_approve: str = "",
    no_dismiss: str = "",
) -> RecommendationPage:
    """Put the page together. Lists are newest first and about this recommendation or its role.

    ``no_approve`` and ``no_dismiss``: why whoever looks may not.
    """
    x = record.recommendation
    words, tone = wording.STATE_WORDS[record.state]
    decision = current(record, decisions, cycle)
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
        advice=not actionable(x.patch),
        held=decision.because if decision and decision.verdict is Verdict.HOLD else "",
        decided=_decided(record, now),
        half=_half(record, now),
        can_approve=actionable(x.patch) and not no_approve,
        can_dismiss=not no_dismiss,
        may_not=(no_approve if actionable(x.patch) else "") or no_dismiss,
        proofs=tuple(_proof(e, now) for e in x.evidence),
        charts=evidence_charts(x, past, findings, mine, begin=begin, end=end),
        window=f"{moments.minute(begin, now)}–{moments.minute(end, now)}",
        target=str(x.patch.target),
        diff=diff(x.patch),
        undo=diff(x.undo),
        facts=_facts(record, cycle, now),
        checks=tuple(_check(c, x.role) for c in sorted(checks, key=lambda c: c.passed)),
        agree=_agree(checks),
        verdict=VERDICTS[decision.verdict] if decision else None,
        verdict_because=decision.because if decision else "",
        history=_history(record, decisions, findings, mine),
        decision_id=decision.id if decision else "",
        approve=links.recommendation(x.id, "approve"),
        dismiss=links.recommendation(x.id, "dismiss"),
    )


def current(record: RecommendationRecord, decisions: Sequence[Decision], cycle: Cycle | None) -> Decision | None:
    """The decision to show: of the last tick if it was weighed then, else the newest stored.

    Once it is applied, the one that applied it: what was weighed again afterwards says nothing about it.
    """
    if record.state is State.APPLIED:
        return next((d for d in decisions if d.verdict is Verdict.APPLY), None)
    of_tick = (d for d in (cycle.decisions if cycle else ()) if d.recommendation_id == record.recommendation.id)
    return next(of_tick, decisions[0] if decisions else None)


def _check(c: Check, role: RoleName) -> CheckLine:
    sign, css, words = (
        ("✓", "y", "agrees") if c.passed else ("?", "w", "asks") if c.answerable else ("✗", "x", "objects")
    )
    href = links.shadow(role) if c.guardrail == Learning.id else ""
    return CheckLine(sign=sign, css=css, words=words, said=c.said, number=c.number, href=href)


def _agree(checks: Sequence[Check]) -> str:
    if not checks:
        return "not asked yet"
    ask = sum(c.answerable and not c.passed for c in checks)
    return f"{sum(c.passed for c in checks)} of {len(checks)} agree" + (f", {ask} asks you" if ask else "")


def _decided(r: RecommendationRecord, now: datetime) -> str:
    if r.decided is None:
        return ""
    verb = "Dismissed" if r.state is State.DISMISSED else "Approved"
    why = f": “{r.reason}”" if r.reason else ""
    by = r.by if r.state is State.DISMISSED else r.approved_by or r.by
    return f"{verb} by {by or 'somebody'} at {moments.clock(r.decided, now)}{why}"


def _half(r: RecommendationRecord, now: datetime) -> str:
    first = r.half(now)
    if first is None:
        return ""
    until = moments.minute(first.at + r.recommendation.good_for, now)
    return f"{first.by} approved it at {moments.clock(first.at, now)}; one more person is needed until {until}."


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
        Fact(label="Undo", words=fields(x.undo) if actionable(x.patch) else ""),
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
        *(_held(d) for d in decisions if d.verdict is Verdict.HOLD and (not mine or d.at < mine[-1].change.at)),
    ]
    return tuple(sorted(made, key=lambda e: e.at, reverse=True))


def _held(d: Decision) -> Event:
    said = "; ".join(f"{c.said} ({c.number})" if c.number else c.said for c in d.objections if not c.answerable)
    return Event(at=d.at, kind=EventKind.APPROVAL, role=d.recommendation.role, dot="warn", title="held back", note=said)
