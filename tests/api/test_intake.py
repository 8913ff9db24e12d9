"""Handing in calls: who may, how much at once, and what is answered when it is not taken."""

import asyncio
import base64
import gzip
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from controlplane.errors import SourceError, StoreError
from controlplane.model.page import Fault
from controlplane.model.session import Batch, Call, Taken
from controlplane.web.api.intake import LARGEST, LITELLM, MOST_HELD, TRACES, intake_router
from controlplane.web.guard import Guard
from controlplane.web.keys import Keys
from tests.builders_of_sessions import a_call

SERVE, SESSIONS = "the-token-of-the-service", "the-token-of-the-router"
PATHS = [LITELLM, TRACES]


@dataclass
class Desk:
    """Reads a body of ``calls 3`` as three calls, and keeps what it is told to."""

    broken: bool = False
    held: threading.Event | None = None
    reading: threading.Event = field(default_factory=threading.Event)
    threads: set[str] = field(default_factory=set)
    kept: list[Call] = field(default_factory=list)

    def read(self, body: bytes, content_type: str) -> Batch:
        self.threads.add(threading.current_thread().name)
        self.reading.set()
        if self.held is not None:
            self.held.wait(10)
        word, _, number = body.partition(b" ")
        if word != b"calls":
            raise SourceError(Fault.MALFORMED, f"no calls in {content_type}")
        return Batch(
            calls=tuple(a_call(str(at)) for at in range(int(number[:9].strip()))), skipped={"it asks no model": 2}
        )

    def take(self, calls: Sequence[Call]) -> Taken:
        if self.broken:
            raise StoreError("the disk is full")
        self.kept += calls
        return Taken(len(calls), 0)

    def app(self, serve: str | None = None, sessions: str | None = None) -> Guard:
        app = FastAPI()
        for path in PATHS:
            app.include_router(intake_router(path, self.read, self.take))
        app.get("/")(lambda: "a page")
        app.post("/api/v1/stop")(lambda: "stopped")
        return Guard(app, hosts={"testserver", "127.0.0.1"}, keys=Keys(shared=lambda: serve, intake=lambda: sessions))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def post(app: Guard, path: str, body: object = b"calls 1", **headers: str) -> httpx.Response:
    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.post(path, content=body, headers={"content-type": "application/json", **names})

    return asyncio.run(asking())


def bearer(token: str) -> str:
    return f"Bearer {token}"


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"litellm:{token}".encode()).decode()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("tokens", "shown", "status"),
    [
        ((None, None), None, 200),
        ((SERVE, None), None, 401),
        ((SERVE, None), SERVE, 200),
        ((SERVE, None), SESSIONS, 401),
        ((SERVE, SESSIONS), None, 401),
        ((SERVE, SESSIONS), SERVE, 200),
        ((SERVE, SESSIONS), SESSIONS, 200),
        ((SERVE, SESSIONS), SERVE + SESSIONS, 401),
        ((SERVE, SESSIONS), "", 401),
        ((None, SESSIONS), None, 401),
        ((None, SESSIONS), SESSIONS, 200),
        ((None, SESSIONS), SERVE, 401),
    ],
)
def test_who_may_hand_in_calls(
    desk: Desk, path: str, tokens: tuple[str | None, str | None], shown: str | None, status: int
) -> None:
    for form in (bearer, basic):
        headers = {} if shown is None else {"authorization": form(shown)}
        assert post(desk.app(*tokens), path, **headers).status_code == status
    assert len(desk.kept) == (2 if status == 200 else 0)


@pytest.mark.parametrize("path", ["/", "/api/v1/stop", "/ingest", "/ingest/litellm/", "/v1/tracesx", "/metrics"])
def test_the_token_for_handing_in_opens_nothing_else(desk: Desk, path: str) -> None:
    for header in (bearer(SESSIONS), basic(SESSIONS)):
        assert post(desk.app(SERVE, SESSIONS), path, authorization=header).status_code == 401


def test_a_token_for_handing_in_closes_no_other_door(desk: Desk) -> None:
    assert post(desk.app(None, SESSIONS), "/api/v1/stop").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_any_host_name_is_answered_where_a_token_is_demanded_and_only_there(desk: Desk, path: str) -> None:
    host = {"host": "controlplane.llm.svc:8700"}
    assert post(desk.app(), path, **host).status_code == 421
    assert post(desk.app(SERVE), path, **host).status_code == 401
    assert post(desk.app(SERVE), path, **host, authorization=bearer(SERVE)).status_code == 200
    assert post(desk.app(None, SESSIONS), path, **host, authorization=bearer(SESSIONS)).status_code == 200
    assert post(desk.app(SERVE), "/api/v1/stop", **host, authorization=bearer(SERVE)).status_code == 421


@pytest.mark.parametrize("path", PATHS)
def test_a_page_of_another_site_cannot_hand_in_calls(desk: Desk, path: str) -> None:
    assert post(desk.app(), path, origin="http://evil.example").status_code == 403
    assert post(desk.app(), path, sec_fetch_site="cross-site").status_code == 403


def test_litellm_is_told_what_became_of_its_calls(desk: Desk) -> None:
    answer = post(desk.app(), LITELLM, b"calls 3")
    assert answer.json() == {"new": 3, "known": 0, "skipped": {"it asks no model": 2}}


@pytest.mark.parametrize(
    ("sent", "answered", "body"),
    [("application/x-protobuf", "application/x-protobuf", b""), ("application/json; charset=utf-8", None, b"{}")],
)
def test_a_tracer_is_answered_in_its_own_encoding(desk: Desk, sent: str, answered: str | None, body: bytes) -> None:
    answer = post(desk.app(), TRACES, content_type=sent)
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["content-type"] == (answered or "application/json")


def test_a_delivery_without_a_single_call_touches_no_ledger(desk: Desk) -> None:
    desk.broken = True
    assert post(desk.app(), LITELLM, b"calls 0").json() == {"new": 0, "known": 0, "skipped": {"it asks no model": 2}}


def test_what_cannot_be_read_is_refused_for_good(desk: Desk) -> None:
    answer = post(desk.app(), LITELLM, b"garbage")
    assert (answer.status_code, answer.json()["detail"]) == (400, "no calls in application/json")


def test_nothing_is_acknowledged_that_was_not_kept(desk: Desk) -> None:
    desk.broken = True
    answer = post(desk.app(), LITELLM)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "the disk is full" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"calls 2"), gzip.compress(b"calls") + gzip.compress(b" 2")],
    ids=["one member", "two members"],
)
def test_gzip_is_understood(desk: Desk, body: bytes) -> None:
    assert post(desk.app(), LITELLM, body, content_encoding="gzip").json()["new"] == 2


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"calls 2", "gzip", 400),
        (gzip.compress(b"calls 2")[:-9], "gzip", 400),
        (gzip.compress(b"calls 2") + b"rest", "gzip", 400),
        (b"calls 2", "zstd", 415),
        (b"calls 2", "gzip, gzip", 415),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(desk: Desk, body: bytes, encoding: str, status: int) -> None:
    assert post(desk.app(), LITELLM, body, content_encoding=encoding).status_code == status


@pytest.mark.parametrize(
    ("path", "fix"), [(LITELLM, "turn_off_message_logging: true"), (TRACES, "keep prompts and answers out")]
)
def test_too_much_at_once_is_refused_with_the_fix(desk: Desk, path: str, fix: str) -> None:
    bomb = gzip.compress(b"calls 1 " + bytes(LARGEST))
    assert len(bomb) < 64 * 1024
    packed = post(desk.app(), path, bomb, content_encoding="gzip")
    claimed = post(desk.app(), path, content_length=str(LARGEST + 1))
    absurd = post(desk.app(), path, content_length="9" * 5000)
    for answer in (packed, claimed, absurd):
        assert answer.status_code == 413
        assert fix in answer.json()["detail"]
    assert not desk.kept


def test_a_delivery_of_the_largest_size_is_read(desk: Desk) -> None:
    body = b"calls 1 " + bytes(LARGEST - 8)
    with pytest.raises(ValueError, match="invalid literal"):  # it was read: our reader chokes on its zeros
        post(desk.app(), LITELLM, gzip.compress(body, 1), content_encoding="gzip")


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    """The application behind a real server on loopback."""
    server = uvicorn.Server(uvicorn.Config(desk.app(SERVE, SESSIONS), port=0, log_level="warning", lifespan="off"))
    listener = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def test_over_a_real_connection_calls_are_read_beside_the_event_loop(desk: Desk) -> None:
    desk.held = threading.Event()
    answers: list[httpx.Response] = []
    with served(desk) as url, httpx.Client(headers={"authorization": bearer(SESSIONS)}) as client:

        def hand_in() -> None:
            pieces = iter([b"cal", b"ls 4"])  # chunked: no Content-Length
            answers.append(
                client.post(url + TRACES, content=pieces, headers={"content-type": "application/x-protobuf"})
            )

        hand = threading.Thread(target=hand_in)
        hand.start()
        assert desk.reading.wait(10)
        page = httpx.get(url + "/", headers={"authorization": bearer(SERVE)})
        desk.held.set()
        hand.join(10)
    assert page.status_code == 200, "pages still answer"
    assert [answer.status_code for answer in answers] == [200]
    assert len(desk.kept) == 4
    assert not any("MainThread" in name for name in desk.threads)


def test_over_a_real_connection_an_endless_body_is_cut_off(desk: Desk) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(2 * LARGEST // 2**20):
            yield bytes(2**20)

    with served(desk) as url:
        try:
            answer = httpx.post(url + LITELLM, content=endless(), headers={"authorization": bearer(SESSIONS)})
        except httpx.WriteError:
            return  # cut off before the answer could be read: as good
        assert answer.status_code == 413
    assert not desk.kept


def test_hundreds_of_small_deliveries_at_once_are_all_taken_but_not_more_bytes_than_fit(desk: Desk) -> None:
    desk.held = threading.Event()
    app, large = desk.app(), b"calls 1".ljust(LARGEST - 1024)

    async def all_at_once() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            small = [asyncio.create_task(client.post(LITELLM, content=b"calls 1")) for _ in range(300)]
            big = [asyncio.create_task(client.post(LITELLM, content=large)) for _ in range(MOST_HELD // LARGEST + 1)]
            done, _ = await asyncio.wait(big, return_when=asyncio.FIRST_COMPLETED)
            assert [task.result().status_code for task in done] == [503]
            desk.held.set()
            return [(await task).status_code for task in (*small, *big)]

    statuses = asyncio.run(all_at_once())
    assert Counter(statuses) == {200: 308, 503: 1}
    assert post(app, LITELLM, large).status_code == 200, "there is room again"


def test_the_answer_carries_the_strict_headers(desk: Desk) -> None:
    answer = post(desk.app(), LITELLM)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert json.loads(answer.content)
