"""``/api/v1/roles/{role}/shadow``: what would have been done, with its word, and nothing about roles that are not."""

from datetime import timedelta

from tests.builders import NOON

PATH = "/api/v1/roles/planner/shadow"


def test_right_after_the_proposal_it_is_too_early(house):
    said = house.client().get(PATH).json()
    assert said["role"] == "planner"
    assert said["tally"] == {"somebody_did_it": 0, "needed": 0, "passed_by_itself": 0, "not_known": 1}
    (proposal,) = said["proposals"]
    assert (proposal["word"], proposal["state"], proposal["number"], proposal["asked"]) == ("not-known", "open", 1, 1)
    assert proposal["said"].startswith("too early")
    assert proposal["opened"] == "2026-06-01T12:00:00Z" and proposal["due"] == "2026-06-01T12:10:00Z"
    assert house.client().get(f"/api/v1/recommendations/{proposal['recommendation']}").status_code == 200


def test_a_queue_that_nobody_sees_the_end_of_is_not_known(house):
    house.now = NOON + timedelta(minutes=16)
    (proposal,) = house.client().get(PATH).json()["proposals"]
    assert proposal["word"] == "not-known" and "nobody looked" in proposal["said"]


def test_a_dismissal_says_who_and_why(house):
    (record,) = house.ledger.recommendations()
    house.ledger.dismiss(record.recommendation.id, record.version, "ada", "a test run", NOON)
    (proposal,) = house.client().get(PATH).json()["proposals"]
    assert (proposal["state"], proposal["by"], proposal["reason"]) == ("dismissed", "ada", "a test run")


def test_after_a_week_there_is_nothing(house):
    house.now = NOON + timedelta(days=8)
    said = house.client().get(PATH).json()
    assert said["proposals"] == [] and said["cut"] is False
    assert (said["since"], said["until"]) == ("2026-06-02T12:00:00Z", "2026-06-09T12:00:00Z")


def test_a_role_that_is_not_in_the_fleet_is_not_found(house):
    answer = house.client().get("/api/v1/roles/ghost/shadow")
    assert answer.status_code == 404
    assert "planner" in answer.json()["detail"]


def test_the_words_are_described_in_the_openapi_document(house):
    schemas = house.client().get("/openapi.json").json()["components"]["schemas"]
    assert schemas["Word"]["enum"] == ["somebody-did-it", "needed", "passed-by-itself", "not-known"]
    word = schemas["ShadowedOut"]["properties"]["word"]["description"]
    assert all(value in word for value in schemas["Word"]["enum"])
