"""The wish for replicas: an autoscaler reads it while it is fresh and known, a person sees what it was made of."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.model.cycle import Recollection
from controlplane.model.desired import Binding, Desired, Need
from tests.api.conftest import House
from tests.api.test_probes import samples
from tests.builders import NOON, PLANNER, a_calm_role, a_cycle, a_fleet

WISH = Desired(
    role=PLANNER,
    replicas=5,
    binding=Binding.KV,
    needs=(Need(binding=Binding.KV, replicas=4.4, said="3.8 KV caches are in use"),),
    because="3.8 KV caches are in use",
)
NAME = "llm_fleet_desired_replicas"


def wished(house: House, wish: Desired) -> House:
    cycle = replace(a_cycle(fleet=a_fleet(a_calm_role())), desired={PLANNER: wish})
    house.ledger.keep(cycle, Recollection(), "{}")
    house.now = NOON + timedelta(seconds=5)
    return house


def test_an_autoscaler_reads_the_wish_of_the_last_tick_even_after_a_restart(empty_house: House):
    page = samples(wished(empty_house, WISH).client().get("/metrics").text)
    assert page[NAME] == {("llm", "planner"): 5.0}


@pytest.mark.parametrize(
    ("wish", "later"),
    [
        pytest.param(replace(WISH, replicas=None, binding=Binding.UNKNOWN), timedelta(seconds=5), id="unknown"),
        pytest.param(WISH, timedelta(seconds=61), id="old"),
    ],
)
def test_a_wish_that_is_unknown_or_old_is_absent(empty_house: House, wish: Desired, later: timedelta):
    house = wished(empty_house, wish)
    house.now = NOON + later
    assert not samples(house.client().get("/metrics").text).get(NAME)


def test_the_api_says_the_wish_with_its_reasons(empty_house: House):
    role = wished(empty_house, WISH).client().get("/api/v1/roles/planner").json()
    assert role["desired"] == {
        "replicas": 5,
        "binding": "kv",
        "because": "3.8 KV caches are in use",
        "needs": [{"binding": "kv", "replicas": 4.4, "said": "3.8 KV caches are in use"}],
    }


def test_a_tick_of_an_older_version_has_no_wish(house: House):
    assert house.client().get("/api/v1/roles/planner").json()["desired"] is None
