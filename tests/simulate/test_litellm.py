"""Calls are told as a real LiteLLM told them: the same keys of the same kinds, in batches, late, sometimes lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from controlplane.collect.litellm import read_litellm
from controlplane.model.session import SessionKey
from controlplane.simulate.answer import Answer
from controlplane.simulate.litellm import BATCH, Callback
from controlplane.simulate.litellm_payload import payload
from tests.simulate.watching import START

CAPTURED = json.loads((Path(__file__).parent / "data" / "litellm-1.109.1-call.json").read_text())
"""A call of the captured run, its prompt and answer as LiteLLM redacts them."""


def an_answer(number: int = 1, **changed: Any) -> Answer:
    known: dict[str, Any] = {
        "session": "s12",
        "agent": "worker-0.3",
        "parent": "orchestrator",
        "team": "team-a",
        "team_alias": "Team A",
        "asked": "worker",
        "begun": 10.0,
        "first_token": 10.5,
        "ended": 12.25,
        "prompt": 900,
        "cached": 640,
        "output": 70,
    }
    return Answer(number=number, **(known | changed))


@pytest.mark.parametrize(
    "part",
    [
        (),
        ("metadata",),
        ("status_fields",),
        ("cost_breakdown",),
        ("hidden_params",),
        ("metadata", "usage_object"),
        ("response",),
        ("error_information",),
        ("standard_built_in_tools_params",),
    ],
    ids=".".join,
)
def test_each_part_has_the_keys_of_the_captured_one_and_values_of_their_kinds(part: tuple[str, ...]):
    real, ours = CAPTURED, payload(an_answer(), START)
    for key in part:
        real, ours = real[key], ours[key]
    assert set(ours) == set(real) - ({"cost"} if part[-1:] == ("usage_object",) else set())
    differ = {
        key
        for key, value in ours.items()
        if None not in (value, real[key]) and not isinstance(value, type(real[key]))  # what is null at one of both
    }
    assert not differ


def test_it_says_who_called_what_when_and_what_it_took():
    told = payload(an_answer(), START)
    began = START.timestamp() + 10
    assert (told["startTime"], told["completionStartTime"], told["endTime"]) == (began, began + 0.5, began + 2.25)
    assert (told["trace_id"], told["session_id"], told["model_group"]) == ("s12", "", "worker")
    assert told["metadata"]["user_api_key_team_id"] == "team-a"
    assert told["metadata"]["requester_metadata"]["agent_name"] == "worker-0.3"
    assert told["metadata"]["requester_metadata"]["parent_agent"] == "orchestrator"
    assert told["metadata"]["usage_object"]["prompt_tokens_details"]["cached_tokens"] == 640
    assert (told["prompt_tokens"], told["completion_tokens"]) == (900, 70)


def test_our_own_reader_understands_it():
    batch = read_litellm(json.dumps([payload(an_answer(), START)]).encode(), "application/json")
    assert not batch.skipped
    (call,) = batch.calls
    assert call.key == SessionKey("Team A", "s12")
    assert (call.asked, call.agent, call.parent) == ("worker", "worker-0.3", "orchestrator")
    assert (call.prompt, call.cached, call.output, call.failed) == (260, 640, 70, False)
    assert (call.begun, call.ended) == (START + timedelta(seconds=10), START + timedelta(seconds=12.25))


def test_a_call_keeps_its_id_and_two_calls_differ():
    ids = [payload(an_answer(number), START)["litellm_call_id"] for number in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]


def test_texts_are_embedded_without_an_answer():
    told = payload(an_answer(asked="embedder", output=0), START)
    assert (told["call_type"], told["completion_tokens"], told["response"]) == (
        "aembedding",
        0,
        {"text": "redacted-by-litellm"},
    )


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncIterator[tuple[str, list[list[dict[str, Any]]]]]:
    """Somebody who answers with each status in turn, the last one for ever; yields its URL and what it got."""
    got: list[list[dict[str, Any]]] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=statuses[min(len(got), len(statuses)) - 1])

    app = web.Application(client_max_size=16 * 2**20)
    app.router.add_post("/ingest/litellm", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/ingest/litellm", got
    finally:
        await runner.cleanup()


async def told(callback: Callback, *, calls: int, seconds: float = 5) -> None:
    """Some calls, then some seconds later a delivery until it has ended."""
    for number in range(calls):
        callback.add(an_answer(number))
    callback.flush(START + timedelta(seconds=seconds))
    await callback.sent()


def run(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 20))  # type: ignore[arg-type]


def test_calls_are_told_five_seconds_later_or_once_a_batch_is_full():
    async def scene() -> None:
        async with receiver(200) as (url, got):
            callback = Callback(url, START)
            await told(callback, calls=3, seconds=4.9)
            assert not got
            await told(callback, calls=0, seconds=5)
            assert [len(batch) for batch in got] == [3]
            await told(callback, calls=BATCH + 10, seconds=5.1)
            assert [len(batch) for batch in got] == [3, BATCH]
            await told(callback, calls=0, seconds=6)
            assert callback.delivered == BATCH + 3, "the rest waits for its five seconds"
            await callback.close()

    run(scene)


@pytest.mark.parametrize(
    ("statuses", "retries", "delivered", "attempts"),
    [
        pytest.param([503, 200], 0, 0, 1, id="lost at once, as LiteLLM does by default"),
        pytest.param([503, 200], 1, 5, 2, id="told again"),
        pytest.param([429, 200], 1, 0, 1, id="only a server's error is tried again"),
        pytest.param([503], 1, 0, 2, id="given up in the end"),
    ],
)
def test_what_is_refused(statuses: list[int], retries: int, delivered: int, attempts: int):
    async def scene() -> None:
        async with receiver(*statuses) as (url, _):
            callback = Callback(url, START, retries=retries, first_delay=0.01)
            await told(callback, calls=5)
            assert (callback.delivered, callback.lost, callback.attempts) == (delivered, 5 - delivered, attempts)
            await callback.close()

    run(scene)


def test_an_absent_receiver_costs_calls_and_nothing_else():
    async def scene() -> None:
        async with receiver(200) as (url, _):
            pass
        callback = Callback(url, START)
        await told(callback, calls=5)
        assert (callback.delivered, callback.lost) == (0, 5)
        await callback.close()

    run(scene)
