"""What taking a full delivery of LiteLLM costs, held against parsing its JSON."""

import json
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest

from controlplane.loop.sessions import SessionBook, SessionRules, served_by
from controlplane.model.session import Call
from controlplane.simulate.answer import Answer
from controlplane.simulate.litellm_payload import payload
from controlplane.store.ledger import open_ledger
from tests.builders import NOON, a_spec
from tests.builders_of_sessions import WEIGHTS, a_call

pytestmark = pytest.mark.bench

CALLS, SESSIONS, DELIVERIES = 512, 50, 12
ROLES = (a_spec("planner"), a_spec("worker"))
ASKED = ("planner", "worker", "worker", "worker")


def delivery(number: int) -> list[Call]:
    """Calls of 50 sessions of five tenants, eight agents each, that took ten seconds and ended within the last ten."""
    return [
        a_call(
            f"{number}-{n}",
            session=f"session-{n % SESSIONS}",
            tenant=f"team-{n % 5}",
            asked=ASKED[n % 4],
            agent=f"agent-{n % 8}",
            parent="planner",
            at=number * 10 + n * 10 / CALLS,
        )
        for n in range(CALLS)
    ]


def as_json(calls: list[Call]) -> bytes:
    """The same calls as LiteLLM tells them."""
    return json.dumps([payload(_answer(n, call), NOON) for n, call in enumerate(calls)]).encode()


def _answer(number: int, call: Call) -> Answer:
    at = (call.begun - NOON).total_seconds()
    return Answer(
        number=number,
        asked=call.asked,
        session=call.key.id,
        agent=call.agent,
        parent=call.parent,
        team=call.key.tenant,
        team_alias=call.key.tenant,
        begun=at,
        first_token=at + 1,
        ended=at + 10,
        prompt=call.prompt + call.cached,
        cached=call.cached,
        output=call.output,
    )


def test_what_a_call_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = SessionRules(
        served=served_by(ROLES, {}),
        weights=WEIGHTS,
        runaway_factor=10,
        budget_dollars=None,
        idle_after=timedelta(minutes=15),
        source="litellm",
    )
    took, clock, read, again = [], [], [], []
    with closing(open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        book = SessionBook(ledger, ledger, rules, ROLES)
        for number in range(DELIVERIES):
            calls, now = delivery(number), NOON + timedelta(seconds=10 * number + 10)
            body = as_json(calls)
            begun, wall = time.process_time(), time.perf_counter()
            taken = book.take(calls, now)
            took.append(time.process_time() - begun)
            clock.append(time.perf_counter() - wall)
            assert taken.new == CALLS
            begun = time.process_time()
            json.loads(body)
            read.append(time.process_time() - begun)
        begun = time.process_time()
        assert book.take(calls, now).known == CALLS
        again.append(time.process_time() - begun)
        looks = []
        for _ in range(5):
            begun = time.process_time()
            book.look(now)
            book.numbers()
            looks.append(time.process_time() - begun)
        assert sum(session.calls for session in book.sessions()) == CALLS * DELIVERIES
    size = (tmp_path / "ledger.db").stat().st_size
    ratio = median(took) / median(read)
    with capsys.disabled():
        print(
            f"\n{CALLS} calls of {SESSIONS} sessions: {median(took) * 1000:.1f} ms CPU "
            f"({median(clock) * 1000:.1f} by the clock), {median(took) / CALLS * 1e6:.0f} µs a call, "
            f"{ratio:.1f} × parsing its {len(body) / 1e6:.1f} MB of JSON ({median(read) * 1000:.1f} ms); told again "
            f"{again[0] * 1000:.1f} ms; look, gauges and counters {median(looks) * 1000:.1f} ms; "
            f"file {size / 1e6:.2f} MB after {CALLS * DELIVERIES} calls"
        )
    assert ratio < 20
