"""Freeze windows: when they are open, in whose time zone, and what a broken one means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.decide.guardrails.cron import parse_schedule
from controlplane.decide.guardrails.freeze import Freeze, FreezeWindow
from tests.decide.cases import a_case

WEEKEND = FreezeWindow(schedule="0 18 * * 5", duration=timedelta(hours=60), timezone="Europe/Berlin", why="weekend")

INSTANTS = st.integers(0, 20 * 365 * 24 * 60).map(lambda n: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "frozen"),
    [
        ("2026-06-05T15:59", False),
        ("2026-06-05T16:00", True),  # Friday 18:00 in Berlin, summer time
        ("2026-06-08T03:59", True),
        ("2026-06-08T04:00", False),
        ("2026-12-04T16:30", False),
        ("2026-12-04T17:00", True),  # winter time
    ],
)
def test_a_weekend_in_berlin(now: str, frozen: bool):
    check = Freeze(windows=(WEEKEND,)).check(a_case(now=at(now)))
    assert check.passed is not frozen
    assert not check.answerable


def test_it_says_until_when_and_why():
    check = Freeze(windows=(WEEKEND,)).check(a_case(now=at("2026-06-06T12:00")))
    assert check.said == "frozen until Mon 04:00 UTC: weekend"


def test_one_open_window_is_enough():
    never = FreezeWindow(schedule="0 0 1 1 *", duration=timedelta(minutes=1))
    always = FreezeWindow(schedule="* * * * *", duration=timedelta(minutes=2))
    assert not Freeze(windows=(never, always)).check(a_case()).passed
    assert Freeze(windows=(never,)).check(a_case()).passed
    assert Freeze().check(a_case()).passed


@pytest.mark.parametrize(
    "window",
    [
        FreezeWindow(schedule="soon", duration=timedelta(hours=1)),
        FreezeWindow(schedule="0 25 * * *", duration=timedelta(hours=1)),
        FreezeWindow(schedule="0 0 * * *", duration=timedelta(hours=1), timezone="Middle/Earth"),
        FreezeWindow(schedule="0 0 * * *", duration=timedelta(hours=1), timezone="../../etc/passwd"),
    ],
)
def test_a_window_that_cannot_be_read_freezes(window: FreezeWindow):
    check = Freeze(windows=(window,)).check(a_case())
    assert not check.passed and "cannot be read" in check.said


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("*/15 * * * *", "2026-06-01T10:45"),
        ("30 9-17/4 * * mon-fri", "2026-06-01T09:30"),
        ("0 0 1,15 * *", "2026-06-01T00:00"),
        ("0 0 13 * fri", "2026-05-29T00:00"),  # either day, as in cron
        ("0 0 * jan *", None),
        ("5 4 * * 7", "2026-05-31T04:05"),
        ("59 23 * * 0", "2026-05-31T23:59"),
    ],
)
def test_schedules_fire_as_in_cron(text: str, fires: str | None):
    window = FreezeWindow(schedule=text, duration=timedelta(days=6))
    assert window.open_since(at("2026-06-01T10:50")) == (at(fires) if fires else None)


@pytest.mark.parametrize(
    "text", ["", "* * * *", "61 * * * *", "a * * * *", "5-1 * * * *", "*/0 * * * *", "1/ * * * *", "١ * * * *"]
)
def test_what_is_no_schedule_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        parse_schedule(text)


@given(
    st.text(max_size=30),
    INSTANTS,
)
def test_it_never_raises(text: str, now: datetime):
    check = Freeze(windows=(FreezeWindow(schedule=text, duration=timedelta(hours=8)),)).check(a_case(now=now))
    assert check.said


@given(
    INSTANTS,
    st.integers(0, 59),
    st.integers(0, 23),
    st.integers(1, 200),
)
def test_the_start_is_what_counting_back_minute_by_minute_would_find(now: datetime, minute: int, hour: int, hours: int):
    window = FreezeWindow(schedule=f"{minute} {hour} * * *", duration=timedelta(hours=hours))
    start = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    start = start if start <= now else start - timedelta(days=1)
    assert window.open_since(now) == (start if now < start + window.duration else None)
