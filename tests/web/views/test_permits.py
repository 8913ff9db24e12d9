"""What each may do, and what the others are told: what is missing, and whom to ask."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.model.person import LOCAL, May, Person
from controlplane.model.recommendation import Approval
from controlplane.web.views.permits import APPROVE, CHANGE, DISMISS, RESUME, STOP, signed_in, why_not, why_not_approve
from tests.builders import NOON, a_record

ANNA = Person(name="anna", may=May.APPROVE, known=True)
BOB = Person(name="bob", may=May.OPERATE, known=True)
CARL = Person(name="carl", may=May.ADMINISTER, known=True)
DORA = Person(name="dora", may=May.LOOK, known=True)
EVERYBODY = (ANNA, BOB, CARL, DORA)
SHARED = Person(name="whoever", may=May.ADMINISTER, known=False)


@pytest.mark.parametrize(
    ("person", "allowed"),
    [
        (DORA, []),
        (BOB, [CHANGE, DISMISS, STOP]),
        (ANNA, [CHANGE, DISMISS, STOP, APPROVE]),
        (CARL, [CHANGE, DISMISS, STOP, APPROVE, RESUME]),
        (SHARED, [CHANGE, DISMISS, STOP, APPROVE, RESUME]),
        (LOCAL, [CHANGE, DISMISS, STOP, APPROVE, RESUME]),
    ],
)
def test_each_level_adds_one_thing(person, allowed):
    acts = [CHANGE, DISMISS, STOP, APPROVE, RESUME]
    assert [act for act in acts if not why_not(person, act, EVERYBODY)] == allowed


def test_the_words_say_what_is_missing_and_whom_to_ask():
    assert why_not(BOB, APPROVE, EVERYBODY) == (
        "bob may operate; it takes approve to approve a recommendation: ask anna or carl"
    )
    assert why_not(BOB, RESUME, EVERYBODY).endswith("ask carl")
    assert why_not(BOB, RESUME, (BOB,)).endswith("ask whoever holds the token of serve.token_file")


def test_a_long_list_of_names_is_cut():
    many = tuple(replace(CARL, name=f"c{i}") for i in range(9))
    assert why_not(BOB, RESUME, many).endswith("ask c0, c1, c2, c3, c4 or 4 more")


HALF = replace(a_record(), first=Approval(by="anna", at=NOON))


@pytest.mark.parametrize(
    ("person", "needed", "record", "why"),
    [
        pytest.param(ANNA, 1, a_record(), "", id="one is enough"),
        pytest.param(SHARED, 1, a_record(), "", id="one is enough, whoever it is"),
        pytest.param(ANNA, 2, a_record(), "", id="the first"),
        pytest.param(CARL, 2, HALF, "", id="the second"),
        pytest.param(ANNA, 2, HALF, "the second must be another person: ask carl", id="the same one"),
        pytest.param(
            SHARED, 2, HALF, "2 people approve here, each with a token of their own: ask anna or carl", id="nobody"
        ),
        pytest.param(
            BOB, 2, HALF, "bob may operate; it takes approve to approve a recommendation: ask anna or carl", id="bob"
        ),
    ],
)
def test_whose_approval_would_count(person, needed, record, why):
    assert why_not_approve(person, EVERYBODY, needed, record, NOON) == why


def test_who_approved_first_may_again_when_that_grew_old():
    assert not why_not_approve(ANNA, EVERYBODY, 2, HALF, NOON + timedelta(minutes=16))


def test_a_name_on_trust_is_shown_without_what_it_may():
    assert (signed_in(BOB), signed_in(SHARED)) == ("bob, who may operate", "whoever")
