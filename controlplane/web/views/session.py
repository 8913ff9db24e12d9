"""One session: what it took against the usual first, then which agent and which role that was."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from controlplane.loop.sessions import SessionRules
from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind
from controlplane.model.session import AgentUse, Session, Usual
from controlplane.web import links
from controlplane.web.views import moments
from controlplane.web.views.fleet import Tag
from controlplane.web.views.quantity import Quantity, short
from controlplane.web.views.recommendation import Fact
from controlplane.web.views.sessions import money, price, state, times, trouble

DEEPEST = 8
"""Steps to the right that agents are moved; deeper ones stand below each other."""

SILENT = timedelta(minutes=2)
"""How long without a call it still counts as at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """One agent, below the one that started it."""

    name: str
    depth: int
    parent: str
    calls: str
    failed: str
    tokens: str
    percent: float
    begun: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRow:
    """What it used of one role."""

    role: str
    href: str
    calls: str
    failed: str
    prompt: str
    cached: str
    output: str
    dollars: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """Everything on the page."""

    id: str
    tenant: str
    tenant_href: str
    tags: tuple[Tag, ...]
    because: tuple[str, ...]
    runs_away: bool
    agents: tuple[AgentRow, ...]
    more_agents: bool
    uses: tuple[UseRow, ...]
    total: UseRow
    facts: tuple[Fact, ...]


def page(s: Session, usual: Usual | None, rules: SessionRules, now: datetime, *, wide: bool) -> SessionPage:
    """Put the page together. ``wide``: its fan-out was found to be none that was planned."""
    return SessionPage(
        id=s.key.id,
        tenant=s.key.tenant,
        tenant_href=links.sessions(tenant=s.key.tenant),
        tags=(*trouble(s, wide=wide), state(s)),
        because=tuple(_because(s, usual, rules, now)),
        runs_away=wide or (s.over is not None and s.ended is None),
        agents=tuple(_agents(s, now)),
        more_agents=any(a.agent == REST for a in s.agents),
        uses=_uses(s),
        total=_total(s),
        facts=tuple(_facts(s, usual, rules, now)),
    )


def _because(s: Session, usual: Usual | None, rules: SessionRules, now: datetime) -> Iterator[str]:
    began = f"sessions that begin at {s.role}" if s.role else "sessions that begin outside our roles"
    took = f"It took {short(s.weighted)} tokens by weight in {s.calls:,} {'call' if s.calls == 1 else 'calls'}"
    if usual is None or usual.weighted <= 0:
        yield f"{took}; what {began} usually take is not known until 20 have finished."
    else:
        factor = times(s.weighted / usual.weighted)
        against = f"{short(usual.weighted)}, the median of {usual.sessions}"
        yield f"{took}, {factor} times what {began} usually take ({against})."
    cost = price(s)
    cost_words = f"It cost {cost.text}" if cost.known else "What it cost is not known yet"
    if s.over is None:
        yield f"{cost_words}. It is within what it may take: {_allowed(usual, rules)}."
    else:
        since = f"{moments.minute(s.over, now)} ({moments.ago(s.over, now)})"
        over = (
            f"It is over what it may take since {since}" if s.ended is None else f"It took more than it may at {since}"
        )
        yield f"{cost_words}. {over}: {_allowed(usual, rules)}."
    if s.ended is not None:
        yield f"Its last call ended {moments.ago(s.last, now)}; taken to be finished {moments.ago(s.ended, now)}."
    elif now - s.last > SILENT:
        yield f"It has been silent for {moments.span(now - s.last)}; a call is told when it ends, so one may still run."
    else:
        yield f"It is at work: up to {s.lately} of its calls were in flight at once lately, {s.fanout} at most ever."


def _allowed(usual: Usual | None, rules: SessionRules) -> str:
    said = f"{rules.runaway_factor:g} times the usual"
    if usual is None:
        said += ", once that is known"
    return said if rules.budget_dollars is None else f"{said}, and {money(rules.budget_dollars)}"


REST = "…"
"""The agent that stands for all that are not told apart."""


def _agents(s: Session, now: datetime) -> Iterator[AgentRow]:
    most = max((agent.weighted for agent in s.agents), default=0.0)
    for agent, depth in tree(s.agents):
        yield AgentRow(
            name="other agents" if agent.agent == REST else agent.agent or "no name",
            depth=min(depth, DEEPEST),
            parent=agent.parent,
            calls=f"{agent.calls:,}",
            failed=f"{agent.failed:,}" if agent.failed else "",
            tokens=short(agent.weighted),
            percent=round(agent.weighted / most * 100, 1) if most > 0 else 0.0,
            begun=moments.clock(agent.begun, now),
            last=moments.ago(agent.last, now),
        )


def tree(agents: Sequence[AgentUse]) -> tuple[tuple[AgentUse, int], ...]:
    """Each agent once, below the one that started it, those that took most first.

    Names come from outside: parents that are not there, or go round in a circle, end no loop and lose no agent.
    """
    known = {agent.agent for agent in agents}
    children: defaultdict[str, list[AgentUse]] = defaultdict(list)
    roots: list[AgentUse] = []
    for agent in sorted(agents, key=lambda a: (a.weighted, a.agent)):  # the last is taken first
        (children[agent.parent] if agent.parent and agent.parent in known else roots).append(agent)
    placed: dict[str, tuple[AgentUse, int]] = {}
    waiting = [(agent, 0) for agent in [*sorted(agents, key=lambda a: (a.weighted, a.agent)), *roots]]
    while waiting:
        agent, depth = waiting.pop()
        if agent.agent not in placed:
            placed[agent.agent] = agent, depth
            waiting += [(child, depth + 1) for child in children[agent.agent]]
    return tuple(placed.values())


def _uses(s: Session) -> tuple[UseRow, ...]:
    digits = _digits(s)
    shown = adding_up([use.dollars for use in s.uses], digits)
    return tuple(
        _use(use.role, use.calls, use.failed, [use.tokens.get(kind, 0) for kind in TokenKind], dollars)
        for use, dollars in zip(
            s.uses,
            [
                Quantity(text=f"${part:,.{digits}f}", known=True)
                if not use.unpriced
                else Quantity(text="unknown", known=False, why=f"no price yet; {money(use.dollars)} of it had one")
                for use, part in zip(s.uses, shown, strict=True)
            ],
            strict=True,
        )
    )


def _total(s: Session) -> UseRow:
    whole = price(s)
    if whole.known:
        whole = Quantity(text=f"${s.dollars or 0.0:,.{_digits(s)}f}", known=True)
    return _use(None, s.calls, s.failed, [s.tokens[kind] for kind in TokenKind], whole)


def _use(role: RoleName | None, calls: int, failed: int, tokens: Sequence[int], dollars: Quantity) -> UseRow:
    prompt, cached, output = (f"{count:,}" for count in tokens)
    return UseRow(
        role=role or "",
        href=links.role(role) if role else "",
        calls=f"{calls:,}",
        failed=f"{failed:,}" if failed else "",
        prompt=prompt,
        cached=cached,
        output=output,
        dollars=dollars,
    )


def _digits(s: Session) -> int:
    return 2 if sum(use.dollars for use in s.uses) >= 1 else 4


def adding_up(parts: Sequence[float], digits: int) -> tuple[float, ...]:
    """The parts rounded so that they add up to their rounded sum, to the last digit shown."""
    sums = [round(total, digits) for total in accumulate(parts, initial=0.0)]
    return tuple(round(after - before, digits) for before, after in pairwise(sums))


def _facts(s: Session, usual: Usual | None, rules: SessionRules, now: datetime) -> Iterator[Fact]:
    yield Fact(label="Tenant", words=s.key.tenant)
    yield Fact(label="Began at", words=s.role or "no role of ours")
    yield Fact(label="First call", words=moments.clock(s.begun, now), note=moments.ago(s.begun, now))
    yield Fact(label="Last call ended", words=moments.clock(s.last, now), note=moments.ago(s.last, now))
    yield Fact(label="Lasted", words=moments.span(s.last - s.begun))
    yield Fact(label="Calls at once, lately", words=str(s.lately), note="those that ended in its last two minutes")
    yield Fact(label="Calls at once, ever", words=str(s.fanout))
    yield Fact(label="Calls", words=f"{s.calls:,}", note=f"usually {short(usual.calls)}" if usual else "")
    if s.over is not None:
        yield Fact(label="Over since", words=moments.clock(s.over, now), note=_allowed(usual, rules))
    idle = moments.span(rules.idle_after)
    ended = moments.clock(s.ended, now) if s.ended else "not yet"
    yield Fact(label="Finished", words=ended, note=f"after {idle} without a call")
