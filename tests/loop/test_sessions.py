"""The book of sessions: prices and habits are read now and then, and a ledger that fails is told, not raised."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from controlplane.errors import StoreError
from controlplane.loop.ports import Archive, Finish, Fold
from controlplane.loop.sessions import AHEAD, SessionBook, SessionRules, served_by
from controlplane.model.keys import RoleName
from controlplane.model.money import Money
from controlplane.model.page import Fault
from controlplane.model.role import Phase, RoleSpec
from controlplane.model.session import Call, RoleSessions, Served, Session, Taken, Toll
from tests.builders import NOON, PLANNER, a_spec
from tests.builders_of_sessions import WEIGHTS, WORKER, a_call, some_money

ROLES = (a_spec(PLANNER), a_spec(WORKER))


class FakeMemory:
    """Sessions in a dictionary, and the same for what else the book asks of a ledger."""

    def __init__(self) -> None:
        self.held: dict[Any, Session] = {}
        self.told_at: datetime | None = None
        self.finished: dict[RoleName | None, tuple[Toll, ...]] = {}
        self.read = 0
        self.fault: StoreError | None = None

    def take_calls(self, calls: Sequence[Call], at: datetime, fold: Fold) -> Taken:
        self.told_at = at
        self.held |= {session.key: session for session in fold(self.held, calls).sessions}
        return Taken(new=len(calls), known=0)

    def end_sessions(self, before: datetime, finish: Finish) -> int:
        idle = [session for session in self.held.values() if session.last < before]
        self.held |= {session.key: session for session in finish(idle).sessions}
        return len(idle)

    def last_told(self) -> datetime | None:
        if self.fault:
            raise self.fault
        return self.told_at

    def busy_roles(self) -> dict[RoleName | None, RoleSessions]:
        return {PLANNER: RoleSessions(active=3, fanout_max=2), None: RoleSessions(active=1)}

    def tolls(self, role: RoleName | None, limit: int) -> tuple[Toll, ...]:
        self.read += 1
        return self.finished.get(role, ())[:limit]

    def spent(self, role: RoleName | None, since: datetime, limit: int) -> tuple[float, ...]:
        self.since = since
        return tuple(toll.weighted for toll in self.tolls(role, limit))


class FakeArchive:
    """Money, and how it was asked for."""

    def __init__(self, money: Money) -> None:
        self.known = money
        self.asked: list[tuple[datetime, datetime]] = []

    def money(self, since: datetime, until: datetime) -> Money:
        self.asked.append((since, until))
        return self.known


@pytest.fixture
def memory() -> FakeMemory:
    return FakeMemory()


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive(some_money(planner=1.0, worker=1.0))


@pytest.fixture
def book(memory: FakeMemory, archive: FakeArchive) -> SessionBook:
    rules = SessionRules(
        served=served_by(ROLES, {}),
        weights=WEIGHTS,
        runaway_factor=10,
        budget_dollars=None,
        idle_after=timedelta(minutes=15),
        source="litellm",
    )
    return SessionBook(cast("Any", memory), cast("Archive", archive), rules, ROLES)


def held(memory: FakeMemory) -> Session:
    (session,) = memory.held.values()
    return session


def test_calls_cost_what_the_models_tokens_cost_in_the_hours_that_touch_the_last(
    book: SessionBook, memory: FakeMemory, archive: FakeArchive
) -> None:
    book.take([a_call()], NOON)
    assert held(memory).dollars == pytest.approx(185e-6)
    assert archive.asked == [(NOON - timedelta(hours=1), NOON)]


def test_prices_and_habits_are_read_again_after_a_minute_and_when_the_clock_went_back(
    book: SessionBook, memory: FakeMemory, archive: FakeArchive
) -> None:
    for seconds in (0, 30, 59):
        book.take([], NOON + timedelta(seconds=seconds))
    assert len(archive.asked) == 1
    book.look(NOON + timedelta(seconds=60))
    book.close(NOON + timedelta(seconds=61))
    assert len(archive.asked) == 2
    book.take([], NOON)
    assert len(archive.asked) == 3
    assert memory.read == 9  # two roles and nobody's, each time


def test_a_session_over_ten_times_what_is_usual_is_over(book: SessionBook, memory: FakeMemory) -> None:
    memory.finished[PLANNER] = (Toll(10.0, 1),) * 20
    book.take([a_call()], NOON)
    assert held(memory).over == NOON


def test_idle_sessions_are_ended(book: SessionBook, memory: FakeMemory) -> None:
    book.take([a_call()], NOON)
    assert book.close(NOON + timedelta(minutes=15)) == 0
    assert book.close(NOON + timedelta(minutes=15, seconds=1)) == 1
    assert held(memory).ended == NOON + timedelta(minutes=15, seconds=1)


def test_a_source_far_ahead_keeps_no_session_open(book: SessionBook, memory: FakeMemory) -> None:
    call = a_call(at=86400)
    book.take([call, replace(call, begun=call.ended, ended=call.begun)], NOON)
    assert (held(memory).begun, held(memory).last) == (NOON + AHEAD, NOON + AHEAD)


def test_a_clock_a_little_ahead_is_left_alone(book: SessionBook, memory: FakeMemory) -> None:
    book.take([a_call(at=200, took=20)], NOON)
    assert held(memory).last == NOON + timedelta(seconds=200)


def test_before_anything_was_told_sessions_are_unknown_not_none(book: SessionBook) -> None:
    seen = book.look(NOON)
    assert seen.roles == {}
    assert (seen.health.ok, seen.health.kind, seen.health.fault) == (False, "litellm", None)
    assert seen.health.detail


def test_afterwards_every_role_is_known_with_what_is_usual(book: SessionBook, memory: FakeMemory) -> None:
    memory.finished[WORKER] = (Toll(10.0, 2),) * 20
    book.take([a_call()], NOON)
    seen = book.look(NOON + timedelta(minutes=1))
    assert seen.health.last_good == NOON
    assert seen.health.ok
    assert (seen.roles[PLANNER].active, seen.roles[PLANNER].fanout_max) == (3, 2)
    usual = seen.roles[WORKER].usual
    assert usual is not None
    assert (seen.roles[WORKER].active, usual.calls) == (0, 2)
    assert seen.roles.keys() == {PLANNER, WORKER}


def test_a_ledger_that_fails_is_the_sources_fault(book: SessionBook, memory: FakeMemory) -> None:
    memory.fault = StoreError("disk is full")
    seen = book.look(NOON)
    assert seen.roles == {}
    assert (seen.health.fault, seen.health.detail) == (Fault.INTERNAL, "disk is full")


def test_what_is_usual_is_unknown_at_first(book: SessionBook, memory: FakeMemory) -> None:
    assert book.usual(PLANNER) is None
    memory.finished[None] = (Toll(10.0, 2),) * 20
    assert book.usual(None) is not None


def role(name: str, model: str, phase: Phase = Phase.BOTH) -> RoleSpec:
    spec = a_spec(name)
    return replace(spec, model=replace(spec.model, name=model), phase=phase)


def both(name: str) -> Served:
    return Served(prompt=RoleName(name), output=RoleName(name))


PAIR = Served(prompt=RoleName("fill"), output=RoleName("answer"))


@pytest.mark.parametrize(
    ("roles", "names", "served"),
    [
        pytest.param(
            (role("planner", "llama"),), {}, {"planner": both("planner"), "llama": both("planner")}, id="its own names"
        ),
        pytest.param(
            (role("planner", "llama"),),
            {"planner": ["big", "smart"]},
            {"big": both("planner"), "smart": both("planner")},
            id="said",
        ),
        pytest.param(
            (role("a", "llama"), role("b", "llama")),
            {},
            {"a": both("a"), "b": both("b"), "llama": both("a")},
            id="a model of two roles is the first one's",
        ),
        pytest.param(
            (role("a", "b"), role("b", "x")),
            {},
            {"a": both("a"), "b": both("b"), "x": both("b")},
            id="a role goes before a model",
        ),
        pytest.param(
            (role("a", "x"), role("b", "y")),
            {"b": ["a"]},
            {"a": both("b"), "x": both("a")},
            id="what is said goes before what is guessed",
        ),
        pytest.param(
            (role("answer", "llama", Phase.DECODE), role("fill", "llama", Phase.PREFILL)),
            {"fill": ["chat"]},
            {"chat": PAIR, "answer": PAIR, "llama": PAIR},
            id="two pools",
        ),
        pytest.param(
            (role("fill", "llama", Phase.PREFILL), role("other", "x", Phase.DECODE)),
            {"other": ["o"]},
            {"fill": both("fill"), "llama": both("fill"), "o": both("other")},
            id="pools of different models",
        ),
    ],
)
def test_who_serves_what_callers_ask_for(
    roles: Sequence[RoleSpec], names: dict[RoleName, list[str]], served: dict[str, Served]
) -> None:
    assert served_by(roles, names) == served


@pytest.mark.parametrize("ask", [SessionBook.active, lambda book: book.close(NOON)], ids=["active", "close"])
def test_questions_of_people_let_the_ledgers_fault_through(ask: Callable[..., object], archive: FakeArchive) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            def fails(*_: object, **__: object) -> None:
                raise StoreError("gone")

            return fails

    rules = SessionRules(
        served={}, weights=WEIGHTS, runaway_factor=10, budget_dollars=None, idle_after=timedelta(1), source="otlp"
    )
    broken = SessionBook(cast("Any", Broken()), cast("Archive", archive), rules, ROLES)
    with pytest.raises(StoreError, match="gone"):
        ask(broken)


def test_how_much_sessions_take_is_of_a_day(book: SessionBook, memory: FakeMemory) -> None:
    assert book.spread(PLANNER, NOON) is None
    memory.finished[PLANNER] = tuple(Toll(float(n), 1) for n in range(100))
    found = book.spread(PLANNER, NOON)
    assert found is not None
    assert (found.sessions, found.p50, found.p99) == (100, 49.0, 98.0)
    assert memory.since == NOON - timedelta(days=1)
