"""When notes are told and which together."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from controlplane.loop.news import Note, NoteKind, Waiting
from controlplane.model.finding import Severity
from controlplane.notify.digest import STORM, Grouping, Plan, plan
from tests.builders import NOON

GROUPING = Grouping(wait=timedelta(seconds=30), window=timedelta(minutes=5), storm=3, ttl=timedelta(hours=4))
LATER = NOON + timedelta(seconds=30)


def note(
    key: str, role: str = "planner", kind: NoteKind = NoteKind.OPENED, *, ends: str = "", at: datetime = NOON
) -> Note:
    return Note(key=key, group=f"trouble:{role}", kind=kind, at=at, headline=key, ends=ends, severity=Severity.WARNING)


def waits(*notes: Note, attempts: int = 0) -> list[Waiting]:
    return [Waiting(id=i, note=n, attempts=attempts) for i, n in enumerate(notes)]


def told(result: Plan) -> list[tuple[str, list[str]]]:
    return [(b.group, [n.key for n in b.notes]) for b in result.bundles]


def planned(waiting: list[Waiting], now: datetime = LATER, spoke: Mapping[str, datetime] | None = None) -> Plan:
    return plan(waiting, spoke or {}, GROUPING, now)


def test_notes_of_one_role_wait_for_company_and_are_told_together() -> None:
    waiting = waits(
        note("a"), note("b", at=NOON + timedelta(seconds=20)), note("c", "worker", at=NOON + timedelta(seconds=20))
    )
    assert told(planned(waiting, NOON + timedelta(seconds=29))) == []
    assert told(planned(waiting)) == [("trouble:planner", ["a", "b"])]


def test_trouble_that_is_over_before_it_was_told_is_never_told() -> None:
    result = planned(waits(note("a"), note("a over", kind=NoteKind.RESOLVED, ends="a")))
    assert told(result) == []
    assert result.dropped == {"over before it was told": (0, 1)}


def test_the_end_of_trouble_that_was_told_is_told() -> None:
    assert told(planned(waits(note("a over", kind=NoteKind.RESOLVED, ends="a")))) == [("trouble:planner", ["a over"])]


def test_trouble_that_may_have_been_told_is_told_with_its_end() -> None:
    result = planned(waits(note("a"), note("a over", kind=NoteKind.RESOLVED, ends="a"), attempts=1))
    assert told(result) == [("trouble:planner", ["a", "a over"])]


def test_a_withdrawn_recommendation_is_not_told_at_all() -> None:
    assert told(planned(waits(note("r", kind=NoteKind.PROPOSED), note("r w", kind=NoteKind.WITHDRAWN, ends="r")))) == []
    assert told(planned(waits(note("r w", kind=NoteKind.WITHDRAWN, ends="r")))) == []


def test_a_group_speaks_once_in_its_window() -> None:
    spoke = {"trouble:planner": NOON}
    waiting = waits(note("a"))
    assert told(planned(waiting, NOON + timedelta(seconds=299), spoke)) == []
    assert told(planned(waiting, NOON + timedelta(seconds=300), spoke)) == [("trouble:planner", ["a"])]


def test_more_roles_in_trouble_than_usual_are_one_message() -> None:
    three, four = (waits(*(note(f"n{i}", f"role-{i}") for i in range(count))) for count in (3, 4))
    assert len(planned(three).bundles) == 3
    assert told(planned(four)) == [(STORM, ["n0", "n1", "n2", "n3"])]
    assert told(planned(four, spoke={STORM: NOON})) == []


def test_news_about_a_change_is_not_swallowed_by_a_storm() -> None:
    waiting = waits(*(note(f"n{i}", f"role-{i}") for i in range(4)))
    change = Note(key="c", group="change:1", kind=NoteKind.CHANGED, at=NOON, headline="c", severity=Severity.INFO)
    assert [b.group for b in planned([*waiting, Waiting(id=9, note=change)]).bundles] == [STORM, "change:1"]


@pytest.mark.parametrize("kind", [NoteKind.STOPPED, NoteKind.RESUMED, NoteKind.HALF_APPROVED])
def test_the_kill_switch_and_a_first_approval_wait_for_nobody(kind: NoteKind) -> None:
    assert len(planned(waits(note("s", kind=kind)), NOON).bundles) == 1


def test_old_news_is_dropped() -> None:
    result = planned(waits(note("a")), NOON + timedelta(hours=4, seconds=1))
    assert (told(result), list(result.dropped)) == ([], ["older than anybody wants to know"])


def test_the_worst_is_told_first() -> None:
    critical = Note(key="z", group="trouble:z", kind=NoteKind.OPENED, at=NOON, headline="z", severity=Severity.CRITICAL)
    assert [g for g, _ in told(planned([*waits(note("a")), Waiting(id=7, note=critical)]))] == [
        "trouble:z",
        "trouble:planner",
    ]
