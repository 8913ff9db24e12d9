"""The page of a role says in one sentence what would have been done, and shows why it says so."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.model.recommendation import State
from controlplane.model.role import Bounds
from controlplane.model.shadow import InForce, Shadow, Shadowed, Word, stretch
from controlplane.web.views.shadow import FIRST, part, sentence
from tests.builders import (
    NOON,
    PLANNER,
    a_check,
    a_cycle,
    a_decision,
    a_finding_record,
    a_fleet,
    a_recommendation,
    a_record,
)
from tests.verify.afterwards import LOOKED
from tests.web.fakes import FakeLedger, a_desk

DAYS = timedelta(days=7)
LATER = NOON + timedelta(hours=1)


def shadowed(word=Word.NEEDED, **told):
    values = {
        "recommendation": a_recommendation(),
        "number": 1,
        "asked": 1,
        "state": State.EXPIRED,
        "opened": NOON,
        "due": NOON + timedelta(minutes=10),
        "word": word,
        "said": "so it was",
    }
    return Shadowed(**{**values, **told})


def a_shadow(*proposals, cut=False):
    return Shadow(role=PLANNER, since=NOON - DAYS, until=NOON, proposals=proposals, cut=cut)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "In the last 7 days nothing was proposed that was not carried out."),
        ([Word.NEEDED], "In the last 7 days 1 proposal was not carried out: 1 was needed."),
        (
            [Word.PASSED, Word.NEEDED, Word.SOMEBODY_DID, Word.NEEDED, Word.NEEDED],
            "In the last 7 days 5 proposals were not carried out: 3 were needed, 1 somebody did, 1 passed by itself.",
        ),
        (
            [Word.PASSED, Word.PASSED],
            "In the last 7 days 2 proposals were not carried out: 2 passed by themselves.",
        ),
        (
            [Word.NOT_KNOWN],
            "In the last 7 days 1 proposal was not carried out: of 1 it is too early to tell or not known.",
        ),
    ],
)
def test_one_sentence_says_it_all(words, said):
    assert sentence(a_shadow(*map(shadowed, words))) == said


def test_what_is_not_counted_is_said():
    assert sentence(a_shadow(shadowed(), cut=True)).endswith("; older ones than the newest 1 are not counted.")


def test_a_line_says_how_often_it_was_asked_and_why_it_was_not_done():
    told = shadowed(asked=3, number=4, state=State.DISMISSED, by="ada", reason="a test run")
    (line,) = part(a_shadow(told), NOON).first
    assert line.number == "#4, asked 3 times"
    assert line.not_done == "dismissed by ada: a test run"
    (line,) = part(a_shadow(replace(told, by=None, state=State.EXPIRED, reason="no longer proposed")), NOON).first
    assert line.not_done == "expired: no longer proposed"


def test_a_dry_run_is_not_called_applied():
    told = shadowed(state=State.APPLIED, reason="nothing was changed")
    (line,) = part(a_shadow(told), NOON).first
    assert line.not_done == "dry run: nothing was changed"


def test_a_dismissal_stays_in_sight_when_it_is_proposed_again():
    (line,) = part(a_shadow(shadowed(state=State.OPEN, by="ada", reason="a test run")), NOON).first
    assert line.not_done == "waiting for you; dismissed by ada: a test run"


def test_the_first_are_shown_and_the_rest_is_folded_away():
    shown = part(a_shadow(*[shadowed()] * (FIRST + 2)), NOON)
    assert (len(shown.first), len(shown.rest)) == (FIRST, 2)


@pytest.fixture
def ledger():
    """A queue an hour ago that is still there, and a name that somebody made up."""
    record = replace(a_record(a_recommendation(title="<b>Run 3</b>")), opened=NOON)
    return FakeLedger(
        cycle=a_cycle(a_fleet()),
        records=[record],
        finding_records=[a_finding_record()],
        bounds=[InForce(since=NOON - DAYS, bounds=Bounds(min=2, max=4))],
        looks={stretch(NOON + timedelta(minutes=10)): LOOKED},
    )


def test_the_page_of_a_role_shows_its_shadow(visit, ledger):
    page = visit(a_desk(ledger, now=LATER)).get("/roles/planner").text
    shown = page[page.index('id="shadow"') :]
    assert "1 proposal was not carried out: 1 was needed." in shown
    assert 'href="/api/v1/roles/planner/shadow"' in shown
    assert f'href="/recommendations/{ledger.records[0].recommendation.id}"' in shown
    assert "&lt;b&gt;Run 3&lt;/b&gt;" in shown and "<b>Run 3</b>" not in shown
    assert "was still so at 1 Jun 12:10 UTC" in shown


def test_the_learning_guardrail_leads_to_the_shadow(visit, ledger):
    check = a_check("learning", passed=False, number="2 d of 7 d")
    ledger.stored_decisions = [a_decision(ledger.records[0].recommendation, checks=(check, a_check()))]
    page = visit(a_desk(ledger, now=LATER)).get(f"/recommendations/{ledger.records[0].recommendation.id}").text
    assert page.count('href="/roles/planner#shadow"') == 1


def test_a_refresh_does_not_ask_for_it_again(visit, ledger):
    def witness(*_):
        raise AssertionError("asked at a refresh")

    ledger.witness = witness
    answer = visit(a_desk(ledger, now=LATER)).get("/roles/planner", headers={"HX-Request": "true", "HX-Target": "live"})
    assert answer.status_code == 200
    assert 'id="shadow"' not in answer.text
