"""Messages stay within Slack's limits whatever they are made of, and say what a tired person needs."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.loop.news import News, Note, NoteKind, Waiting
from controlplane.model.change import ChangeState, OutcomeState
from controlplane.model.cycle import Stop
from controlplane.model.finding import Severity
from controlplane.model.keys import RoleName
from controlplane.model.recommendation import Approval, Kind
from controlplane.notify.blocks import fit
from controlplane.notify.digest import STORM, Bundle
from controlplane.notify.notes import Composer
from controlplane.notify.wording import worded
from tests.builders import NOON, a_change, a_change_record, a_finding, a_finding_record, a_recommendation, a_record
from tests.notify.fake_slack import complaints

compose = Composer(public_url="https://fleet.example")
nasty = st.text(max_size=5000) | st.sampled_from(
    [
        "<!channel>",
        "@channel @here",
        "&&&&" * 2000,
        "<" * 4000,
        "a|b>c",
        "\u202e\x00\x1b[31m",
        "x" * 9000,
        "",
        " \n " * 900,
    ]
)
notes = st.builds(
    Note,
    key=nasty,
    group=st.just("trouble:planner"),
    kind=st.sampled_from(NoteKind),
    at=st.just(NOON),
    headline=nasty,
    role=st.none() | nasty.map(RoleName),
    severity=st.sampled_from(Severity),
    lines=st.lists(nasty, max_size=6).map(tuple),
    facts=st.lists(st.tuples(nasty, nasty), max_size=14).map(tuple),
    link=st.sampled_from(["", "https://fleet.example/recommendations/abc"]),
)


def bundle(*said: Note, group: str = "trouble:planner") -> Bundle:
    return Bundle(group=group, waiting=tuple(Waiting(id=i, note=note) for i, note in enumerate(said)))


def text(*said: Note, group: str = "trouble:planner") -> str:
    return str(worded(bundle(*said, group=group)))


@settings(max_examples=150, deadline=None)
@given(said=st.lists(notes, min_size=1, max_size=60), group=st.sampled_from(["trouble:planner", STORM]))
def test_slack_would_take_every_message(said: list[Note], group: str) -> None:
    assert complaints(worded(bundle(*said, group=group))) == []


@given(nasty, st.integers(1, 400))
def test_cut_text_fits_and_is_cut_between_escapes(said: str, limit: int) -> None:
    cut = fit(said, limit)
    assert len(cut) <= limit
    whole = cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert not set(whole) & set("&<>")


def test_a_finding_and_what_to_do_about_it_are_one_message_with_link_and_money() -> None:
    opened = compose(News(at=NOON, opened=(a_finding_record(),), proposed=(a_record(),)))
    said = text(*opened)
    assert worded(bundle(*opened))["blocks"][0]["text"]["text"] == "🟠 planner: more than 5 requests wait per replica"
    assert (
        f"<https://fleet.example/recommendations/{a_recommendation().id}|→ Run at least 3 replicas of planner>" in said
    )
    assert "costs $5.00/h" in said
    assert "9 (limit &gt; 5)" in said
    assert "finding:queue-buildup:planner#1" in said


@pytest.mark.parametrize(
    ("news", "words"),
    [
        pytest.param(News(at=NOON, closed=(a_finding_record(closed=NOON),)), "Resolved", id="resolved"),
        pytest.param(News(at=NOON, changes=(a_change_record(),)), "Change applied", id="applied"),
        pytest.param(
            News(at=NOON, changes=(a_change_record(state=ChangeState.CONFLICT),)), "somebody else", id="conflict"
        ),
        pytest.param(News(at=NOON, changes=(a_change_record(state=ChangeState.DRY_RUN),)), "dry run", id="dry run"),
        pytest.param(
            News(at=NOON, changes=(a_change_record(a_change(a_recommendation(kind=Kind.UNDO))),)),
            "Undo applied",
            id="undo",
        ),
        pytest.param(
            News(at=NOON, outcomes=(a_change_record(outcome=OutcomeState.WORSE),)), "made things worse", id="worse"
        ),
        pytest.param(News(at=NOON, outcomes=(a_change_record(outcome=OutcomeState.MET),)), "It helped", id="met"),
        pytest.param(
            News(at=NOON, proposed=(a_record(a_recommendation(kind=Kind.UNDO)),)), "Take it back", id="undo proposed"
        ),
        pytest.param(
            News(at=NOON, half_approved=(replace(a_record(), first=Approval(by="anna", at=NOON)),)),
            "Approved by anna, one more person is needed: Run at least 3 replicas of planner",
            id="approved by the first of two",
        ),
        pytest.param(
            News(at=NOON, opened=(a_finding_record(a_finding("blind-spot", summary="no page answers")),)),
            "cannot be seen",
            id="blind",
        ),
        pytest.param(News(at=NOON, stopped=Stop(by="ada", at=NOON, reason="incident 7")), "incident 7", id="stopped"),
        pytest.param(News(at=NOON, resumed_by="ada"), "allowed again, by ada", id="resumed"),
    ],
)
def test_each_kind_of_news_has_its_words(news: News, words: str) -> None:
    (note,) = compose(news)
    assert words in text(note)
    assert complaints(worded(bundle(note))) == []


@pytest.mark.parametrize("state", [ChangeState.CONFLICT, ChangeState.REVERTED, ChangeState.DRY_RUN])
def test_of_what_was_not_made_or_was_changed_back_nothing_more_is_told(state: ChangeState) -> None:
    record = a_change_record(state=state, outcome=OutcomeState.UNKNOWN)
    assert compose(News(at=NOON, outcomes=(record,))) == ()


def test_a_change_that_somebody_took_back_is_a_warning() -> None:
    (note,) = compose(News(at=NOON, changes=(a_change_record(state=ChangeState.REVERTED),)))
    assert note.severity is Severity.WARNING and "changed back by somebody else" in note.headline


def test_without_a_public_address_there_are_no_links() -> None:
    (note,) = Composer()(News(at=NOON, proposed=(a_record(),)))
    assert "<http" not in text(note)
    assert "*→ Run at least 3 replicas of planner*" in text(note)


def test_words_from_outside_cannot_mention_or_link() -> None:
    evil = replace(a_finding(), summary="<!channel> <https://evil|click> @channel & co")
    (note,) = compose(News(at=NOON, opened=(a_finding_record(evil),)))
    said = text(note)
    assert "<!channel>" not in said
    assert "<https://evil" not in said
    assert "&lt;!channel&gt;" in said


def test_a_storm_is_one_message_that_counts_causes_and_names_the_first_thirty() -> None:
    opened = [compose(News(at=NOON, opened=(a_finding_record(a_finding(role=f"role-{i}")),)))[0] for i in range(44)]
    message = worded(bundle(*opened, group=STORM))
    assert message["blocks"][0]["text"]["text"] == "🔴 44 roles are in trouble at once"
    assert "queue-buildup: 44" in str(message)
    assert "and 14 more" in str(message)
    assert complaints(message) == []


def test_keys_are_stable_and_differ_by_opening() -> None:
    first, again = (compose(News(at=NOON, opened=(a_finding_record(),)))[0].key for _ in range(2))
    second = compose(News(at=NOON, opened=(a_finding_record(number=2),)))[0].key
    assert first == again != second
