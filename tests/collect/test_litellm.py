"""Calls as LiteLLM tells of them: real deliveries against what the callers saw, and hostile ones against reason."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.collect.litellm import read_litellm
from controlplane.collect.told import MOST_BRACKETS, MOST_ENTRIES
from controlplane.errors import SourceError
from controlplane.model.session import NOBODY, Call, SessionKey

DATA = Path(__file__).parent / "data" / "litellm-1.109.1"
RUNS = ["multi-agent", "breaker-run", "two-workers"]


def deliveries(run: str) -> tuple[list[Call], Counter[str]]:
    calls: list[Call] = []
    skipped: Counter[str] = Counter()
    for body in (DATA / run / "deliveries.jsonl").read_bytes().splitlines():
        batch = read_litellm(body, "application/json")
        calls += batch.calls
        skipped.update(batch.skipped)
    return calls, skipped


def seen_by_callers(run: str) -> list[dict[str, Any]]:
    lines = (DATA / run / "truth.jsonl").read_text().splitlines()
    return [told for line in lines if (told := json.loads(line))["call_id"]]  # one connection broke on its way


@pytest.mark.parametrize("run", RUNS)
def test_each_call_is_told_as_its_caller_saw_it(run: str) -> None:
    calls = {call.id.removesuffix("/failed"): call for call in deliveries(run)[0]}
    truth = seen_by_callers(run)
    assert len(truth) == {"multi-agent": 232, "breaker-run": 157, "two-workers": 43}[run]
    for told in truth:
        call = calls[told["call_id"]]
        assert (call.agent, call.parent) == (told["agent"], told["parent"] or "")
        assert (call.asked, call.failed) == (told["model"], told["status"] != 200)
        assert (call.prompt + call.cached, call.output) == (told["prompt"], told["output"])
        assert call.key.tenant == "Team A"
        if told["id_way"] != "none":
            assert call.key.id == told["session"]


@pytest.mark.parametrize("run", RUNS)
def test_sessions_add_up_to_what_their_callers_saw(run: str) -> None:
    calls = deliveries(run)[0]
    seen = [told for told in seen_by_callers(run) if told["id_way"] != "none"]
    for session in {told["session"] for told in seen}:
        mine = [call for call in calls if call.key.id == session]
        theirs = [told for told in seen if told["session"] == session]
        assert len(mine) == len(theirs)
        assert sum(call.failed for call in mine) == sum(told["status"] != 200 for told in theirs)
        assert sum(call.prompt + call.cached for call in mine) == sum(told["prompt"] for told in theirs)
        assert sum(call.output for call in mine) == sum(told["output"] for told in theirs)


def test_without_a_session_id_each_call_is_a_session_of_its_own() -> None:
    nameless = {told["call_id"] for told in seen_by_callers("breaker-run") if told["id_way"] == "none"}
    calls = [call for call in deliveries("breaker-run")[0] if call.id.removesuffix("/failed") in nameless]
    assert len({call.key for call in calls}) == len(calls) == 13


def test_what_is_no_call_of_a_session_is_left_out_with_its_reason() -> None:
    assert deliveries("multi-agent")[1] == {"a health check of the router": 3}
    assert deliveries("breaker-run")[1] == {"it asks no model": 1}


def a_payload(**changes: Any) -> dict[str, Any]:
    """One payload of a call that went well; ``...`` leaves a key out."""
    payload = {
        "id": "chatcmpl-1",
        "litellm_call_id": "call-1",
        "status": "success",
        "call_type": "acompletion",
        "startTime": 1795365852.0,
        "endTime": 1795365854.5,
        "model": "openai/llama",
        "custom_llm_provider": "openai",
        "model_group": "planner",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "response_cost": 0.25,
        "metadata": {"user_api_key_alias": "key-1"},
        **changes,
    }
    return {key: value for key, value in payload.items() if value is not ...}


def one(**changes: Any) -> Call:
    (call,) = read_litellm(json.dumps([a_payload(**changes)]).encode(), "application/json").calls
    return call


def reasons(*payloads: object) -> dict[str, int]:
    batch = read_litellm(json.dumps([*payloads, a_payload()]).encode(), "application/json")
    assert [call.id for call in batch.calls] == ["call-1"], "the good neighbour is taken"
    return dict(batch.skipped)


def test_a_call_is_told_whole() -> None:
    assert one() == Call(
        id="call-1",
        key=SessionKey("key-1", "call-1"),
        asked="planner",
        begun=datetime(2026, 11, 22, 16, 44, 12, tzinfo=UTC),
        ended=datetime(2026, 11, 22, 16, 44, 14, 500_000, tzinfo=UTC),
        prompt=100,
        output=20,
        dollars=0.25,
    )


@pytest.mark.parametrize(
    ("metadata", "tenant"),
    [
        ({"user_api_key_team_alias": "A", "user_api_key_team_id": "a", "user_api_key_alias": "k"}, "A"),
        ({"user_api_key_team_alias": None, "user_api_key_team_id": "a", "user_api_key_alias": "k"}, "a"),
        ({"user_api_key_team_alias": "", "user_api_key_team_id": " ", "user_api_key_alias": "k"}, "k"),
        ({}, NOBODY),
        (None, NOBODY),
        ("text", NOBODY),
        ({"user_api_key_alias": ["k"]}, NOBODY),
    ],
)
def test_the_tenant_is_what_the_key_proves(metadata: object, tenant: str) -> None:
    assert one(metadata=metadata).key.tenant == tenant


@pytest.mark.parametrize(
    ("changes", "session"),
    [
        ({"session_id": "s", "trace_id": "t"}, "s"),
        ({"session_id": "", "trace_id": "t", "metadata": {"requester_metadata": {"session_id": "r"}}}, "r"),
        ({"session_id": "", "trace_id": "t"}, "t"),
        ({"trace_id": 17}, "17"),
        ({"session_id": ["s"], "trace_id": {}}, "call-1"),
        ({"session_id": "t", "metadata": {"requester_custom_headers": {"x-litellm-session-id": "h"}}}, "h"),
    ],
)
def test_the_session_is_what_the_caller_said_last_of_all_the_call_itself(changes: Any, session: str) -> None:
    assert one(**changes).key.id == session


@pytest.mark.parametrize(
    ("changes", "agents"),
    [
        ({"metadata": {"requester_metadata": {"agent_name": "coder", "parent_agent": "boss"}}}, ("coder", "boss")),
        ({"metadata": {"requester_metadata": {"agent": "coder"}}}, ("coder", "")),
        ({"request_tags": ["env:test", "agent:coder", "parent:boss"]}, ("coder", "boss")),
        ({"request_tags": "agent:coder"}, ("", "")),
        ({"user_agent": "agentkit/0.4 (coder)"}, ("coder", "")),
        ({"user_agent": "Mozilla/5.0 (X11; Linux x86_64)"}, ("", "")),
        ({"user_agent": 4}, ("", "")),
    ],
)
def test_agents_are_named_by_metadata_tag_or_user_agent(changes: Any, agents: tuple[str, str]) -> None:
    call = one(**changes)
    assert (call.agent, call.parent) == agents


@pytest.mark.parametrize(
    ("cached", "told"),
    [(40, (60, 40)), (None, (100, 0)), (400, (0, 100))],
)
def test_cached_tokens_are_not_computed_again(cached: int | None, told: tuple[int, int]) -> None:
    call = one(metadata={"usage_object": {"prompt_tokens_details": {"cached_tokens": cached}}})
    assert (call.prompt, call.cached) == told


def test_an_answer_out_of_the_routers_own_cache_used_no_model() -> None:
    call = one(cache_hit=True)
    assert (call.prompt, call.cached, call.output) == (0, 0, 0)


def test_an_attempt_that_failed_is_not_the_one_that_succeeded_after_it() -> None:
    first = one(status="failure", prompt_tokens=0, completion_tokens=0)
    assert (first.id, first.failed) == ("call-1/failed", True)
    assert first.key == one().key


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, "planner"),
        ({"model_group": ""}, "llama"),
        ({"model_group": None, "model": "meta-llama/Llama-3.1-8B", "custom_llm_provider": "hosted_vllm"}, None),
    ],
)
def test_a_model_is_asked_for_without_its_provider(changes: Any, asked: str | None) -> None:
    assert one(**changes).asked == (asked or changes["model"])


def test_times_may_be_iso_text_too() -> None:
    call = one(startTime="2026-11-22T16:44:12Z", endTime="2026-11-22T17:44:14.500000+01:00")
    assert (call.begun, call.ended) == (one().begun, one().ended)
    assert one(startTime="2026-11-22 16:44:12", endTime="2026-11-22 16:44:12").begun == one().begun


def test_a_clock_set_back_during_a_call_makes_no_negative_time() -> None:
    call = one(endTime=1795365850.0)
    assert call.ended - call.begun == timedelta(0)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "an entry is no object"),
        ("text", "an entry is no object"),
        ([a_payload()], "an entry is no object"),
        ({}, "it asks no model"),
        (a_payload(model=None, model_group=""), "it asks no model"),
        (a_payload(call_type="/v1/models"), "it asks no model"),
        (a_payload(call_type="call_mcp_tool"), "it asks no model"),
        (a_payload(status=...), "it neither succeeded nor failed"),
        (a_payload(status=["success"]), "it neither succeeded nor failed"),
        (a_payload(id=..., litellm_call_id=...), "it has no id"),
        (a_payload(startTime=...), "it does not say from when to when"),
        (a_payload(endTime=True), "it does not say from when to when"),
        (a_payload(endTime=float("nan")), "it does not say from when to when"),
        (a_payload(endTime=1e300), "its times cannot be read"),
        (a_payload(endTime="yesterday"), "its times cannot be read"),
        (a_payload(endTime="0001-01-01T00:00:00+23:00"), "its times cannot be read"),
        (a_payload(endTime=0), "it was made in another century"),
        (a_payload(startTime=1795365852.0 - 90_000), "it took longer than a day"),
        (a_payload(prompt_tokens=-1), "a number of tokens is negative or beyond belief"),
        (a_payload(prompt_tokens=10**30), "a number of tokens is negative or beyond belief"),
        (a_payload(completion_tokens=1.5), "a number of tokens is not a whole number"),
        (a_payload(completion_tokens=float("inf")), "a number of tokens is not a whole number"),
        (a_payload(completion_tokens="20"), "a number of tokens is not a whole number"),
        (a_payload(completion_tokens=True), "a number of tokens is not a whole number"),
    ],
)
def test_an_entry_that_makes_no_sense_costs_itself_and_says_why(payload: object, reason: str) -> None:
    assert reasons(payload) == {reason: 1}


@pytest.mark.parametrize("cost", [-1, "free", None, True, float("nan"), 1e9])
def test_a_cost_that_cannot_be_true_is_unknown(cost: object) -> None:
    assert one(response_cost=cost).dollars is None


def test_names_are_bounded_and_printable() -> None:
    call = one(
        session_id="s\u202e\x00\ud800" + "x" * 500,
        request_tags=["agent:" + "a\n" * 300],
        metadata={"user_api_key_alias": "t\x1b" * 300},
        model_group="m" * 900,
    )
    assert (len(call.key.id), len(call.key.tenant), len(call.agent), len(call.asked)) == (200, 100, 100, 255)
    for text in (call.key.id, call.key.tenant, call.agent):
        assert text.isprintable()
        text.encode()


def test_two_long_session_ids_stay_two() -> None:
    assert one(session_id="x" * 500).key != one(session_id="x" * 501).key


def test_nothing_of_prompts_answers_and_headers_is_kept() -> None:
    secret = "SECRET"
    call = one(
        messages=[{"role": "user", "content": secret}],
        response={"choices": [{"message": {"content": secret}}]},
        model_parameters={"stop": secret},
        error_str=secret,
        metadata={"requester_metadata": {"headers": {"authorization": secret}}, "requester_ip_address": secret},
    )
    assert secret not in repr(call)


LINES = b"\n".join(json.dumps(a_payload(litellm_call_id=f"call-{at}")).encode() for at in range(3))


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (json.dumps([a_payload()]).encode(), ["call-1"]),
        (json.dumps(a_payload()).encode(), ["call-1"]),
        (json.dumps(a_payload(), indent=2).encode(), ["call-1"]),
        (LINES, ["call-0", "call-1", "call-2"]),
        (LINES.replace(b"\n", b"\r\n\n") + b"\n", ["call-0", "call-1", "call-2"]),
        (b"[]", []),
    ],
)
def test_an_array_lines_and_a_single_call_are_all_read(body: bytes, ids: Sequence[str]) -> None:
    assert [call.id for call in read_litellm(body, "application/json").calls] == ids


def test_a_broken_line_costs_itself() -> None:
    batch = read_litellm(LINES + b"\n{broken\n", "application/x-ndjson")
    assert (len(batch.calls), batch.skipped) == (3, {"an entry is no object": 1})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"hello",
        b"null",
        b"17",
        b'"text"',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"9" * 5000,
        b"[1, 2",
        b"{" * (MOST_BRACKETS + 1),
        b"[" + b"{}," * MOST_ENTRIES + b"{}]",
    ],
    ids=range(12),
)
def test_a_body_without_sense_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(SourceError):
        read_litellm(body, "application/json")
