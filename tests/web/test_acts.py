"""What a person may do: each form changes exactly one thing, a link never does, a refusal says why."""

import pytest

from controlplane.model.recommendation import State
from tests.builders import a_cycle, a_record
from tests.web.fakes import FakeLedger, a_desk

RECORD = a_record()
ID = RECORD.recommendation.id


@pytest.fixture
def ledger():
    return FakeLedger(cycle=a_cycle(), records=[RECORD])


def test_approving_binds_to_the_version_seen_and_asks_for_a_tick(visit, ledger):
    client = visit(a_desk(ledger))
    assert f'action="/recommendations/{ID}/approve"' in client.get(f"/recommendations/{ID}").text
    answer = client.post(f"/recommendations/{ID}/approve", data={"version": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/recommendations/{ID}")
    assert ledger.said == [("approved", ID, "local", ""), ("nudge",)]
    page = client.get(f"/recommendations/{ID}").text
    assert "Approved by local at 12:00:06" in page
    assert "<form" not in page, "what is decided cannot be decided again"


def test_an_old_version_is_refused_with_the_reason_and_the_new_state(visit, ledger):
    answer = visit(a_desk(ledger)).post(f"/recommendations/{ID}/approve", data={"version": "7"})
    assert answer.status_code == 409
    assert "It has changed since you looked" in answer.text
    assert 'name="version" value="1"' in answer.text
    assert ledger.said == []


def test_dismissing_keeps_the_reason_on_one_line(visit, ledger):
    form = {"version": "1", "reason": "  not before\n the release "}
    answer = visit(a_desk(ledger)).post(f"/recommendations/{ID}/dismiss", data=form)
    assert answer.status_code == 303
    assert ledger.said == [("dismissed", ID, "local", "not before the release")]
    assert ledger.records[0].state is State.DISMISSED


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_dismissing_without_a_reason_is_refused(visit, ledger, reason):
    answer = visit(a_desk(ledger)).post(f"/recommendations/{ID}/dismiss", data={"version": "1", "reason": reason})
    assert answer.status_code == 422
    assert "the next person will ask" in answer.text
    assert ledger.said == []


def test_stopping_needs_a_reason_and_resuming_takes_it_back(visit, ledger):
    client = visit(a_desk(ledger))
    assert client.post("/stop", data={"reason": " "}).status_code == 422
    assert ledger.stop_now is None
    assert client.post("/stop", data={"reason": "bad rollout"}).headers["location"] == "/"
    assert "Resume changes" in client.get("/stop").text
    assert client.post("/resume").status_code == 303
    assert ledger.stop_now is None
    assert [what for what, *_ in ledger.said] == ["stop", "resume", "nudge"]


@pytest.mark.parametrize("path", [f"/recommendations/{ID}/approve", f"/recommendations/{ID}/dismiss", "/resume"])
def test_a_link_changes_nothing(visit, ledger, path):
    assert visit(a_desk(ledger)).get(path).status_code in {404, 405}
    assert ledger.said == []


@pytest.mark.parametrize("version", ["", "one", "1e9", None])
def test_a_broken_form_is_a_page_that_says_what_could_not_be_read(visit, ledger, version):
    form = {} if version is None else {"version": version}
    answer = visit(a_desk(ledger)).post(f"/recommendations/{ID}/approve", data=form)
    assert answer.status_code == 422
    assert "That could not be read" in answer.text
    assert ledger.said == []


@pytest.mark.parametrize("path", ["/roles/nope", "/recommendations/nope", "/nowhere"])
def test_what_is_not_there_is_a_page(visit, ledger, path):
    answer = visit(a_desk(ledger)).get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "Back to the fleet" in answer.text


def test_programs_get_problem_details_instead(visit, ledger):
    answer = visit(a_desk(ledger)).get("/api/v1/nowhere")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404


def test_a_ledger_that_does_not_answer_is_said_without_asking_it_again(visit, ledger):
    ledger.broken = True
    answer = visit(a_desk(ledger, roles=())).get("/")
    assert answer.status_code == 503
    assert "The ledger does not answer" in answer.text
    assert "disk I/O error" in answer.text


def test_our_own_fault_shows_no_details(visit, ledger):
    desk = a_desk(ledger)
    ledger.cycle = "not a cycle"
    answer = visit(desk).get("/health")
    assert answer.status_code == 500
    assert "not a cycle" not in answer.text
    assert "That went wrong on our side" in answer.text
