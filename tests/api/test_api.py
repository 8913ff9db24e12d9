"""The API tells what the ledger holds, and lets a person do exactly what they saw."""

from datetime import timedelta

import pytest

from controlplane.model.reading import Reading
from tests.builders import NOON, a_recommendation

ID = a_recommendation().id


def test_the_fleet_says_its_age_its_money_and_that_nothing_is_stopped(house):
    said = house.client().get("/api/v1/fleet").json()
    assert said["name"] == "agents-test"
    assert said["age_seconds"] == 5
    assert said["dollars_per_hour"] == 10.0
    assert said["budget_dollars_per_hour"] == 25.0
    assert said["stop"] == {"on": False, "by": None, "at": None, "reason": None}


def test_an_unknown_reading_is_null_and_never_zero(house):
    role = house.client().get("/api/v1/roles/planner").json()
    assert role["readings"]["ttft_p95"] is None
    assert role["readings"]["waiting_per_replica"] == 9.0
    assert set(role["readings"]) == {r.value for r in Reading}


def test_before_the_first_tick_there_is_no_role_and_no_age(empty_house):
    client = empty_house.client()
    assert client.get("/api/v1/roles").json() == []
    assert client.get("/api/v1/fleet").json()["age_seconds"] is None
    answer = client.get("/api/v1/roles/planner")
    assert answer.status_code == 404
    assert "first tick" in answer.json()["detail"]


def test_readings_over_time_keep_their_unit_and_step(house):
    answer = house.client().get(
        "/api/v1/readings", params={"role": "planner", "reading": ["waiting_per_replica", "ttft_p95"]}
    )
    waiting, ttft = answer.json()
    assert waiting["unit"] == "count"
    assert waiting["values"][-1] == 9.0
    assert ttft["values"][-1] is None
    assert len(waiting["at"]) == len(waiting["values"])


@pytest.mark.parametrize(
    ("params", "status", "word"),
    [
        pytest.param({"role": "nobody", "reading": "waiting"}, 404, "no role 'nobody'", id="unknown role"),
        pytest.param({"role": "planner", "reading": "nonsense"}, 422, "", id="unknown reading"),
        pytest.param(
            {"role": "planner", "reading": "waiting", "since": "2026-06-01T11:00:00"}, 409, "time zone", id="naive time"
        ),
        pytest.param(
            {"role": "planner", "reading": "waiting", "since": "2027-06-01T11:00:00Z"},
            409,
            "before",
            id="ends before it begins",
        ),
        pytest.param({"role": "planner", "reading": "waiting", "points": 10**9}, 422, "", id="too many points"),
    ],
)
def test_a_wrong_question_gets_a_clear_refusal(house, params, status, word):
    answer = house.client().get("/api/v1/readings", params=params)
    assert answer.status_code == status
    assert word in answer.text


def test_findings_recommendations_and_decisions_are_there_with_their_evidence(house):
    client = house.client()
    (finding,) = client.get("/api/v1/findings", params={"open_only": True}).json()
    assert finding["id"] == "queue-buildup:planner"
    assert finding["evidence"][0]["query"]
    (recommendation,) = client.get("/api/v1/recommendations", params={"state": "open"}).json()
    assert recommendation["id"] == ID
    assert recommendation["undo"]["fields"] == [{"path": "/spec/minReplicaCount", "before": 3, "after": 2}]
    (decision,) = client.get("/api/v1/decisions", params={"recommendation": ID}).json()
    assert decision["verdict"] == "ask"
    assert client.get(f"/api/v1/decisions/{decision['id']}").json() == decision


def test_approving_what_was_seen_marks_it_and_asks_for_a_tick_soon(house):
    client = house.client()
    version = client.get(f"/api/v1/recommendations/{ID}").json()["version"]
    answer = client.post(f"/api/v1/recommendations/{ID}/approve", json={"version": version})
    assert answer.status_code == 200
    assert answer.json()["state"] == "approved"
    assert answer.json()["by"] == "local"
    assert house.nudged == 1


def test_of_two_approvals_of_the_same_version_one_wins(house):
    client = house.client()
    version = client.get(f"/api/v1/recommendations/{ID}").json()["version"]
    first, second = (client.post(f"/api/v1/recommendations/{ID}/approve", json={"version": version}) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 409)
    assert house.nudged == 1


def test_what_nobody_saw_cannot_be_approved(house):
    answer = house.client().post(f"/api/v1/recommendations/{ID}/approve", json={"version": 99})
    assert answer.status_code == 409


def test_an_approval_that_comes_too_late_is_refused(house):
    version = house.client().get(f"/api/v1/recommendations/{ID}").json()["version"]
    house.now = NOON + timedelta(hours=2)
    answer = house.client().post(f"/api/v1/recommendations/{ID}/approve", json={"version": version})
    assert answer.status_code == 409


def test_a_dismissal_needs_a_reason_and_keeps_it(house):
    client = house.client()
    version = client.get(f"/api/v1/recommendations/{ID}").json()["version"]
    assert (
        client.post(f"/api/v1/recommendations/{ID}/dismiss", json={"version": version, "reason": ""}).status_code == 422
    )
    answer = client.post(f"/api/v1/recommendations/{ID}/dismiss", json={"version": version, "reason": "known test"})
    assert answer.json()["state"] == "dismissed"
    assert answer.json()["reason"] == "known test"


def test_the_kill_switch_needs_a_reason_to_be_pulled_and_none_to_be_released(house):
    client = house.client()
    assert client.post("/api/v1/stop", json={"on": True}).status_code == 409
    pulled = client.post("/api/v1/stop", json={"on": True, "reason": "incident 12"}).json()
    assert (pulled["on"], pulled["by"], pulled["reason"]) == (True, "local", "incident 12")
    assert client.post("/api/v1/stop", json={"on": False}).json()["on"] is False


@pytest.mark.parametrize("path", ["recommendations/none", "decisions/none", "changes/none", "roles/none"])
def test_what_is_not_there_is_a_404_that_names_it(house, path):
    answer = house.client().get(f"/api/v1/{path}")
    assert answer.status_code == 404
    assert "none" in answer.text


def test_the_api_describes_itself(house):
    paths = house.client().get("/openapi.json").json()["paths"]
    for name in (
        "fleet",
        "roles",
        "readings",
        "findings",
        "recommendations",
        "decisions",
        "changes",
        "outcomes",
        "stop",
    ):
        assert f"/api/v1/{name}" in paths
    assert "/healthz" not in paths
