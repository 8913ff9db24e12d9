"""What made things worse is proposed to be taken back: an ordinary recommendation, with the same guardrails.

It restores exactly what was there. An undo that makes things worse itself is left to a person.
"""

from collections.abc import Sequence

from controlplane.detect.watch import evidence
from controlplane.model.change import NOTHING_DONE, Change, ChangeRecord, Outcome, OutcomeState
from controlplane.model.fleet import Fleet
from controlplane.model.keys import ChangeId
from controlplane.model.recommendation import (
    Confidence,
    Direction,
    Effect,
    Expectation,
    Kind,
    Level,
    Recommendation,
    Risk,
)
from controlplane.model.role import RoleView
from controlplane.verify.in_force import sets_bounds, shows

_OPPOSITE = {
    Direction.LOOSEN: Direction.TIGHTEN,
    Direction.TIGHTEN: Direction.LOOSEN,
    Direction.NEUTRAL: Direction.NEUTRAL,
}


def undo(outcomes: Sequence[Outcome], changes: Sequence[ChangeRecord], fleet: Fleet) -> tuple[Recommendation, ...]:
    """An undo for each change that was judged worse, now or earlier, and is still in force."""
    judged: dict[ChangeId, Outcome] = {outcome.change: outcome for outcome in outcomes}
    judged.update({record.change.id: record.outcome for record in changes if record.outcome is not None})
    undone = {r.change.recommendation.undoes for r in changes if r.state not in NOTHING_DONE}
    proposals = []
    for record in changes:
        change, outcome = record.change, judged.get(record.change.id)
        role = fleet.roles.get(change.role)
        if outcome is None or outcome.state is not OutcomeState.WORSE or role is None:
            continue
        if change.kind is Kind.UNDO or change.id in undone or _gone(change, role):
            continue
        proposals.append(_take_back(change, outcome, role))
    return tuple(proposals)


def _gone(change: Change, role: RoleView) -> bool:
    """Whether somebody has changed the bounds to something else meanwhile."""
    return sets_bounds(change.patch) and role.bounds is not None and not shows(change.patch, role.bounds)


def _take_back(change: Change, outcome: Outcome, role: RoleView) -> Recommendation:
    done, goal = change.recommendation, change.expectation
    dollars = done.effect.dollars_per_hour
    better = "<" if goal.harm_comparison == ">" else ">"
    return Recommendation(
        kind=Kind.UNDO,
        role=change.role,
        title=f"Take back: {done.title}",
        because=(
            f"Since it was done at {change.at:%H:%M} UTC, {outcome.said}.",
            "This restores exactly what was there before.",
        ),
        findings=done.findings,
        evidence=(
            evidence(
                role,
                goal.guard,
                f"What is {goal.guard.about.words}?",
                limit=goal.harm,
                comparison=goal.harm_comparison,
                since=outcome.at,
            ),
        ),
        patch=change.undo,
        direction=_OPPOSITE[done.direction],
        effect=Effect(dollars_per_hour=None if dollars is None else -dollars, words="what was there before"),
        confidence=Confidence(level=Level.HIGH, reasons=("harm was seen for a whole settling time after the change",)),
        risk=Risk(
            level=Level.LOW,
            if_done="what the change was for is wanting again",
            if_not=f"{goal.guard.about.words} stays as it is",
        ),
        expectation=Expectation(
            reading=goal.guard,
            comparison=better,
            limit=goal.harm,
            baseline=outcome.measured,
            settle=goal.settle,
            within=goal.within,
            guard=goal.guard,
            harm=goal.harm * (2.0 if goal.harm_comparison == ">" else 0.5),
            harm_comparison=goal.harm_comparison,
        ),
        undoes=change.id,
    )
