"""Calls as LiteLLM tells of them: its ``generic_api`` callback posts one ``StandardLoggingPayload`` per call.

Prompts, answers and headers stand in the same payload; nothing of them leaves this file.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from controlplane.collect import litellm_caller as caller
from controlplane.collect.told import (
    ID_LENGTH,
    MODEL_LENGTH,
    NotACallError,
    dollars,
    gathered,
    identity,
    interval,
    name,
    parsed,
    part,
    tokens,
)
from controlplane.errors import SourceError
from controlplane.model.page import Fault
from controlplane.model.session import Batch, Call, SessionKey

FAILED = "/failed"
"""Told apart from the attempt that succeeded: LiteLLM tries again, and falls back, under the same call id."""


def read_litellm(body: bytes, _content_type: str) -> Batch:
    """The calls of one delivery: a JSON array, one object, or one object a line.

    The content type says nothing: LiteLLM names lines ``application/json`` too.

    Raises:
        SourceError: nothing in the body can be read.
    """
    return gathered(_entries(body), _call)


def _entries(body: bytes) -> Iterable[object]:
    try:
        whole = parsed(body)
    except SourceError as refusal:
        lines = [_line(line) for line in body.split(b"\n") if line.strip()] if refusal.fault is Fault.MALFORMED else []
        if any(isinstance(line, dict) for line in lines):
            return lines
        raise
    if not isinstance(whole, (list, dict)):
        raise SourceError(Fault.MALFORMED, "the body is neither a list of calls nor a call")
    return whole if isinstance(whole, list) else [whole]


def _line(line: bytes) -> object:
    try:
        return parsed(line)
    except SourceError:
        return None


def _call(entry: object) -> Call:
    if not isinstance(entry, dict):
        raise NotACallError("an entry is no object")
    metadata, kind, status = part(entry, "metadata"), entry.get("call_type"), entry.get("status")
    caller.refuse_health_check(metadata)
    asked = _asked(entry)
    if not asked or kind == "call_mcp_tool" or (isinstance(kind, str) and kind.startswith("/")):
        raise NotACallError("it asks no model")
    if status not in ("success", "failure"):
        raise NotACallError("it neither succeeded nor failed")
    failed = status == "failure"
    told = identity(entry.get("litellm_call_id"), entry.get("id"))
    if not told:
        raise NotACallError("it has no id")
    begun, ended = interval(entry.get("startTime"), entry.get("endTime"))
    prompt, cached, output = _used(entry, metadata)
    tags = entry.get("request_tags")
    return Call(
        id=f"{told[: ID_LENGTH - len(FAILED)]}{FAILED}" if failed else told,
        key=SessionKey(caller.tenant(metadata), _session(entry, metadata) or told),
        asked=asked,
        begun=begun,
        ended=ended,
        agent=caller.agent(metadata, tags, metadata.get("user_agent") or entry.get("user_agent")),
        parent=caller.parent(metadata, tags),
        prompt=prompt,
        cached=cached,
        output=output,
        failed=failed,
        dollars=dollars(entry.get("response_cost")),
    )


def _session(entry: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """LiteLLM fills ``session_id`` only when told to; by default a caller's session id lands in ``trace_id``."""
    return identity(caller.session(metadata, entry.get("session_id")), entry.get("trace_id"))


def _asked(entry: Mapping[str, Any]) -> str:
    group = name(entry.get("model_group"), most=MODEL_LENGTH)
    if group:
        return group
    model, provider = name(entry.get("model"), most=MODEL_LENGTH), name(entry.get("custom_llm_provider"))
    return model.removeprefix(f"{provider}/") if provider else model


def _used(entry: Mapping[str, Any], metadata: Mapping[str, Any]) -> tuple[int, int, int]:
    """Tokens computed, cached and put out. What LiteLLM answered out of its own cache used no model at all."""
    if entry.get("cache_hit") is True:
        return 0, 0, 0
    usage = part(metadata, "usage_object")
    prompt = tokens(entry.get("prompt_tokens", usage.get("prompt_tokens")))
    output = tokens(entry.get("completion_tokens", usage.get("completion_tokens")))
    cached = min(prompt, tokens(part(usage, "prompt_tokens_details").get("cached_tokens")))
    return prompt - cached, cached, output
