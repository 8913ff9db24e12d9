"""The API's words: the model's values with their ids, units spelled out, nothing hidden, nothing renamed.

Times are UTC (RFC 3339). Numbers are in base units: seconds, bytes, ratios 0..1, dollars. ``null`` means
unknown, never zero.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from controlplane.model import change as chg
from controlplane.model import decision as dcs
from controlplane.model import finding as fnd
from controlplane.model import recommendation as rec
from controlplane.model.patch import Patch, Scalar
from controlplane.model.person import May


class Shape(BaseModel):
    """Base of all answers: immutable, and nothing but what is declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(Shape):
    """One number and how to ask for it again."""

    question: str
    reading: str | None
    value: float | None
    unit: str
    limit: float | None
    comparison: str
    since: datetime | None
    query: str

    @classmethod
    def of(cls, e: fnd.Evidence) -> "Evidence":
        return cls(
            question=e.question,
            reading=e.reading,
            value=e.value,
            unit=e.unit,
            limit=e.limit,
            comparison=e.comparison,
            since=e.since,
            query=e.query,
        )


class Finding(Shape):
    """Something a detector saw; ``closed`` is null while it holds."""

    id: str
    detector: str
    role: str
    severity: str
    summary: str
    since: datetime
    opened: datetime
    seen: datetime
    closed: datetime | None
    number: int
    dollars_per_hour: float | None
    evidence: list[Evidence]

    @classmethod
    def of(cls, r: fnd.FindingRecord) -> "Finding":
        f = r.finding
        return cls(
            id=f.id,
            detector=f.detector,
            role=f.role,
            severity=f.severity,
            summary=f.summary,
            since=f.since,
            opened=r.opened,
            seen=r.seen,
            closed=r.closed,
            number=r.number,
            dollars_per_hour=f.dollars_per_hour,
            evidence=[Evidence.of(e) for e in f.evidence],
        )


class FieldOut(Shape):
    """One field of a patch; ``path`` is a JSON pointer."""

    path: str
    before: Scalar
    after: Scalar


class PatchOut(Shape):
    """Absolute values at paths of one object."""

    kind: str
    namespace: str
    name: str
    fields: list[FieldOut]

    @classmethod
    def of(cls, p: Patch) -> "PatchOut":
        return cls(
            kind=p.target.kind,
            namespace=p.target.namespace,
            name=p.target.name,
            fields=[FieldOut(path=f.path, before=f.before, after=f.after) for f in p.fields],
        )


class Expectation(Shape):
    """What must be true afterwards, and what would mean harm."""

    reading: str
    comparison: str
    limit: float
    baseline: float | None
    settle_seconds: float
    within_seconds: float
    guard: str
    harm_comparison: str
    harm: float

    @classmethod
    def of(cls, e: rec.Expectation) -> "Expectation":
        return cls(
            reading=e.reading,
            comparison=e.comparison,
            limit=e.limit,
            baseline=e.baseline,
            settle_seconds=e.settle.total_seconds(),
            within_seconds=e.within.total_seconds(),
            guard=e.guard,
            harm_comparison=e.harm_comparison,
            harm=e.harm,
        )


class ApprovalOut(Shape):
    """One person's yes."""

    by: str
    at: datetime


class Recommendation(Shape):
    """A proposed change with its evidence, patch, undo and state. ``version`` goes into an approval.

    ``approvals``: who has said yes. Where two people must, there is one while it is still open.
    """

    id: str
    version: int
    state: str
    kind: str
    role: str
    title: str
    because: list[str]
    findings: list[str]
    evidence: list[Evidence]
    patch: PatchOut
    undo: PatchOut
    direction: str
    dollars_per_hour: float | None
    effect: str
    confidence: str
    confidence_reasons: list[str]
    risk: str
    risk_if_done: str
    risk_if_not: str
    expectation: Expectation
    good_for_seconds: float
    undoes: str | None
    opened: datetime
    seen: datetime
    by: str | None
    reason: str | None
    decided: datetime | None
    approvals: list[ApprovalOut]

    @classmethod
    def of(cls, r: rec.RecommendationRecord) -> "Recommendation":
        x = r.recommendation
        return cls(
            id=x.id,
            version=r.version,
            state=r.state,
            kind=x.kind,
            role=x.role,
            title=x.title,
            because=list(x.because),
            findings=list(x.findings),
            evidence=[Evidence.of(e) for e in x.evidence],
            patch=PatchOut.of(x.patch),
            undo=PatchOut.of(x.undo),
            direction=x.direction,
            dollars_per_hour=x.effect.dollars_per_hour,
            effect=x.effect.words,
            confidence=x.confidence.level,
            confidence_reasons=list(x.confidence.reasons),
            risk=x.risk.level,
            risk_if_done=x.risk.if_done,
            risk_if_not=x.risk.if_not,
            expectation=Expectation.of(x.expectation),
            good_for_seconds=x.good_for.total_seconds(),
            undoes=x.undoes,
            opened=r.opened,
            seen=r.seen,
            by=r.by,
            reason=r.reason,
            decided=r.decided,
            approvals=[ApprovalOut(by=a.by, at=a.at) for a in r.approvals],
        )


class Check(Shape):
    """What one guardrail said, with the number it looked at."""

    guardrail: str
    passed: bool
    said: str
    number: str


class Decision(Shape):
    """Recommendation, verdict and every objection."""

    id: str
    recommendation: str
    role: str
    title: str
    verdict: str
    because: str
    at: datetime
    approved_by: str | None
    checks: list[Check]

    @classmethod
    def of(cls, d: dcs.Decision) -> "Decision":
        return cls(
            id=d.id,
            recommendation=d.recommendation_id,
            role=d.recommendation.role,
            title=d.recommendation.title,
            verdict=d.verdict,
            because=d.because,
            at=d.at,
            approved_by=d.approved_by,
            checks=[Check(guardrail=c.guardrail, passed=c.passed, said=c.said, number=c.number) for c in d.checks],
        )


class Outcome(Shape):
    """The verdict on one change."""

    change: str
    role: str
    state: str
    at: datetime
    measured: float | None
    said: str

    @classmethod
    def of(cls, o: chg.Outcome) -> "Outcome":
        return cls(change=o.change, role=o.role, state=o.state, at=o.at, measured=o.measured, said=o.said)


class Change(Shape):
    """What was really written, where, and what became of it."""

    id: str
    decision: str
    recommendation: str
    role: str
    kind: str
    at: datetime
    approved_by: str | None
    patch: PatchOut
    state: str
    said: str | None
    where: str | None
    outcome: Outcome | None

    @classmethod
    def of(cls, r: chg.ChangeRecord) -> "Change":
        c = r.change
        return cls(
            id=c.id,
            decision=c.decision,
            recommendation=c.recommendation.id,
            role=c.role,
            kind=c.kind,
            at=c.at,
            approved_by=c.approved_by,
            patch=PatchOut.of(c.patch),
            state=r.state,
            said=r.receipt.said if r.receipt else None,
            where=r.receipt.where or None if r.receipt else None,
            outcome=Outcome.of(r.outcome) if r.outcome else None,
        )


class Me(Shape):
    """Who asks, and what they may do. ``known``: a token of their own says who they are."""

    name: str
    may: May
    known: bool
    people_needed: int
    """How many different people must approve a recommendation."""


class ApproveIn(Shape):
    """What was seen is what is approved."""

    version: int


class DismissIn(Shape):
    """A dismissal needs a reason: the next person will ask."""

    version: int
    reason: str = Field(min_length=1, max_length=500)


class StopIn(Shape):
    """Pull (``on``) or release the kill switch; pulling needs a reason."""

    on: bool
    reason: str = Field(default="", max_length=500)


class ProblemOut(Shape):
    """RFC 9457 problem details."""

    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    detail: str
