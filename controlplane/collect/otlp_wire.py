"""Spans out of an OTLP/HTTP request, in protobuf or JSON: only the attributes we read, one span at a time.

A few kilobytes can be unpacked into gigabytes of empty messages. So a request is walked by hand down to its spans,
which costs no memory, and the library reads each span alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from controlplane.collect.otlp_names import WANTED
from controlplane.collect.told import NOTHING, NotACallError, parsed, part
from controlplane.errors import SourceError
from controlplane.model.page import Fault

LARGEST_SPAN = 4 * 2**20
"""Bytes of one span, or of one resource."""
LONGEST_TEXT = 16 * 2**10
"""Characters of one attribute we read; prompts are among those we do not."""
MOST_PIECES = 200_000
"""Parts of a protobuf request that are not spans: resources, scopes, unknown fields."""

Value = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span, as far as it matters here."""

    trace: str
    id: str
    parent: str
    begun: int
    """Nanoseconds since 1970."""
    ended: int
    """0 where it has not ended."""
    failed: bool
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]


def spans(body: bytes, content_type: str) -> Iterator[Span | NotACallError]:
    """The spans of a request; what cannot be read of it is said in the span's place.

    Raises:
        SourceError: the body is no such request.
    """
    if content_type == "application/json":
        return _of_json(parsed(body))
    if content_type in {"application/x-protobuf", "application/protobuf"}:
        return _of_protobuf(memoryview(body))
    raise SourceError(Fault.ENCODING, "send OTLP as application/x-protobuf or application/json")


def _of_protobuf(body: memoryview) -> Iterator[Span | NotACallError]:
    walk = _Walk()
    for resource_spans in walk.fields(body, 1):
        resource: Mapping[str, Value] = {}
        for piece in walk.fields(resource_spans, 1):
            resource = _attributes(_resource(piece).attributes)
        for scope_spans in walk.fields(resource_spans, 2):
            for piece in walk.fields(scope_spans, 2):
                yield _of_message(piece, resource)


class _Walk:
    """Goes through the fields of messages without unpacking them, and not for ever."""

    def __init__(self) -> None:
        self._left = MOST_PIECES

    def fields(self, message: memoryview, number: int) -> Iterator[memoryview]:
        """What the field holds, each time it is there."""
        at = 0
        while at < len(message):
            self._left -= 1
            if self._left < 0:
                raise SourceError(Fault.TOO_MANY, f"more than {MOST_PIECES} parts in one request; send fewer at once")
            tag, at = _varint(message, at)
            size = {0: 0, 1: 8, 5: 4}.get(tag & 7)
            if tag & 7 in {0, 2}:
                told, at = _varint(message, at)
                size = told if size is None else size
            if size is None or at + size > len(message):
                raise SourceError(Fault.MALFORMED, "the body is no OTLP request")
            if tag == number << 3 | 2:
                yield message[at : at + size]
            at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at + shift + 1
    raise SourceError(Fault.MALFORMED, "the body is no OTLP request")


def _resource(piece: memoryview) -> Resource:
    try:
        return Resource() if len(piece) > LARGEST_SPAN else Resource.FromString(bytes(piece))
    except DecodeError:
        raise SourceError(Fault.MALFORMED, "a resource cannot be read") from None


def _of_message(piece: memoryview, resource: Mapping[str, Value]) -> Span | NotACallError:
    if len(piece) > LARGEST_SPAN:
        return NotACallError("a span larger than 4 MiB")
    try:
        span = Message.FromString(bytes(piece))
    except DecodeError:
        return NotACallError("a span that cannot be read")
    return Span(
        trace=span.trace_id[:32].hex(),
        id=span.span_id[:32].hex(),
        parent=span.parent_span_id[:32].hex(),
        begun=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        attributes=_attributes(span.attributes),
        resource=resource,
    )


def _attributes(pairs: Iterable[KeyValue]) -> Mapping[str, Value]:
    kept: dict[str, Value] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value") if pair.key in WANTED else None
        if kind in {"string_value", "int_value", "double_value", "bool_value"}:
            value: Value = getattr(pair.value, str(kind))
            if not isinstance(value, str) or len(value) <= LONGEST_TEXT:
                kept[pair.key] = value
    return kept


def _of_json(request: object) -> Iterator[Span | NotACallError]:
    if not isinstance(request, dict) or (request and not isinstance(request.get("resourceSpans"), list)):
        raise SourceError(Fault.MALFORMED, "the body is no OTLP request: it has no resourceSpans")
    for resource_spans in _objects(request, "resourceSpans"):
        resource = _json_attributes(part(resource_spans, "resource"))
        for scope_spans in _objects(resource_spans, "scopeSpans"):
            for span in _list(scope_spans, "spans"):
                yield _of_object(span, resource) if isinstance(span, dict) else NotACallError("a span is no object")


def _of_object(span: Mapping[str, Any], resource: Mapping[str, Value]) -> Span:
    return Span(
        trace=_text(span, "traceId"),
        id=_text(span, "spanId"),
        parent=_text(span, "parentSpanId"),
        begun=_integer(span.get("startTimeUnixNano")) or 0,
        ended=_integer(span.get("endTimeUnixNano")) or 0,
        failed=part(span, "status").get("code") in (2, "STATUS_CODE_ERROR"),
        attributes=_json_attributes(span),
        resource=resource,
    )


def _json_attributes(of: Mapping[str, Any]) -> Mapping[str, Value]:
    kept: dict[str, Value] = {}
    for pair in _objects(of, "attributes"):
        key = pair.get("key")
        value = _value(part(pair, "value")) if isinstance(key, str) and key in WANTED else None
        if isinstance(key, str) and value is not None:
            kept[key] = value
    return kept


def _value(of: Mapping[str, Any]) -> Value | None:
    text, real, flag = of.get("stringValue"), of.get("doubleValue"), of.get("boolValue")
    if isinstance(text, str):
        return text if len(text) <= LONGEST_TEXT else None
    if isinstance(flag, bool):
        return flag
    if isinstance(real, (int, float)) and not isinstance(real, bool):
        return real
    return _integer(of.get("intValue"))


def _integer(said: object) -> int | None:
    """64-bit numbers are text in JSON."""
    if isinstance(said, str) and len(said) <= 20 and said.removeprefix("-").isdecimal():
        return int(said)
    return said if isinstance(said, int) and not isinstance(said, bool) else None


def _text(of: Mapping[str, Any], key: str) -> str:
    said = of.get(key)
    return said[:64].lower() if isinstance(said, str) else ""


def _list(of: Mapping[str, Any], key: str) -> list[Any]:
    said = of.get(key)
    return said if isinstance(said, list) else []


def _objects(of: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    return (entry if isinstance(entry, dict) else NOTHING for entry in _list(of, key))
