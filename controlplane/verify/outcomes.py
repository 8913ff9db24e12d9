"""The verdict on each change, given exactly once: met, missed, worse or unknown.

A change is given time to settle, then the reading it promised is watched. Harm is looked for all the time:
it is harm when the guard has been past its limit for a whole settling time. No data is never success.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite

from controlplane.detect.watch import COMPLETE
from controlplane.model.belief import RoleBeliefs
from controlplane.model.change import WITHOUT_EFFECT, ChangeRecord, ChangeState, Outcome, OutcomeState
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.recommendation import Expectation
from controlplane.model.role import RoleView
from controlplane.model.series import Series
from controlplane.model.units import seconds_text, text
from controlplane.verify.in_force import in_force_since

NOT_MERGED_FOR = timedelta(hours=2)
"""A change that is not seen in force for this long is not waited for any more."""

MOSTLY = 0.9
"""Share of the ticks at which the promise must hold once settled: one odd tick is no verdict."""


def verify(
    fleet: Fleet, beliefs: Mapping[RoleName, RoleBeliefs], changes: Sequence[ChangeRecord], now: datetime
) -> tuple[Outcome, ...]:
    """Outcomes of the changes that can be judged now; those that have one already, or need more time, are left out."""
    outcomes = []
    for record in changes:
        if record.outcome is not None:
            continue
        said = _judge(record, fleet, beliefs, now)
        if said is None:
            continue
        state, measured, words = said
        outcomes.append(
            Outcome(
                change=record.change.id, role=record.change.role, state=state, at=now, measured=measured, said=words
            )
        )
    return tuple(outcomes)


_Said = tuple[OutcomeState, float | None, str]


def _judge(record: ChangeRecord, fleet: Fleet, beliefs: Mapping[RoleName, RoleBeliefs], now: datetime) -> _Said | None:
    if record.state is ChangeState.DRY_RUN:
        return OutcomeState.UNKNOWN, None, "dry run: nothing was changed, so there is nothing to judge"
    if record.state in WITHOUT_EFFECT:
        said = record.receipt.said if record.receipt else "no answer"
        return OutcomeState.UNKNOWN, None, f"it was not written: {said}"
    if record.state is ChangeState.REVERTED:
        return OutcomeState.UNKNOWN, None, "somebody changed it back before it could be judged"
    role = fleet.roles.get(record.change.role)
    if role is None:
        return OutcomeState.UNKNOWN, None, "the role is no longer in fleet.yaml"
    known = beliefs.get(role.name) or RoleBeliefs(role=role.name)
    since = in_force_since(record, role, known) if record.state is ChangeState.APPLIED else None
    if since is None:
        if now - record.change.at < NOT_MERGED_FOR:
            return None
        return OutcomeState.UNKNOWN, None, _never(record, known)
    return _compare(record.change.expectation, role, since, now)


def _never(record: ChangeRecord, beliefs: RoleBeliefs) -> str:
    waited = seconds_text(NOT_MERGED_FOR.total_seconds())
    if record.state is not ChangeState.APPLIED:
        return f"whether it was written is not known after {waited}"
    if beliefs.bounds is None:
        return f"not seen in force after {waited}: add kube-state-metrics or Kubernetes to sources"
    return f"not seen in force after {waited}: not merged, or changed back"


def _compare(expectation: Expectation, role: RoleView, since: datetime, now: datetime) -> _Said | None:
    harmed = _harmed_since(expectation, role, since)
    guard = expectation.guard
    if harmed is not None and now - harmed >= expectation.settle:
        value = role.now(guard)
        words = (
            f"{guard.about.words} is {text(value, guard.unit)}, {expectation.harm_comparison} "
            f"{text(expectation.harm, guard.unit)} since {harmed:%H:%M} UTC"
        )
        return OutcomeState.WORSE, value, words
    if now < since + expectation.within:
        return None
    return _promise(expectation, role, since)


def _harmed_since(expectation: Expectation, role: RoleView, since: datetime) -> datetime | None:
    """Since when, after the change, the guard is past its limit without a break."""

    def harmful(value: float) -> bool:
        return isfinite(value) and _holds(value, expectation.harm_comparison, expectation.harm)

    began = role.series(expectation.guard).holds_since(harmful)
    return None if began is None else max(began, since)


def _promise(expectation: Expectation, role: RoleView, since: datetime) -> _Said:
    reading = expectation.reading
    begin, end = since + expectation.settle, since + expectation.within
    known = _between(role.series(reading), begin, end)
    expected = max(1, round((end - begin) / role.step))
    name = reading.about.words
    if len(known) < COMPLETE * expected:
        return OutcomeState.UNKNOWN, None, f"{name} was seen at {len(known)} of {expected} ticks: nothing is concluded"
    held = sum(_holds(value, expectation.comparison, expectation.limit) for value in known)
    mean = sum(known) / len(known)
    words = (
        f"{name} was {text(mean, reading.unit)} on average, promised {expectation.comparison} "
        f"{text(expectation.limit, reading.unit)}; it held at {held} of {len(known)} ticks"
    )
    return (OutcomeState.MET if held >= MOSTLY * len(known) else OutcomeState.MISSED), mean, words


def _between(series: Series, begin: datetime, end: datetime) -> list[float]:
    return [
        value
        for at, value in zip(series.at, series.values, strict=True)
        if begin <= at <= end and value is not None and isfinite(value)
    ]


def _holds(value: float, comparison: str, limit: float) -> bool:
    return value < limit if comparison == "<" else value > limit
