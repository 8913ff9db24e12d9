"""What our changes have saved: only those whose expectation was met, and only while they stand."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from controlplane.model.change import NOTHING_DONE, ChangeRecord, OutcomeState
from controlplane.model.recommendation import Kind


def realised(changes: Iterable[ChangeRecord], now: datetime) -> Mapping[Kind, float]:
    """Dollars by kind of change: what it was to save, from its verdict until the same object was changed again.

    A change whose price was unknown, or that costs more than what it replaced, is not in here.
    """
    saved: dict[Kind, float] = {}
    superseded: dict[object, datetime] = {}
    for record in sorted(changes, key=lambda r: r.change.at, reverse=True):
        change, outcome = record.change, record.outcome
        ends = superseded.get(change.patch.target, now)
        if record.state not in NOTHING_DONE:
            superseded[change.patch.target] = change.at
        effect = change.recommendation.effect.dollars_per_hour
        if outcome is None or outcome.state is not OutcomeState.MET or effect is None or effect >= 0:
            continue
        hours = max(0.0, (ends - outcome.at).total_seconds() / 3600)
        saved[change.kind] = saved.get(change.kind, 0.0) - effect * hours
    return saved
