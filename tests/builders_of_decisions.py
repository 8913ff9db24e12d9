"""Builders of what follows from what is seen: findings, recommendations, decisions, changes, the past, a cycle."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.model.belief import RoleBeliefs
from controlplane.model.change import Change, ChangeRecord, ChangeState, Outcome, OutcomeState, Receipt
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.decision import Check, Decision, Verdict
from controlplane.model.finding import Evidence, Finding, FindingRecord, Severity
from controlplane.model.fleet import Fleet
from controlplane.model.keys import ChangeId, DecisionId, FindingId, ObjectRef, RoleName
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.reading import Reading
from controlplane.model.recommendation import (
    Confidence,
    Direction,
    Effect,
    Expectation,
    Kind,
    Level,
    Recommendation,
    RecommendationRecord,
    Risk,
    State,
)
from controlplane.model.units import Unit
from tests.builders_of_fleets import NOON, PLANNER, a_fleet, some_beliefs


def an_evidence(reading: Reading = Reading.WAITING_PER_REPLICA, value: float | None = 9.0) -> Evidence:
    """One number behind a finding."""
    return Evidence(
        question="How many requests wait per replica?",
        reading=reading,
        value=value,
        unit=reading.unit if reading else Unit.COUNT,
        limit=5.0,
        comparison=">",
        since=NOON - timedelta(minutes=4),
        query=f'{reading.value}{{role="planner"}}',
    )


def a_finding(
    detector: str = "queue-buildup",
    role: str = "planner",
    *,
    since: datetime = NOON - timedelta(minutes=4),
    severity: Severity = Severity.WARNING,
    summary: str = "more than 5 requests wait per replica",
) -> Finding:
    """What a detector saw."""
    return Finding(
        detector=detector,
        role=RoleName(role),
        severity=severity,
        since=since,
        summary=summary,
        evidence=(an_evidence(),),
    )


def a_finding_record(
    finding: Finding | None = None, *, number: int = 1, opened: datetime | None = None, closed: datetime | None = None
) -> FindingRecord:
    """A finding's life in the ledger, open unless told."""
    finding = finding or a_finding()
    return FindingRecord(finding=finding, number=number, opened=opened or finding.since, seen=NOON, closed=closed)


def a_patch(
    path: str = "/spec/minReplicaCount",
    before: int | str | None = 2,
    after: int | str | None = 3,
    name: str = "planner",
) -> Patch:
    """One field of one ScaledObject."""
    return Patch(
        target=ObjectRef("ScaledObject", "llm", name), fields=(FieldChange(path=path, before=before, after=after),)
    )


def an_expectation(**over: object) -> Expectation:
    """The queue is gone ten minutes after, and TTFT has not become terrible."""
    usual = Expectation(
        reading=Reading.WAITING_PER_REPLICA,
        comparison="<",
        limit=5.0,
        baseline=9.0,
        settle=timedelta(minutes=2),
        within=timedelta(minutes=10),
        guard=Reading.TTFT_P95,
        harm=4.0,
    )
    return replace(usual, **over)  # type: ignore[arg-type]


def a_recommendation(
    role: str = "planner",
    *,
    kind: Kind = Kind.RAISE_REPLICAS,
    patch: Patch | None = None,
    direction: Direction = Direction.LOOSEN,
    dollars: float | None = 5.0,
    expectation: Expectation | None = None,
    good_for: timedelta = timedelta(minutes=15),
    undoes: ChangeId | None = None,
    title: str = "Run at least 3 replicas of planner",
) -> Recommendation:
    """One more replica for the planner."""
    return Recommendation(
        kind=kind,
        role=RoleName(role),
        title=title,
        because=("More than 5 requests wait per replica since 11:56.", "The TTFT objective of 2 s will not hold."),
        findings=(FindingId(f"queue-buildup:{role}"),),
        evidence=(an_evidence(),),
        patch=patch or a_patch(name=role),
        direction=direction,
        effect=Effect(dollars_per_hour=dollars, words="one more replica takes 3 min 40 s to start"),
        confidence=Confidence(level=Level.MEDIUM, reasons=("data complete for the whole window",)),
        risk=Risk(level=Level.LOW, if_done="costs money", if_not="requests keep waiting"),
        expectation=expectation or an_expectation(),
        good_for=good_for,
        undoes=undoes,
    )


def a_record(
    recommendation: Recommendation | None = None,
    state: State = State.OPEN,
    *,
    number: int = 1,
    version: int = 1,
    by: str | None = None,
    reason: str | None = None,
    decided: datetime | None = None,
) -> RecommendationRecord:
    """A recommendation's life in the ledger."""
    if state in (State.APPROVED, State.DISMISSED):
        by, decided = by or "ada", decided or NOON
    return RecommendationRecord(
        recommendation=recommendation or a_recommendation(),
        number=number,
        state=state,
        opened=NOON - timedelta(minutes=2),
        seen=NOON,
        version=version,
        by=by,
        reason=reason,
        decided=decided,
    )


def a_check(guardrail: str = "step-limit", *, passed: bool = True, number: str = "+1 ≤ +2") -> Check:
    """What one guardrail said."""
    return Check(
        guardrail=guardrail, passed=passed, said="the step is within its limit" if passed else "too far", number=number
    )


def a_decision(
    recommendation: Recommendation | None = None,
    verdict: Verdict = Verdict.ASK,
    *,
    at: datetime = NOON,
    checks: tuple[Check, ...] | None = None,
    because: str = "mode is propose: a person approves",
    approved_by: str | None = None,
) -> Decision:
    """A recommendation with its verdict."""
    return Decision(
        recommendation=recommendation or a_recommendation(),
        verdict=verdict,
        checks=(a_check(),) if checks is None else checks,
        at=at,
        because=because,
        approved_by=approved_by,
    )


def a_change(
    recommendation: Recommendation | None = None, *, at: datetime = NOON, id_: str | None = None, by: str | None = "ada"
) -> Change:
    """One write to the cluster."""
    recommendation = recommendation or a_recommendation()
    decision = DecisionId(f"{recommendation.id}-{int(at.timestamp()):x}")
    return Change(
        id=ChangeId(id_ or f"chg-{decision}"), decision=decision, recommendation=recommendation, at=at, approved_by=by
    )


def a_receipt(change: Change | None = None, state: ChangeState = ChangeState.APPLIED, said: str = "written") -> Receipt:
    """What the hands say about a change."""
    change = change or a_change()
    return Receipt(change=change.id, state=state, at=change.at, said=said, where="patches/planner.yaml")


def an_outcome(
    change: Change | None = None, state: OutcomeState = OutcomeState.MET, *, at: datetime | None = None
) -> Outcome:
    """What became of a change."""
    change = change or a_change()
    return Outcome(
        change=change.id,
        role=change.role,
        state=state,
        at=at or change.at + timedelta(minutes=10),
        measured=1.0,
        said="1 waits per replica, under the limit of 5",
    )


def a_change_record(
    change: Change | None = None,
    state: ChangeState | None = ChangeState.APPLIED,
    outcome: OutcomeState | None = None,
    *,
    outcome_at: datetime | None = None,
) -> ChangeRecord:
    """A change's life in the ledger; ``state=None`` leaves it without a receipt."""
    change = change or a_change()
    return ChangeRecord(
        change=change,
        receipt=a_receipt(change, state) if state else None,
        outcome=an_outcome(change, outcome, at=outcome_at) if outcome else None,
    )


def a_recollection(
    *records: RecommendationRecord,
    findings: tuple[FindingRecord, ...] = (),
    changes: tuple[ChangeRecord, ...] = (),
    beliefs: Mapping[RoleName, RoleBeliefs] | None = None,
) -> Recollection:
    """What the pure part knows of the past: nothing, unless told, but that a planner has been watched for a month."""
    return Recollection(
        beliefs=MappingProxyType(dict({PLANNER: some_beliefs()} if beliefs is None else beliefs)),
        open_findings=findings,
        recommendations=MappingProxyType({r.recommendation.id: r for r in records}),
        changes=changes,
    )


def a_cycle(
    fleet: Fleet | None = None,
    *,
    findings: tuple[Finding, ...] = (),
    unsure: tuple[str, ...] = (),
    decisions: tuple[Decision, ...] = (),
    receipts: tuple[Receipt, ...] = (),
    outcomes: tuple[Outcome, ...] = (),
) -> Cycle:
    """One whole walk over a calm fleet in which nothing happened, unless told."""
    fleet = fleet or a_fleet()
    return Cycle(
        at=fleet.at,
        fleet=fleet,
        beliefs=MappingProxyType({name: RoleBeliefs(role=name) for name in fleet.roles}),
        findings=findings,
        unsure=unsure,
        decisions=decisions,
        receipts=receipts,
        outcomes=outcomes,
        took_seconds=MappingProxyType({"collect": 0.01, "observe": 0.01}),
    )


def no_lap(step: str) -> None:
    """Where nobody times the steps of the walk."""
