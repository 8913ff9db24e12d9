"""Calls out of traces: which spans are calls to a model, whose they are, and which tell of the same call.

A trace holds a call up to four times: the agent's span (a sum), the SDK's, the router's and the engine's. Counted is
the one closest to the router. What a span does not say of its session and agent, its ancestors may.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    entries: list[_Member | NotACallError] = [*family.members]
    entries += (span for span in told if isinstance(span, NotACallError))
    seen: set[str] = set()

    def read(entry: _Member | NotACallError) -> Call:
        if isinstance(entry, NotACallError):
            raise entry
        call = family.call(entry)
        if call.id in seen:
            raise NotACallError("another span of the same call")
        seen.add(call.id)
        return call

    batch = gathered(entries, read)
    return replace(batch, calls=tuple(sorted(batch.calls, key=lambda call: call.ended)))


@dataclass(frozen=True, slots=True)
class _Member:
    """One span, and what it says by itself: worked out once, for all its descendants ask."""

    span: Span
    refusal: str | None
    """Why it is no call to a model; ``None`` when it is one."""
    other: bool
    """Calls inside it are other calls: it is an agent, or a tool."""
    session: str
    agent: str
    litellm: Mapping[str, Any]


def _member(span: Span) -> _Member:
    return _Member(
        span=span,
        refusal=_why_not(span),
        other=_operation(span) in names.AGENTS | names.NOT_CALLS,
        session=identity(*(span.attributes.get(key) for key in names.SESSION)),
        agent=_agent(span),
        litellm=_litellm(span),
    )


class _Family:
    """The spans of one request, and who is whose child."""

    def __init__(self, told: Sequence[Span]) -> None:
        self.members = [_member(span) for span in told]
        self._by_id = {(member.span.trace, member.span.id): member for member in self.members}
        self._wrappers = {id(self._wrapper(member)) for member in self.members if member.refusal is None}
        self.members.sort(key=self._knows_least)

    def call(self, member: _Member) -> Call:
        """The span as a call; raises :class:`NotACallError`."""
        refusal = "it wraps another call" if id(member) in self._wrappers else None
        if member.refusal or refusal:
            raise NotACallError(member.refusal or refusal)
        span, litellm = member.span, member.litellm
        said, own = span.attributes, identity(f"{span.trace}:{span.id}")
        caller.refuse_health_check(litellm)
        begun, ended = interval(span.begun / 1e9, span.ended / 1e9)
        prompt = tokens(_first(said, names.PROMPT))
        cached = min(prompt, tokens(_first(said, names.CACHED) or _cached(litellm)))
        agents = [*dict.fromkeys(one.agent for one in self._line(member) if one.agent), ""]
        return Call(
            id=identity(*(said.get(key) for key in names.CALL_ID), own),
            key=SessionKey(_tenant(span, litellm), self._session(member) or identity(span.trace, own)),
            asked=_asked(said),
            begun=begun,
            ended=ended,
            agent=agents[0] or caller.agent(litellm, user_agent=litellm.get("user_agent")),
            parent=agents[1] if agents[0] else caller.parent(litellm),
            prompt=prompt - cached,
            cached=cached,
            output=tokens(_first(said, names.OUTPUT)),
            failed=span.failed or _first(said, names.ERROR) is not None,
            dollars=dollars(_first(said, names.COST)),
        )

    def _knows_least(self, member: _Member) -> tuple[bool, bool]:
        """Of two spans of one call, the one that says whose it is comes first."""
        return not self._session(member), not any(one.agent for one in self._line(member))

    def _session(self, member: _Member) -> str:
        """The session id that the span, an ancestor, LiteLLM or the process names; empty where none does."""
        for one in self._line(member):
            if one.session:
                return one.session
        return identity(caller.session(member.litellm), *(member.span.resource.get(key) for key in names.SESSION))

    def _line(self, member: _Member) -> Iterator[_Member]:
        """The span and its ancestors in this request, nearest first."""
        one: _Member | None = member
        for _ in range(HIGHEST):
            if one is None:
                return
            yield one
            one = self._by_id.get((one.span.trace, one.span.parent))

    def _wrapper(self, member: _Member) -> _Member | None:
        """The nearest call around this one, with no agent and no tool in between; it does not count."""
        for one in self._line(member):
            if one is not member and (one.other or one.refusal is None):
                return None if one.other else one
        return None


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
