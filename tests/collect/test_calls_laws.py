"""What must hold whatever a source sends: one of our own errors, or calls that can be true."""

import json
import math
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.collect.litellm import read_litellm
from controlplane.collect.otlp import read_otlp
from controlplane.collect.told import LONGEST, MOST_TOKENS
from controlplane.errors import SourceError
from controlplane.model.session import Batch
from tests.collect.test_otlp import as_json

DATA = Path(__file__).parent / "data"
REAL_CALLS = [
    entry
    for line in (DATA / "litellm-1.109.1" / "two-workers" / "deliveries.jsonl").read_text().splitlines()[:3]
    for entry in json.loads(line)
]
REAL_TRACES = [
    (DATA / "otlp" / name).read_bytes() for name in ("litellm-0006.bin", "litellm-0009.bin", "vllm-0009.bin")
]
REAL_REQUESTS = [json.loads(as_json(body)) for body in REAL_TRACES]

NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -(2**63), 10**400, 1e308, -0.0, math.nan, math.inf, -math.inf]),
    st.floats(),
    st.text(max_size=300),
    st.sampled_from(
        ["\ud800", "\x00", "\u202eevil", "x" * 5000, "{'a': " * 500, "0001-01-01T00:00:00+23:59", "-" * 9000]
    ),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["session_id", "agent_name", "key", "value", "cached_tokens"]), st.integers()),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, held in inner for found in places(held, (*path, key)))]


def changed(document: Any, path: tuple[Any, ...], held: object) -> Any:
    if not path:
        return held
    document = deepcopy(document)
    at = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = held
    return document


def lawful(batch: Batch) -> None:
    for call in batch.calls:
        assert call.begun <= call.ended <= call.begun + LONGEST
        assert call.begun.utcoffset() is not None
        assert all(0 <= number <= MOST_TOKENS for number in (call.prompt, call.cached, call.output))
        assert call.dollars is None or 0 <= call.dollars <= 1e6
        for text, most in ((call.id, 200), (call.key.id, 200), (call.key.tenant, 100), (call.asked, 255)):
            assert 0 < len(text) <= most
        for text in (call.id, call.key.id, call.key.tenant, call.asked, call.agent, call.parent):
            assert text.isprintable() and len(text.encode()) < 1100
        assert len(call.agent) <= 100 and len(call.parent) <= 100
    assert all(0 < len(reason) < 60 and number > 0 for reason, number in batch.skipped.items())


def outcome(read: Any, body: bytes, content_type: str) -> None:
    try:
        batch = read(body, content_type)
    except SourceError as error:
        refusal = error
    else:
        lawful(batch)
        return
    assert refusal.detail.isprintable() and len(refusal.detail) < 200


@settings(max_examples=300, deadline=None)
@given(entry=st.sampled_from(REAL_CALLS), data=st.data())
def test_no_value_in_a_payload_of_litellm_breaks_anything(entry: Any, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        entry = changed(entry, data.draw(st.sampled_from(places(entry))), data.draw(NASTY))
    outcome(read_litellm, json.dumps([entry, REAL_CALLS[0]]).encode(), "application/json")


@settings(max_examples=200, deadline=None)
@given(request=st.sampled_from(REAL_REQUESTS), data=st.data())
def test_no_value_in_a_request_of_otlp_breaks_anything(request: Any, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        request = changed(request, data.draw(st.sampled_from(places(request))), data.draw(NASTY))
    outcome(read_otlp, json.dumps(request).encode(), "application/json")


@settings(max_examples=300, deadline=None)
@given(body=st.sampled_from(REAL_TRACES), data=st.data())
def test_no_byte_of_protobuf_breaks_anything(body: bytes, data: st.DataObject) -> None:
    torn = bytearray(body)
    for _ in range(data.draw(st.integers(1, 8))):
        torn[data.draw(st.integers(0, len(torn) - 1))] = data.draw(st.integers(0, 255))
    outcome(read_otlp, bytes(torn[: data.draw(st.integers(0, len(torn)))]), "application/x-protobuf")


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=300), content_type=st.sampled_from(["application/json", "application/x-protobuf", ""]))
def test_no_bytes_at_all_break_anything(body: bytes, content_type: str) -> None:
    outcome(read_litellm, body, content_type)
    outcome(read_otlp, body, content_type)
