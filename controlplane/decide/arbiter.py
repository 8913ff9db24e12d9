"""The verdict on each recommendation: apply, ask a person, or hold.

Every guardrail is asked about every recommendation, and each can only object. An objection that approval
answers leads to asking, any other one to holding; a person's approval overrides nothing else. At most
one change per role is let through at a tick, what helps users first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from controlplane.decide.guardrail import Case, Guardrail, fine, objection
from controlplane.decide.guardrails import ALWAYS, DEFAULT_GUARDRAILS
from controlplane.model.cycle import Recollection
from controlplane.model.decision import Check, Decision, Verdict
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RecommendationId
from controlplane.model.recommendation import Direction, Kind, Recommendation, State

__all__ = ["DEFAULT_GUARDRAILS", "DISMISSED_FOR", "Guardrail", "decide"]

DISMISSED_FOR = timedelta(days=1)
"""A dismissed recommendation is not proposed again for this long unless its patch differs."""

_ORDER = (Direction.LOOSEN, Direction.NEUTRAL, Direction.TIGHTEN)


def decide(
    proposals: Sequence[Recommendation],
    fleet: Fleet,
    past: Recollection,
    guardrails: Sequence[Guardrail],
    now: datetime,
) -> tuple[Decision, ...]:
    """One decision per proposal that nobody has dismissed lately and whose role is in the fleet."""
    asked = _complete(guardrails)
    decisions: list[Decision] = []
    granted: list[Recommendation] = []
    for proposal in sorted(_wanted(proposals, past, now), key=_urgency):
        role = fleet.roles.get(proposal.role)
        if role is None:
            continue
        case = Case(recommendation=proposal, role=role, fleet=fleet, past=past, now=now, granted=tuple(granted))
        checks = (_one_at_a_time(case), *(guardrail.check(case) for guardrail in asked))
        decision = _judge(case, checks)
        if decision.verdict is Verdict.APPLY:
            granted.append(proposal)
        decisions.append(decision)
    return tuple(decisions)


def _complete(guardrails: Sequence[Guardrail]) -> tuple[Guardrail, ...]:
    brought = {guardrail.id for guardrail in guardrails}
    return (*guardrails, *(guardrail for guardrail in ALWAYS if guardrail.id not in brought))


def _wanted(proposals: Sequence[Recommendation], past: Recollection, now: datetime) -> list[Recommendation]:
    """Each proposal once, without those a person has said no to."""
    wanted: dict[RecommendationId, Recommendation] = {}
    for proposal in proposals:
        record = past.recommendations.get(proposal.id)
        said_no = record.decided if record is not None and record.state is State.DISMISSED else None
        if said_no is None or now - said_no >= DISMISSED_FOR:
            wanted.setdefault(proposal.id, proposal)
    return list(wanted.values())


def _urgency(proposal: Recommendation) -> tuple[bool, int]:
    return proposal.kind is not Kind.UNDO, _ORDER.index(proposal.direction)


def _one_at_a_time(case: Case) -> Check:
    first = next((r for r in case.granted if r.role == case.role.name), None)
    if first is None:
        return fine("one-at-a-time", "nothing else is done to this role now", "0 of 1")
    return objection("one-at-a-time", f"another change of this role goes first: {first.title}", "1 of 1")


def _judge(case: Case, checks: tuple[Check, ...]) -> Decision:
    failed = [check for check in checks if not check.passed]
    final = [check for check in failed if not check.answerable]
    by = case.approved_by
    if final:
        verdict, because = Verdict.HOLD, f"held: {final[0].said}"
    elif failed and by is None:
        verdict, because = Verdict.ASK, failed[0].said
    else:
        verdict, because = Verdict.APPLY, "mode is apply and nothing objects" if by is None else f"approved by {by}"
    return Decision(
        recommendation=case.recommendation,
        verdict=verdict,
        checks=checks,
        at=case.now,
        because=because,
        approved_by=by,
    )
