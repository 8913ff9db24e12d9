"""Charts from the ledger: the finest resolution that fits, gaps as gaps, and what is thrown away when."""

from datetime import timedelta

import pytest

from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading
from controlplane.store.ledger import Ledger, open_ledger
from controlplane.store.retention import Retention
from tests import builders
from tests.builders import NOON, a_cycle, a_finding, a_fleet, a_recommendation, a_role
from tests.store.steps import POLICY, at, keep, tick

PLANNER = RoleName("planner")
HOUR = timedelta(hours=1)
WAITING = (Reading.WAITING,)


def run(ledger: Ledger, start: int, count: int, step: int = 1) -> None:
    """Ticks on which the waiting requests are the number of the tick; every tenth does not know."""
    for number in range(start, start + count * step, step):
        value = None if number % 10 == 9 else float(number)
        fleet = a_fleet(a_role(at=at(number), waiting=builders.ticking(0.0, value)))
        ledger.keep(a_cycle(fleet), builders.a_recollection(), POLICY)


def test_a_short_stretch_shows_every_tick_with_its_unknowns(ledger: Ledger) -> None:
    run(ledger, 0, 20)
    past = ledger.history(PLANNER, WAITING, at(5), at(14))
    assert past.step == timedelta(seconds=15)
    assert past.at == tuple(at(n) for n in range(5, 15))
    assert past.columns[Reading.WAITING] == (5.0, 6.0, 7.0, 8.0, None, 10.0, 11.0, 12.0, 13.0, 14.0)


def test_a_reading_that_was_never_known_is_a_column_of_unknowns(ledger: Ledger) -> None:
    run(ledger, 0, 3)
    past = ledger.history(PLANNER, (Reading.TTFT_P95,), at(0), at(2))
    assert past.columns[Reading.TTFT_P95] == (None, None, None)


def test_a_role_nobody_knows_has_no_past(ledger: Ledger) -> None:
    past = ledger.history(RoleName("ghost"), WAITING, at(0), at(10))
    assert (past.at, past.columns[Reading.WAITING]) == ((), ())


def test_a_stretch_without_ticks_is_drawn_as_a_gap(ledger: Ledger) -> None:
    run(ledger, 0, 3)
    run(ledger, 50, 2)
    past = ledger.history(PLANNER, WAITING, at(0), at(60))
    assert past.at == (at(0), at(1), at(2), at(3), at(50), at(51))
    assert past.columns[Reading.WAITING] == (0.0, 1.0, 2.0, None, 50.0, 51.0)


def test_one_missed_tick_is_no_gap(ledger: Ledger) -> None:
    run(ledger, 0, 2)
    run(ledger, 3, 2)
    assert len(ledger.history(PLANNER, WAITING, at(0), at(10)).at) == 4


@pytest.mark.parametrize("rolled", [True, False], ids=["rolled up", "not rolled up yet"])
def test_a_longer_stretch_shows_means_of_the_known_values(ledger: Ledger, rolled: bool) -> None:
    run(ledger, 0, 60)
    if rolled:
        ledger.rollup(at(60))
    past = ledger.history(PLANNER, WAITING, at(0), at(60), points=3)
    assert past.step == timedelta(minutes=5)
    assert past.at == (at(0), at(20), at(40))
    known = [n for n in range(20) if n % 10 != 9]
    assert past.columns[Reading.WAITING][0] == pytest.approx(sum(known) / len(known))


def test_the_newest_stretch_is_there_before_it_is_rolled_up(ledger: Ledger) -> None:
    run(ledger, 0, 30)
    ledger.rollup(at(30))
    past = ledger.history(PLANNER, WAITING, at(0), at(30), points=2)
    assert past.at == (at(0), at(20))
    assert past.columns[Reading.WAITING][1] == pytest.approx(sum(n for n in range(20, 30) if n != 29) / 9)


def test_hours_weigh_each_five_minutes_by_what_was_known(ledger: Ledger) -> None:
    run(ledger, 0, 4, step=1)
    run(ledger, 100, 1)
    ledger.rollup(NOON + 2 * HOUR)
    past = ledger.history(PLANNER, WAITING, NOON, NOON + 10 * HOUR, points=10)
    assert past.step == HOUR
    assert past.columns[Reading.WAITING] == (pytest.approx((0 + 1 + 2 + 3 + 100) / 5),)


def test_a_year_needs_no_more_points_than_asked_for(ledger: Ledger) -> None:
    for day in range(5):
        run(ledger, day * 24 * 240, 2, step=240)
    ledger.rollup(NOON + timedelta(days=6))
    past = ledger.history(PLANNER, WAITING, NOON, NOON + timedelta(days=400), points=100)
    assert past.step == timedelta(hours=96)
    assert len(past.at) <= 3


def test_rolling_up_twice_changes_nothing(ledger: Ledger) -> None:
    run(ledger, 0, 45)
    assert ledger.rollup(at(45)) == 2
    assert ledger.rollup(at(45)) == 0
    run(ledger, 45, 20)
    assert ledger.rollup(at(65)) == 1


def test_what_is_past_its_time_goes_and_the_rest_stays(url: str) -> None:
    ledger = open_ledger(url, retention=Retention(ticks=HOUR, fine=2 * HOUR, cycles=2 * HOUR))
    try:
        ledger.keep(tick(0, findings=(a_finding(),), proposals=[a_recommendation()]), builders.a_recollection(), POLICY)
        run(ledger, 1, 50)
        run(ledger, 20 * 60, 4)
        now = at(20 * 60 + 3)
        decision = ledger.decisions()[0].id
        assert ledger.kept(decision) is not None

        ledger.rollup(now)
        assert ledger.prune(now) > 50
        assert ledger.prune(now) == 0

        assert ledger.history(PLANNER, WAITING, at(0), at(60)).step == HOUR
        assert len(ledger.history(PLANNER, WAITING, at(0), now, points=1000).at) >= 2
        assert ledger.history(PLANNER, WAITING, at(20 * 60), now).columns[Reading.WAITING] == (
            1200.0,
            1201.0,
            1202.0,
            1203.0,
        )
        assert ledger.kept(decision) is None
        assert len(ledger.findings()) == len(ledger.recommendations()) == len(ledger.decisions()) == 1
    finally:
        ledger.close()


def test_what_decisions_were_made_from_is_bounded_in_bytes_too_the_newest_stay(url: str) -> None:
    ledger = open_ledger(url, retention=Retention(inputs_bytes=20_000))
    try:
        for number in range(40):
            keep(ledger, tick(number, proposals=[a_recommendation(f"role-{number}")]))
        oldest_first = ledger.decisions()[::-1]
        ledger.prune(at(40))
        left = [ledger.kept(d.id) is not None for d in oldest_first]
        assert 0 < sum(left) < 40
        assert left == sorted(left)
        assert ledger.prune(at(40)) == 0
    finally:
        ledger.close()


def test_ticks_that_are_not_rolled_up_yet_are_never_thrown_away(url: str) -> None:
    ledger = open_ledger(url, retention=Retention(ticks=HOUR))
    try:
        run(ledger, 0, 20)
        ledger.rollup(at(5))
        ledger.keep(tick(24 * 240), builders.a_recollection(), POLICY)
        assert ledger.rollup(at(24 * 240)) > 0
        ledger.prune(at(24 * 240))
        past = ledger.history(PLANNER, WAITING, NOON, at(24 * 240), points=30)
        assert past.columns[Reading.WAITING][0] == pytest.approx(sum(n for n in range(20) if n % 10 != 9) / 18)
    finally:
        ledger.close()


def test_a_long_open_finding_survives_its_age(url: str) -> None:
    ledger = open_ledger(url, retention=Retention(rollups=HOUR))
    try:
        keep(ledger, tick(0, findings=(a_finding(),)))
        ledger.prune(at(24 * 240))
        assert len(ledger.findings(open_only=True)) == 1
    finally:
        ledger.close()
