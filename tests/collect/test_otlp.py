"""Calls out of traces: real exports against what the callers saw, and made-up ones for every name and trap."""

import base64
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from controlplane.collect.otlp import read_otlp
from controlplane.collect.otlp_wire import LARGEST_SPAN, LONGEST_TEXT, MOST_PIECES
from controlplane.errors import SourceError
from controlplane.model.session import NOBODY, Batch, Call, SessionKey

DATA = Path(__file__).parent / "data" / "otlp"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
IDS = ("traceId", "spanId", "parentSpanId")


def as_protobuf(request: Mapping[str, Any]) -> bytes:
    """OTLP's JSON as the official library writes it in protobuf."""
    request = json.loads(json.dumps(request))
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span.update({key: base64.b64encode(bytes.fromhex(span[key])).decode() for key in IDS if key in span})
    return ParseDict(request, ExportTraceServiceRequest()).SerializeToString()


def as_json(body: bytes) -> bytes:
    """The official library's JSON, but ids in hex as OTLP wants them."""
    request = MessageToDict(ExportTraceServiceRequest.FromString(body))
    for resource in request.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                span.update({key: base64.b64decode(span[key]).hex() for key in IDS if key in span})
    return json.dumps(request).encode()


def exported() -> tuple[list[Call], Counter[str]]:
    calls: list[Call] = []
    skipped: Counter[str] = Counter()
    for path in sorted(DATA.glob("*.bin")):
        body = path.read_bytes()
        batch = read_otlp(body, PROTOBUF)
        assert read_otlp(as_json(body), JSON) == batch, "both encodings say the same"
        calls += batch.calls
        skipped.update(batch.skipped)
    return calls, skipped


def seen_by_callers() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "truth.jsonl").read_text().splitlines()]


def test_what_a_router_exports_is_what_its_callers_saw() -> None:
    """LiteLLM 1.109.1 writes a call that was neither streamed nor traced by its caller on no span: 14 of 38."""
    calls, truth = exported()[0], seen_by_callers()
    lost = [told for told in truth if not told["stream"] and told["id_way"] != "traceparent+baggage"]
    lost = [told for told in lost if told["status"] == 200]
    assert (len(calls), len(lost), len(truth)) == (24, 14, 38)
    assert Counter(
        (call.key.id, call.agent, call.parent, call.asked, call.failed, call.prompt + call.cached, call.output)
        for call in calls
    ) == Counter(
        (
            *(told["session"], told["agent"], told["parent"] or "", told["model"], told["status"] != 200),
            *(told["prompt"], told["output"]),
        )
        for told in truth
        if told not in lost
    )
    assert {call.key.tenant for call in calls} == {"Team A"}


def test_the_engines_own_spans_of_the_same_calls_are_left_out() -> None:
    skipped = exported()[1]
    assert set(skipped) == {"no call to a model", "an engine's own view of a call"}
    assert skipped["an engine's own view of a call"] == 17


TRACE, NOON_NS = "0af7651916cd43dd8448eb211c80319c", 1_795_348_800 * 10**9


def a_span(at: int = 1, parent: int = 0, **attributes: Any) -> dict[str, Any]:
    """A span ``at`` seconds after noon, with underscores for dots in the names of its attributes."""
    span = {
        "traceId": TRACE,
        "spanId": f"{at:016x}",
        "startTimeUnixNano": str(NOON_NS + at * 10**9),
        "endTimeUnixNano": str(NOON_NS + (at + 2) * 10**9),
        "attributes": some(attributes),
    }
    return {**span, "parentSpanId": f"{parent:016x}"} if parent else span


def some(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    def value(of: Any) -> dict[str, Any]:
        kind = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}[type(of)]
        return {kind: str(of) if kind == "intValue" else of}

    return [{"key": key, "value": value(of)} for key, of in attributes.items()]


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "llama",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
}


def read(*spans: dict[str, Any], resource: Mapping[str, Any] | None = None) -> Batch:
    request = {
        "resourceSpans": [{"resource": {"attributes": some(resource or {})}, "scopeSpans": [{"spans": [*spans]}]}]
    }
    batch = read_otlp(json.dumps(request).encode(), JSON)
    assert read_otlp(as_protobuf(request), PROTOBUF) == batch, "both encodings say the same"
    return batch


def one(*spans: dict[str, Any], **more: Any) -> Call:
    (call,) = read(*spans, **more).calls
    return call


def test_a_call_is_told_whole() -> None:
    assert one(a_span(**CHAT)) == Call(
        id=f"{TRACE}:{1:016x}",
        key=SessionKey(NOBODY, TRACE),
        asked="llama",
        begun=datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC),
        ended=datetime(2026, 11, 22, 12, 0, 3, tzinfo=UTC),
        prompt=100,
        output=20,
    )


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param(CHAT, id="GenAI, new"),
        pytest.param(
            {
                "gen_ai.request.model": "llama",
                "gen_ai.system": "openai",
                "gen_ai.usage.prompt_tokens": 100,
                "gen_ai.usage.completion_tokens": 20,
            },
            id="GenAI, old",
        ),
        pytest.param(
            {
                "openinference.span.kind": "LLM",
                "llm.model_name": "llama",
                "llm.token_count.prompt": 100,
                "llm.token_count.completion": 20,
            },
            id="OpenInference",
        ),
        pytest.param(
            {
                "llm.request.type": "chat",
                "gen_ai.response.model": "openai/llama",
                "gen_ai.system": "openai",
                "gen_ai.usage.prompt_tokens": 100,
                "gen_ai.usage.completion_tokens": 20,
            },
            id="OpenLLMetry",
        ),
        pytest.param(
            {**CHAT, "gen_ai.operation.name": "acompletion", "litellm.model_group": "llama"} | {"llm.x": "y"},
            id="LiteLLM",
        ),
    ],
)
def test_names_old_and_new_say_the_same(attributes: Mapping[str, Any]) -> None:
    call = one(a_span(**attributes))
    assert (call.asked, call.prompt, call.output) == ("llama", 100, 20)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, "no call to a model"),
        ({"http.route": "/v1/chat"}, "no call to a model"),
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "grep"}, "no call to a model"),
        ({"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 5}, "no call to a model"),
        ({**CHAT, "gen_ai.operation.name": "invoke_agent"}, "an agent's sum of its calls"),
        ({**CHAT, "gen_ai.operation.name": "invoke_workflow"}, "an agent's sum of its calls"),
        ({"openinference.span.kind": "AGENT", "llm.token_count.prompt": 5}, "an agent's sum of its calls"),
        ({**CHAT, "gen_ai.latency.time_in_queue": 0.1}, "an engine's own view of a call"),
        ({"gen_ai.usage.prompt_tokens": 5}, "it names no model"),
        ({**CHAT, "gen_ai.usage.input_tokens": -5}, "a number of tokens is negative or beyond belief"),
        ({**CHAT, "gen_ai.usage.input_tokens": 2.5}, "a number of tokens is not a whole number"),
        ({**CHAT, "gen_ai.usage.output_tokens": "20"}, "a number of tokens is not a whole number"),
        ({**CHAT, "metadata.user_api_key_alias": "litellm-internal-health-check"}, "a health check of the router"),
    ],
)
def test_a_span_that_is_no_call_says_why(attributes: Mapping[str, Any], reason: str) -> None:
    batch = read(a_span(1, **attributes), a_span(2, **CHAT))
    assert (len(batch.calls), batch.skipped) == (1, {reason: 1})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"endTimeUnixNano": "0"}, "it has not ended"),
        ({"startTimeUnixNano": "0"}, "it took longer than a day"),
        ({"startTimeUnixNano": "5", "endTimeUnixNano": "9"}, "it was made in another century"),
        ({"endTimeUnixNano": str(2**64 - 1)}, "its times cannot be read"),
    ],
)
def test_times_that_cannot_be_true_cost_the_call(changes: Mapping[str, str], reason: str) -> None:
    skipped = read({**a_span(**CHAT), **changes}).skipped
    assert skipped in ({reason: 1}, {"it was made in another century": 1})


def test_cached_tokens_are_not_computed_again() -> None:
    call = one(a_span(**CHAT, **{"gen_ai.usage.cache_read.input_tokens": 30}))
    assert (call.prompt, call.cached) == (70, 30)
    details = str({"prompt_tokens_details": {"cached_tokens": 40}})
    call = one(a_span(**CHAT, **{"metadata.usage_object": details}))
    assert (call.prompt, call.cached) == (60, 40)


def test_a_call_that_failed_is_a_call() -> None:
    assert one({**a_span(**CHAT), "status": {"code": 2}}).failed
    assert one(a_span(**CHAT, **{"error.type": "timeout"})).failed
    assert not one({**a_span(**CHAT), "status": {"code": 1}}).failed


def test_the_routers_and_the_sdks_span_of_one_call_are_one_call_of_the_session_that_is_known() -> None:
    router = a_span(1, **CHAT, **{"gen_ai.response.id": "chatcmpl-1", "litellm.call_id": "x"})
    sdk = a_span(2, **CHAT, **{"gen_ai.response.id": "chatcmpl-1", "session.id": "s"})
    for spans in ((router, sdk), (sdk, router)):
        batch = read(*spans)
        assert [(call.id, call.key.id) for call in batch.calls] == [("chatcmpl-1", "s")]
        assert batch.skipped == {"another span of the same call": 1}


def test_a_span_around_another_call_is_not_a_second_call() -> None:
    batch = read(a_span(1, **CHAT), a_span(2, parent=1), a_span(3, parent=2, **CHAT))
    assert [call.id for call in batch.calls] == [f"{TRACE}:{3:016x}"]
    assert batch.skipped == {"it wraps another call": 1, "no call to a model": 1}


@pytest.mark.parametrize("between", ["invoke_agent", "execute_tool"])
def test_a_call_that_an_agent_makes_inside_a_call_is_another_call(between: str) -> None:
    inner = {"gen_ai.operation.name": between}
    assert len(read(a_span(1, **CHAT), a_span(2, parent=1, **inner), a_span(3, parent=2, **CHAT)).calls) == 2


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.conversation.id": "s", "session.id": "other"},
        {"session.id": "s", "langfuse.session.id": "other"},
        {"langfuse.session.id": "s"},
        {"traceloop.association.properties.session_id": "s"},
        {"langsmith.metadata.thread_id": "s"},
        {"metadata.requester_metadata": "{'session_id': 's', 'step': 0, 'parent': None}"},
        {"metadata.requester_custom_headers": "{'x-litellm-session-id': 's'}"},
    ],
)
def test_the_session_is_named_in_many_ways(attributes: Mapping[str, str]) -> None:
    assert one(a_span(**CHAT, **attributes)).key.id == "s"


def test_the_session_of_an_ancestor_or_of_the_process_counts_too() -> None:
    root = a_span(1, **{"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": "s"})
    assert one(root, a_span(2, parent=1), a_span(3, parent=2, **CHAT)).key.id == "s"
    assert one(a_span(3, **CHAT), resource={"session.id": "s"}).key.id == "s"


@pytest.mark.parametrize("text", ["{'session_id': ", "[1]", "{'a': __import__('os')}", "{'\\d': 1}", "{" * 9000, "{1}"])
def test_text_that_is_no_dictionary_is_the_trace_then(text: str) -> None:
    assert one(a_span(**CHAT, **{"metadata.requester_metadata": text})).key.id == TRACE


def test_agents_are_the_nearest_ancestors_that_are_agents() -> None:
    boss = a_span(1, **{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "boss"})
    coder = a_span(2, parent=1, **{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "coder"})
    step = a_span(3, parent=2, **{"traceloop.span.kind": "task", "traceloop.entity.name": "a step"})
    call = one(boss, coder, step, a_span(4, parent=3, **CHAT))
    assert (call.agent, call.parent) == ("coder", "boss")
    assert one(a_span(**CHAT, **{"gen_ai.agent.name": "coder"})).agent == "coder"


def test_a_family_that_goes_round_in_circles_ends() -> None:
    assert len(read(a_span(1, parent=2, **CHAT), a_span(2, parent=1), a_span(3, parent=3, **CHAT)).calls) == 2


@pytest.mark.parametrize(
    ("attributes", "resource", "tenant"),
    [
        ({"metadata.user_api_key_team_alias": "A", "metadata.user_api_key_team_id": "a", "tenant.id": "t"}, {}, "A"),
        ({"metadata.user_api_key_team_alias": "", "metadata.user_api_key_alias": "key"}, {}, "key"),
        ({"tenant.id": "t"}, {"tenant.id": "r"}, "t"),
        ({}, {"service.namespace": "agents", "service.name": "x"}, "agents"),
        ({}, {"service.name": "x"}, NOBODY),
    ],
)
def test_the_tenant_is_the_routers_team_or_what_the_process_says(
    attributes: Mapping[str, str], resource: Mapping[str, str], tenant: str
) -> None:
    assert one(a_span(**CHAT, **attributes), resource=resource).key.tenant == tenant


def test_calls_come_in_the_order_in_which_they_ended() -> None:
    batch = read(a_span(3, **CHAT, **{"session.id": "s"}), a_span(1, **CHAT), a_span(2, **CHAT))
    assert [call.ended.second for call in batch.calls] == [3, 4, 5]


def test_prompts_answers_and_what_is_too_long_leave_no_trace() -> None:
    secret = "SECRET"
    told = {"gen_ai.input.messages": secret, "llm.input_messages.0.message.content": secret, "user.id": secret}
    long = {"session.id": secret * LONGEST_TEXT}
    call = one({**a_span(**CHAT, **told, **long), "name": secret, "events": [{"name": secret}]}, resource=told)
    assert secret not in repr(call)


def test_a_span_larger_than_reason_costs_itself() -> None:
    request = {
        "resourceSpans": [{"scopeSpans": [{"spans": [a_span(1, **CHAT), a_span(2, **CHAT, x="y" * LARGEST_SPAN)]}]}]
    }
    batch = read_otlp(as_protobuf(request), PROTOBUF)
    assert (len(batch.calls), batch.skipped) == (1, {"a span larger than 4 MiB": 1})


def test_an_empty_request_holds_nothing() -> None:
    assert read_otlp(b"", PROTOBUF) == read_otlp(b"{}", JSON) == Batch(calls=())
    assert read_otlp(b'{"resourceSpans": []}', JSON) == Batch(calls=())


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"{}", "text/plain", id="neither encoding"),
        pytest.param(b"hello", JSON, id="no JSON"),
        pytest.param(b"[]", JSON, id="a list"),
        pytest.param(b'{"resourceLogs": []}', JSON, id="logs"),
        pytest.param(b'{"resourceSpans": {}}', JSON, id="no list"),
        pytest.param(b"hello", PROTOBUF, id="no protobuf"),
        pytest.param(b"\x0a\xff", PROTOBUF, id="cut short"),
        pytest.param(b"\xff" * 20, PROTOBUF, id="endless number"),
        pytest.param(b"\x0b\x0c", PROTOBUF, id="a group"),
        pytest.param(b"\x0a\x04\x0a\x02\x0a\x05", PROTOBUF, id="a broken resource"),
        pytest.param(b"\x0a\x00" * (MOST_PIECES + 1), PROTOBUF, id="a bomb of empty messages"),
    ],
)
def test_a_body_that_is_no_request_is_refused_as_a_whole(body: bytes, content_type: str) -> None:
    with pytest.raises(SourceError):
        read_otlp(body, content_type)


def test_a_bomb_of_empty_spans_is_refused() -> None:
    def field(number: int, held: bytes) -> bytes:
        size, digits = len(held), b""
        while size > 0x7F:
            digits, size = digits + bytes([size & 0x7F | 0x80]), size >> 7
        return bytes([number << 3 | 2]) + digits + bytes([size]) + held

    with pytest.raises(SourceError, match="send fewer at once"):
        read_otlp(field(1, field(2, b"\x12\x00" * 500_000)), PROTOBUF)


@pytest.mark.parametrize("strange", [None, 1, "x", [], {}, [None], [1], [[]], [{}]])
def test_strange_shapes_in_json_cost_only_themselves(strange: object) -> None:
    good = a_span(**CHAT)
    spans = [{**good, "attributes": strange}, {**good, "status": strange}, {**good, "spanId": strange}, strange, good]
    pairs = [{"key": "session.id", "value": strange}, {"key": strange, "value": {}}, strange]
    spans.append({**good, "spanId": "07", "attributes": [*good["attributes"], *pairs]})
    request = {"resourceSpans": [strange, {"resource": strange, "scopeSpans": [strange, {"spans": spans}]}]}
    batch = read_otlp(json.dumps(request).encode(), JSON)
    assert f"{TRACE}:{1:016x}" in {call.id for call in batch.calls}
