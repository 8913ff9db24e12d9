"""Calls become sessions: who used what, how wide it fanned out, and since when it is over its allowance.

In which order calls are told, and in how many deliveries, changes neither tokens nor calls nor agents. Told twice they
would count twice: whoever calls this knows which are new.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import fsum

from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind
from controlplane.model.role import RoleSpec
from controlplane.model.session import AgentUse, Call, Counted, Served, Session, SessionKey, Use, Usual
from controlplane.observe.fanout import lately, most_at_once
from controlplane.observe.session_counts import Tally

MOST_AGENTS = 64
"""Agents told apart in one session; further ones are added up under :data:`REST`."""

REST = "…"
"""Everybody who is not told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What calls are worth, and what a session is allowed, at the moment calls are told."""

    served: Mapping[str, Served]
    """By what callers ask for."""
    roles: Mapping[RoleName, RoleSpec]
    weights: Mapping[TokenKind, float]
    prices: Mapping[RoleName, float]
    """Dollars per weighted token of the role's model; a role whose price is unknown is not in here."""
    usual: Mapping[RoleName | None, Usual]
    """By the role sessions began at; one of which too few have finished is not in here."""
    runaway_factor: float
    budget_dollars: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Sessions as they are after new calls, or after their end, and what the counters grow by."""

    sessions: tuple[Session, ...]
    counted: tuple[Counted, ...]


def fold(before: Mapping[SessionKey, Session], calls: Iterable[Call], terms: Terms) -> Folded:
    """Add calls to their sessions; one that is not among ``before`` begins."""
    by_key: defaultdict[SessionKey, list[Call]] = defaultdict(list)
    for call in calls:
        by_key[call.key].append(call)
    tally = Tally()
    sessions = []
    for key in sorted(by_key):
        told = sorted(by_key[key], key=lambda call: (call.ended, call.begun, call.id))
        session = before.get(key)
        if session is None:
            session = _begun(told[0], terms)
            tally.met(key.tenant, session.role)
        sessions.append(_with(session, told, terms, tally))
    return Folded(sessions=tuple(sessions), counted=tally.counted())


def finish(sessions: Iterable[Session], terms: Terms, now: datetime) -> Folded:
    """End sessions. One that had ended before, and went on, is not counted as finished again."""
    tally = Tally()
    ended = []
    for session in sessions:
        last = _judged(replace(session, uses=_priced(session.uses, terms), spans=(), ended=now), terms, tally)
        if last.finished is None:
            last = replace(last, finished=now)
            tally.finished(last.key.tenant, last.role, last.fanout, last.dollars)
        ended.append(last)
    return Folded(sessions=tuple(ended), counted=tally.counted())


def fewer(agents: Sequence[AgentUse], most: int) -> tuple[AgentUse, ...]:
    """The agents that took most, the others as one."""
    by_weight = sorted(agents, key=lambda agent: (agent.agent == REST, -agent.weighted, agent.agent))
    kept, rest = by_weight[:most], by_weight[most:]
    if not rest:
        return tuple(kept)
    together = AgentUse(
        agent=REST,
        parent="",
        calls=sum(agent.calls for agent in rest),
        failed=sum(agent.failed for agent in rest),
        weighted=fsum(agent.weighted for agent in rest),
        begun=min(agent.begun for agent in rest),
        last=max(agent.last for agent in rest),
    )
    return (*kept, together)


def _begun(call: Call, terms: Terms) -> Session:
    served = terms.served.get(call.asked)
    return Session(
        key=call.key,
        role=served.output if served else None,
        begun=call.begun,
        last=call.ended,
        calls=0,
        failed=0,
        weighted=0.0,
    )


@dataclass(slots=True)
class _Part:
    """Of a role, or of an agent, while calls are added."""

    calls: int = 0
    failed: int = 0
    weighted: float = 0.0
    """New since its price was last known."""
    dollars: float = 0.0
    tokens: defaultdict[TokenKind, int] = field(default_factory=lambda: defaultdict(int))


def _with(session: Session, told: Sequence[Call], terms: Terms, tally: Tally) -> Session:
    """A session and its new calls, in the order they ended."""
    parts: defaultdict[RoleName | None, _Part] = defaultdict(_Part)
    agents = {agent.agent: agent for agent in session.agents}
    weighted, over, limit = session.weighted, session.over, _limit(session, terms)
    for call in told:
        served = terms.served.get(call.asked)
        tokens = {TokenKind.PROMPT: call.prompt, TokenKind.CACHED: call.cached, TokenKind.OUTPUT: call.output}
        weights = {kind: terms.weights[kind] * count for kind, count in tokens.items()}
        for kind, count in tokens.items():
            part = parts[_server(served, kind)]
            part.tokens[kind] += count
            if served or call.dollars is None:
                part.weighted += weights[kind]
        part = parts[served.output if served else None]
        part.calls += 1
        part.failed += call.failed
        if not served:
            part.dollars += call.dollars or 0.0
        of_call = sum(weights.values())
        weighted += of_call
        if over is None and limit is not None and weighted > limit:
            over = call.ended
        _credit(agents, call, of_call)
    for role, part in parts.items():
        for kind, count in part.tokens.items():
            tally.tokens(session.key.tenant, role, terms.roles.get(role) if role else None, kind, count)
    if over is not None and session.over is None:
        tally.over(session.key.tenant)
    last = max(session.last, told[-1].ended)
    spans = (*session.spans, *((call.begun, call.ended) for call in told))
    recent = lately(spans, last)
    grown = replace(
        session,
        begun=min(session.begun, *(call.begun for call in told)),
        last=last,
        calls=session.calls + len(told),
        failed=session.failed + sum(call.failed for call in told),
        weighted=weighted,
        uses=_priced(_added(session.uses, parts), terms),
        agents=tuple(agents[name] for name in sorted(agents)),
        spans=recent,
        fanout=max(session.fanout, most_at_once(spans)),
        lately=max(1, most_at_once(recent)),
        over=over,
        ended=None,
    )
    return _judged(grown, terms, tally)


def _server(served: Served | None, kind: TokenKind) -> RoleName | None:
    if served is None:
        return None
    return served.output if kind is TokenKind.OUTPUT else served.prompt


def _limit(session: Session, terms: Terms) -> float | None:
    """Weighted tokens it may take; ``None`` while nobody knows what is usual, or it is nothing."""
    usual = terms.usual.get(session.role)
    return terms.runaway_factor * usual.weighted if usual is not None and usual.weighted > 0 else None


def _credit(agents: dict[str, AgentUse], call: Call, weighted: float) -> None:
    named = call.agent in agents or sum(name != REST for name in agents) < MOST_AGENTS
    name, parent = (call.agent, call.parent) if named else (REST, "")
    known = agents.get(name)
    if known is None:
        known = AgentUse(agent=name, parent=parent, calls=0, failed=0, weighted=0.0, begun=call.begun, last=call.ended)
    agents[name] = AgentUse(
        agent=name,
        parent=known.parent or parent,
        calls=known.calls + 1,
        failed=known.failed + call.failed,
        weighted=known.weighted + weighted,
        begun=min(known.begun, call.begun),
        last=max(known.last, call.ended),
    )


def _added(uses: Iterable[Use], parts: Mapping[RoleName | None, _Part]) -> tuple[Use, ...]:
    """What was used before and now, nobody's last."""
    known = {use.role: use for use in uses}
    for role, part in parts.items():
        use = known.get(role, Use(role=role))
        known[role] = Use(
            role=role,
            calls=use.calls + part.calls,
            failed=use.failed + part.failed,
            tokens={kind: use.tokens.get(kind, 0) + part.tokens.get(kind, 0) for kind in TokenKind},
            dollars=use.dollars + part.dollars,
            unpriced=use.unpriced + part.weighted,
        )
    return tuple(sorted(known.values(), key=lambda use: (use.role is None, use.role or "")))


def _priced(uses: Iterable[Use], terms: Terms) -> tuple[Use, ...]:
    return tuple(
        replace(use, dollars=use.dollars + use.unpriced * terms.prices[use.role], unpriced=0.0)
        if use.unpriced and use.role is not None and use.role in terms.prices
        else use
        for use in uses
    )


def _judged(session: Session, terms: Terms, tally: Tally) -> Session:
    """Over its allowance since its newest call when it was not before: in dollars, or by what is usual by now."""
    if session.over is not None:
        return session
    limit, known = _limit(session, terms), fsum(use.dollars for use in session.uses)
    too_many = limit is not None and session.weighted > limit
    too_dear = terms.budget_dollars is not None and known > terms.budget_dollars
    if not too_many and not too_dear:
        return session
    tally.over(session.key.tenant)
    return replace(session, over=session.last)
