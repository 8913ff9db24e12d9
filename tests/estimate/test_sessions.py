"""What is usual, and what a token costs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.estimate.sessions import KEPT, LEAST, spread, token_prices, usual
from controlplane.model.money import Bucket, Money, RoleMoney, TokenKind
from controlplane.model.session import Toll
from tests.builders import NOON, PLANNER, a_spec
from tests.builders_of_sessions import WEIGHTS, WORKER, some_money

ONE, TWO = a_spec(PLANNER), a_spec(WORKER)
"""Two roles of one model."""


def test_too_few_sessions_make_nothing_usual() -> None:
    assert usual([Toll(100, 3)] * (LEAST - 1)) is None
    assert usual([Toll(100, 3)] * LEAST) is not None


def test_what_is_usual_is_the_middle_of_the_last_ones() -> None:
    found = usual([*(Toll(float(n), n) for n in range(KEPT)), *[Toll(1e9, 10**6)] * 500])
    assert found is not None
    assert (found.sessions, found.weighted, found.calls) == (KEPT, (KEPT - 1) / 2, (KEPT - 1) / 2)


def test_the_roles_of_a_model_share_its_price() -> None:
    money = some_money(planner=3.0, worker=1.0)
    assert token_prices(money, (ONE, TWO), WEIGHTS) == pytest.approx({PLANNER: 2e-6, WORKER: 2e-6})


def test_idle_gpus_are_paid_by_what_was_delivered_and_kinds_weigh_differently() -> None:
    part = RoleMoney(
        role=PLANNER,
        seconds=3600,
        dollars={Bucket.SERVING: 1.0, Bucket.IDLE: 2.0, Bucket.OTHER: 50.0},
        tokens={TokenKind.PROMPT: 100, TokenKind.CACHED: 1000, TokenKind.OUTPUT: 25},
    )
    money = Money(since=NOON - timedelta(hours=1), until=NOON, roles=(part,))
    assert token_prices(money, (ONE,), WEIGHTS)[PLANNER] == pytest.approx(3.0 / (100 + 100 + 100))


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(RoleMoney(role=PLANNER, seconds=0, tokens={TokenKind.PROMPT: 5}), id="no price of its GPUs"),
        pytest.param(RoleMoney(role=PLANNER, seconds=9, dollars={Bucket.IDLE: 1}), id="nothing delivered"),
        pytest.param(RoleMoney(role=None, seconds=9, dollars={Bucket.OTHER: 1}), id="nobody's"),
    ],
)
def test_an_unknown_price_is_not_guessed(part: RoleMoney) -> None:
    money = replace(some_money(), roles=(part,))
    assert token_prices(money, (ONE,), WEIGHTS) == {}


def test_half_a_bill_is_no_price() -> None:
    money = some_money(planner=3.0)
    unbilled = RoleMoney(role=WORKER, seconds=0, tokens={TokenKind.PROMPT: 1e6})
    assert token_prices(replace(money, roles=(*money.roles, unbilled)), (ONE, TWO), WEIGHTS) == {}


def test_the_spread_is_by_nearest_rank_whatever_the_order() -> None:
    found = spread([float(n) for n in range(200, 0, -1)])
    assert found is not None
    assert (found.sessions, found.p50, found.p99) == (200, 100.0, 198.0)


def test_of_too_few_there_is_no_spread() -> None:
    assert spread([1.0] * (LEAST - 1)) is None
    few = spread([1.0] * (LEAST - 1) + [9.0])
    assert few is not None
    assert (few.p50, few.p99) == (1.0, 9.0), "of few the highest"
