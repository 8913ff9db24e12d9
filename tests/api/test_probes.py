"""Alive means our loops move; ready means the fleet has been looked at; what is old is not repeated on /metrics."""

from dataclasses import replace
from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from controlplane.loop.desk import Health, Lead
from controlplane.model.change import Bound, ChangeState
from controlplane.model.right import Right
from controlplane.promql.exported import EXPORTED
from tests.builders import NOON, a_change, a_receipt, a_recommendation

BOUND = Bound(uid="u", generation=1)
"""Tied to an object: it was rehearsed."""


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name + ("_total" if family.type == "counter" else ""): {
            tuple(value for _, value in sorted(s.labels.items())): s.value
            for s in family.samples
            if not s.name.endswith("_created")
        }
        for family in text_string_to_metric_families(text)
    }


def test_a_fleet_nobody_has_looked_at_is_alive_but_not_ready(empty_house):
    empty_house.health = Health(last_success={}, started=NOON)
    assert empty_house.client().get("/healthz").status_code == 200
    answer = empty_house.client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["why"] == "no tick yet"


def test_ready_after_the_first_tick_and_not_when_it_is_old(house):
    assert house.client().get("/readyz").json() == {"ok": True, "why": None}
    house.now = NOON + timedelta(minutes=3)
    assert house.client().get("/readyz").status_code == 503


def test_a_loop_that_has_stopped_moving_asks_to_be_restarted_and_says_its_error(house):
    house.now = NOON + timedelta(minutes=6)
    house.health = Health(last_success={"tick": NOON}, errors={"tick": "StoreError: disk full"})
    answer = house.client().get("/healthz")
    assert answer.status_code == 503
    assert "disk full" in answer.json()["why"]


def test_our_own_page_holds_only_names_that_generated_rules_may_use(house):
    names = {n for n in samples(house.client().get("/metrics").text) if n.startswith("llm_fleet_")}
    assert names <= {name for e in EXPORTED for name in e.series}
    assert {"llm_fleet_role_dollars_per_hour", "llm_fleet_pod_info", "llm_fleet_findings"} <= names


def test_our_own_page_says_what_the_last_tick_saw(house):
    page = samples(house.client().get("/metrics").text)
    assert page["llm_fleet_role_dollars_per_hour"] == {("meta-llama/Llama-3.3-70B-Instruct", "llm", "planner"): 10.0}
    assert page["llm_fleet_findings"] == {("queue-buildup", "planner", "warning"): 1.0}
    readings = page["llm_fleet_role_reading"]
    assert readings["llm", "waiting_per_replica", "planner", "count"] == 9.0
    assert not [key for key in readings if "ttft_p95" in key], "unknown is absent"


def test_what_is_old_is_absent_and_what_is_kept_stays(house):
    house.now = NOON + timedelta(minutes=2)
    page = samples(house.client().get("/metrics").text)
    assert not page.get("llm_fleet_role_reading")
    assert not page.get("llm_fleet_pod_info")
    assert page["llm_fleet_recommendations"] == {("raise-replicas", "open"): 1.0}


def test_our_own_page_says_what_pods_hold_and_what_that_costs(house):
    page = samples(house.client().get("/metrics").text)
    assert page["llm_fleet_pod_gpus"] == {("llm", "gpu-0", "planner-0"): 2.0, ("llm", "gpu-1", "planner-1"): 2.0}
    assert {key[0] for key in page["llm_fleet_pod_info"]} == {"meta-llama/Llama-3.3-70B-Instruct"}
    assert {key[3] for key in page["llm_fleet_pod_info"]} == {"both"}
    assert not page["llm_fleet_engine_kv_capacity_tokens"], "an engine that does not say it has none"
    assert page["llm_fleet_actions_total"] == {("undo", "llm", "rolled_back"): 0.0}


def test_a_right_that_is_missing_is_a_gauge_and_stands_in_the_api_until_a_change_is_let_through(house):
    right = Right(verb="patch", group="keda.sh", resource="scaledobjects", namespace="llm", name="planner")
    change = a_change(a_recommendation("planner"), by=None)
    assert house.ledger.intend(change)
    refusal = replace(a_receipt(change, ChangeState.REFUSED, "we may not"), lacks=right)
    house.ledger.settle(refusal)
    page = samples(house.client().get("/metrics").text)
    assert page["llm_fleet_missing_right"] == {("planner", "llm", "scaledobjects", "patch"): 1.0}
    (told,) = house.client().get("/api/v1/health").json()["missing_rights"]
    assert {key: told[key] for key in ("verb", "group", "resource", "namespace", "name")} == {
        "verb": "patch",
        "group": "keda.sh",
        "resource": "scaledobjects",
        "namespace": "llm",
        "name": "planner",
    }
    assert (told["said"], told["times"]) == ("we may not", 1)

    later = replace(a_change(a_recommendation("planner"), at=NOON + timedelta(minutes=1), by=None), bound=BOUND)
    assert house.ledger.intend(later)
    house.ledger.settle(a_receipt(later))
    house.now = NOON + timedelta(minutes=2)
    assert not samples(house.client().get("/metrics").text).get("llm_fleet_missing_right")
    assert house.client().get("/api/v1/health").json()["missing_rights"] == []


def test_the_api_says_how_the_service_itself_is(house):
    told = house.client().get("/api/v1/health").json()
    assert told["lead"] is None, "over a file there can be only one"
    assert told["loops"] == [{"name": "tick", "last_success": "2026-06-01T12:00:00Z", "error": None}]
    house.health = Health(last_success={}, errors={"tick": "disk full"}, lead=Lead(here=False, fence=3, holder="b:1"))
    told = house.client().get("/api/v1/health").json()
    assert told["lead"] == {"here": False, "fence": 3, "holder": "b:1", "since": None}
    assert told["loops"] == [{"name": "tick", "last_success": None, "error": "disk full"}]
