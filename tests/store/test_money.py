"""Each tick adds its interval at its own prices; what nobody saw is unaccounted for, never free."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.model.cycle import Cycle
from controlplane.model.money import Bill, Bucket, Charge, Delivery, TokenKind
from controlplane.store.ledger import Ledger
from tests.builders import NOON, PLANNER, STEP
from tests.store.steps import keep, tick

HOUR = timedelta(hours=1)


def billed(number: int, serving: float | None = 3.6, idle: float = 1.8, tokens: float = 100.0) -> Cycle:
    """A tick in which the planner costs this many dollars an hour; ``None``: its spend is unknown."""
    cycle = tick(number)
    charges = (
        Charge(role=PLANNER, bucket=Bucket.SERVING, dollars_per_hour=serving or 0.0),
        Charge(role=PLANNER, bucket=Bucket.IDLE, dollars_per_hour=idle),
    )
    bill = Bill(
        charges=(*(charges if serving is not None else ()), Charge(role=None, bucket=Bucket.OTHER, dollars_per_hour=1)),
        deliveries=(Delivery(role=PLANNER, kind=TokenKind.OUTPUT, tokens_per_second=tokens),),
    )
    return replace(cycle, fleet=replace(cycle.fleet, bill=bill))


def test_a_tick_adds_the_time_since_the_one_before_at_its_own_rates(ledger: Ledger) -> None:
    for number, price in enumerate((100.0, 3.6, 7.2)):  # nothing is billed before the first tick
        keep(ledger, billed(number, serving=price, idle=0.0))
    nobody, planner = ledger.money(NOON, NOON + HOUR).roles
    step = STEP.total_seconds()
    assert planner.dollars == {Bucket.SERVING: pytest.approx((3.6 + 7.2) / 3600 * step), Bucket.IDLE: 0.0}
    assert planner.tokens == {TokenKind.OUTPUT: pytest.approx(100 * 2 * step)}
    assert (nobody.role, nobody.total) == (None, pytest.approx(2 * step / 3600))


def test_a_new_price_leaves_old_hours_as_they_were(ledger: Ledger) -> None:
    keep(ledger, billed(0))
    keep(ledger, billed(1, serving=3.6))
    before = ledger.money(NOON, NOON + HOUR).roles[1]
    for number in (245, 246, 247):  # an hour later, at ten times the price
        keep(ledger, billed(number, serving=36.0))
    assert ledger.money(NOON, NOON + HOUR).roles[1].dollars == before.dollars
    assert ledger.money(NOON, NOON + 2 * HOUR).total > 10 * before.total


def test_time_in_which_nobody_looked_is_not_billed_but_unaccounted_for(ledger: Ledger) -> None:
    keep(ledger, billed(0))
    keep(ledger, billed(1))
    keep(ledger, billed(41))  # ten minutes later
    keep(ledger, billed(42, serving=None))
    money = ledger.money(NOON, NOON + HOUR)
    planner = money.roles[1]
    known = (1 + 2.5) * STEP.total_seconds()
    assert planner.role == PLANNER
    assert planner.seconds == pytest.approx(known)
    assert money.unaccounted_seconds(planner) == pytest.approx(42 * STEP.total_seconds() - known)
    assert planner.total == pytest.approx(5.4 / 3600 * known)


def test_an_interval_over_the_hour_is_divided(ledger: Ledger) -> None:
    first = 239  # 15 s before one o'clock
    late = replace(billed(241), at=NOON + HOUR + timedelta(seconds=10))
    keep(ledger, billed(first))
    keep(ledger, late)
    before, after = (ledger.money(NOON + i * HOUR, NOON + (i + 1) * HOUR).roles[1] for i in (0, 1))
    assert (before.seconds, after.seconds) == (pytest.approx(15), pytest.approx(10))


def test_a_tick_that_was_stored_before_or_lies_in_the_past_adds_nothing(ledger: Ledger) -> None:
    for number in (0, 2, 2, 1):
        keep(ledger, billed(number))
    assert ledger.money(NOON, NOON + HOUR).roles[1].seconds == pytest.approx(2 * STEP.total_seconds())


def test_money_that_is_past_its_time_goes(ledger: Ledger) -> None:
    keep(ledger, billed(0))
    keep(ledger, billed(1))
    ledger.prune(NOON + timedelta(days=500))
    assert ledger.money(NOON, NOON + HOUR).roles == ()
