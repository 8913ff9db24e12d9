"""Ticks for tests of the ledger: a fleet that is the same at every tick, and what was seen and proposed then."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from controlplane.model.cycle import Cycle
from controlplane.model.decision import Decision
from controlplane.model.recommendation import Recommendation
from controlplane.store.ledger import Ledger
from tests import builders
from tests.builders import NOON, STEP, a_cycle, a_decision, a_fleet, a_role

POLICY = '{"fleet":"agents-test"}'


def at(number: int) -> datetime:
    """The instant of a tick."""
    return NOON + number * STEP


def tick(number: int = 0, *, proposals: Sequence[Recommendation | Decision] = (), **happened: object) -> Cycle:
    """One tick, 15 s after the one before."""
    now = at(number)
    decisions = tuple(p if isinstance(p, Decision) else a_decision(p, at=now) for p in proposals)
    fleet = a_fleet(a_role(at=now, waiting=builders.ticking(1.0, float(number))))
    return a_cycle(fleet, decisions=decisions, **happened)  # type: ignore[arg-type]


def keep(ledger: Ledger, cycle: Cycle) -> Cycle:
    """Recall and keep, as the walk does."""
    ledger.keep(cycle, ledger.recall(cycle.at), POLICY)
    return cycle


def minutes(count: float) -> timedelta:
    """A span."""
    return timedelta(minutes=count)
