"""Calls out of traces: which spans are calls to a model, whose they are, and which tell of the same call.

A trace holds a call up to four times: the agent's span (a sum), the SDK's, the router's and the engine's. Counted is
the one closest to the router. What a span does not say of its session and agent, its ancestors may.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controlplane.collect import litellm_caller as caller
from controlplane.collect import otlp_names as names
from controlplane.collect.otlp_wire import Span, Value, spans
from controlplane.collect.told import (
    MODEL_LENGTH,
    NOTHING,
    NotACallError,
    bounded,
    dollars,
    gathered,
    identity,
    interval,
    name,
    part,
    tokens,
)
from controlplane.model.session import NOBODY, Batch, Call, SessionKey

HIGHEST = 64
"""Generations of ancestors that are looked at."""
_STRANGE_ESCAPE = re.compile(r"\\[^abfnrtvxuUN0-7'\"\\]")
"""Python prints none of these, and would warn about them on standard error."""


def read_otlp(body: bytes, content_type: str) -> Batch:
    """The calls among the spans of one request.

    Raises:
        SourceError: the body is no OTLP request, or one too large to be read.
    """
    told = list(bounded(spans(body, content_type)))
    family = _Family([span for span in told if isinstance(span, Span)])
    told.sort(key=family.knows_least)  # of two spans of one call, the one that says whose it is comes first
    seen: set[str] = set()

    def read(span: Span | NotACallError) -> Call:
        if isinstance(span, NotACallError):
            raise span
        call = family.call(span)
        if call.id in seen:
            raise NotACallError("another span of the same call")
        seen.add(call.id)
        return call

    batch = gathered(told, read)
    return replace(batch, calls=tuple(sorted(batch.calls, key=lambda call: call.ended)))


class _Family:
    """The spans of one request, and who is whose child."""

    def __init__(self, told: Sequence[Span]) -> None:
        self._spans = {(span.trace, span.id): span for span in told}
        self._wrappers = {
            (outer.trace, outer.id)
            for span in told
            if _why_not(span) is None
            for outer in self._around(span)
            if _why_not(outer) is None
        }

    def call(self, span: Span) -> Call:
        """The span as a call; raises :class:`NotACallError`."""
        refusal = _why_not(span)
        if refusal is None and (span.trace, span.id) in self._wrappers:
            refusal = "it wraps another call"
        if refusal is not None:
            raise NotACallError(refusal)
        said, told = span.attributes, _litellm(span)
        caller.refuse_health_check(told)
        own = identity(f"{span.trace}:{span.id}")
        begun, ended = interval(span.begun / 1e9, span.ended / 1e9)
        prompt = tokens(_first(said, names.PROMPT))
        cached = min(prompt, tokens(_first(said, names.CACHED) or _cached(told)))
        agents = [*dict.fromkeys(filter(None, (_agent(one) for one in self._line(span)))), ""]
        return Call(
            id=identity(*(said.get(key) for key in names.CALL_ID), own),
            key=SessionKey(_tenant(span, told), self._session(span) or identity(span.trace, own)),
            asked=_asked(said),
            begun=begun,
            ended=ended,
            agent=agents[0] or caller.agent(told, user_agent=told.get("user_agent")),
            parent=agents[1] if agents[0] else caller.parent(told),
            prompt=prompt - cached,
            cached=cached,
            output=tokens(_first(said, names.OUTPUT)),
            failed=span.failed or _first(said, names.ERROR) is not None,
            dollars=dollars(_first(said, names.COST)),
        )

    def knows_least(self, span: Span | NotACallError) -> tuple[bool, bool]:
        """Orders spans by what they do not know."""
        if isinstance(span, NotACallError):
            return True, True
        return not self._session(span), not any(_agent(one) for one in self._line(span))

    def _session(self, span: Span) -> str:
        """The session id that the span, an ancestor or the process names; empty where none does."""
        line = tuple(self._line(span))
        said = (one.attributes.get(key) for one in line for key in names.SESSION)
        of_litellm = caller.session(_litellm(span))
        return identity(*said, of_litellm, *(span.resource.get(key) for key in names.SESSION))

    def _line(self, span: Span) -> Iterator[Span]:
        """The span and its ancestors in this request, nearest first."""
        one: Span | None = span
        for _ in range(HIGHEST):
            if one is None:
                return
            yield one
            one = self._spans.get((one.trace, one.parent)) if one.parent != one.id else None

    def _around(self, span: Span) -> Iterator[Span]:
        """The ancestors up to the nearest agent or tool: beyond it, calls are other calls."""
        for one in self._line(span):
            if one is not span:
                if _operation(one) in names.AGENTS | names.NOT_CALLS:
                    return
                yield one


def _operation(span: Span) -> str:
    """What the span does, in lower case; empty where it does not say."""
    said = (span.attributes.get(key) for key in (*names.OPERATION, *names.KIND, *names.REQUEST_TYPE))
    return name(*said).lower()


def _why_not(span: Span) -> str | None:
    """Why a span is no call to a model; ``None`` when it is one."""
    said, operation = span.attributes, _operation(span)
    if any(key in said for key in names.ENGINE):
        return "an engine's own view of a call"
    if operation in names.AGENTS:
        return "an agent's sum of its calls"
    asks = operation in names.CALLS or operation.removeprefix("a") in names.CALLS
    counts = _first(said, (*names.PROMPT, *names.OUTPUT, "litellm.call_id")) is not None
    if operation in names.NOT_CALLS or not (asks or counts):
        return "no call to a model"
    if not _asked(said):
        return "it names no model"
    return None if span.ended else "it has not ended"


def _first(said: Mapping[str, Value], keys: Sequence[str]) -> Value | None:
    return next((said[key] for key in keys if key in said), None)


def _asked(said: Mapping[str, Value]) -> str:
    group = name(*(said.get(key) for key in names.GROUP), most=MODEL_LENGTH)
    if group:
        return group
    model = name(*(said.get(key) for key in names.MODEL), most=MODEL_LENGTH)
    provider = name(*(said.get(key) for key in names.PROVIDER))
    return model.removeprefix(f"{provider}/") if provider else model


def _agent(span: Span) -> str:
    """Who this span says is at work; a name of a workflow's or a tool's span is no agent's."""
    said = span.attributes
    if _operation(span) in names.AGENTS:
        return name(*(said.get(key) for key in names.AGENT))
    return name(*(said.get(key) for key in names.AGENT[:1]))


def _tenant(span: Span, told: Mapping[str, Any]) -> str:
    of_litellm = caller.tenant(told)
    if of_litellm != NOBODY:
        return of_litellm
    said = [span.attributes.get(key) for key in names.TENANT]
    return name(*said, *(span.resource.get(key) for key in names.RESOURCE_TENANT)) or NOBODY


def _litellm(span: Span) -> Mapping[str, Any]:
    """LiteLLM's ``metadata`` as its callback would send it, out of a span's attributes."""
    said = span.attributes
    texts = {key.removeprefix(names.LITELLM): said[key] for key in names.LITELLM_TEXT if key in said}
    literals = {key.removeprefix(names.LITELLM): _literal(said[key]) for key in names.LITELLM_LITERALS if key in said}
    return {**texts, **literals}


def _literal(said: object) -> Mapping[str, Any]:
    """A dictionary as Python prints it; empty where it is anything else. Its length is bounded on receipt."""
    if not isinstance(said, str) or not said.startswith("{") or _STRANGE_ESCAPE.search(said):
        return NOTHING
    try:
        value = ast.literal_eval(said)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return NOTHING
    return value if isinstance(value, dict) else NOTHING


def _cached(told: Mapping[str, Any]) -> object:
    return part(part(told, "usage_object"), "prompt_tokens_details").get("cached_tokens")
