"""``/api/v1/money`` adds up, and says for how long it does not know."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.model.cycle import Recollection
from controlplane.model.money import Bill, Bucket, Charge, Delivery, TokenKind
from tests.builders import NOON, PLANNER, STEP, a_calm_role, a_cycle, a_fleet

BILL = Bill(
    charges=(
        Charge(role=PLANNER, bucket=Bucket.SERVING, dollars_per_hour=7.0),
        Charge(role=PLANNER, bucket=Bucket.IDLE, dollars_per_hour=3.0),
        Charge(role=None, bucket=Bucket.UNALLOCATED, dollars_per_hour=2.0),
    ),
    deliveries=(Delivery(role=PLANNER, kind=TokenKind.OUTPUT, tokens_per_second=1000.0),),
)


def test_the_parts_add_up_to_the_total(house):
    fleet = replace(a_fleet(a_calm_role()), at=NOON + STEP, bill=BILL)
    house.ledger.keep(replace(a_cycle(fleet), at=NOON + STEP), Recollection(), "{}")
    said = house.client().get("/api/v1/money", params={"since": "2026-06-01T12:00:00Z"}).json()
    hours = STEP / timedelta(hours=1)
    assert said["dollars"] == pytest.approx(12 * hours)
    assert sum(said["buckets"].values()) == pytest.approx(said["dollars"])
    assert sum(role["dollars"] for role in said["roles"]) == pytest.approx(said["dollars"])
    nobody, planner = said["roles"]
    assert nobody["role"] is None and nobody["dollars_per_million_tokens"] is None
    assert planner["dollars_per_million_tokens"] == pytest.approx(10 / 3600 / 1000 * 1e6)
    assert planner["unaccounted_seconds"] == 0


def test_before_the_first_tick_there_is_no_money(empty_house):
    assert empty_house.client().get("/api/v1/money").json()["roles"] == []


@pytest.mark.parametrize("span", [{"since": "2026-06-01T12:00:00"}, {"since": "2027-06-01T12:00:00Z"}])
def test_a_span_that_is_none_is_refused(house, span):
    assert house.client().get("/api/v1/money", params=span).status_code == 409
