"""Calls of agents for tests; all of them before noon."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from controlplane.model.keys import RoleName
from controlplane.model.money import Bucket, Money, RoleMoney, TokenKind
from controlplane.model.role import RoleSpec
from controlplane.model.session import AgentUse, Call, Served, Session, SessionKey, Use, Usual
from controlplane.observe.sessions import Terms
from tests.builders_of_fleets import NOON, PLANNER, a_spec

WORKER = RoleName("worker")
WEIGHTS: Mapping[TokenKind, float] = {TokenKind.PROMPT: 1.0, TokenKind.CACHED: 0.1, TokenKind.OUTPUT: 4.0}
PRICE = 1e-6
"""Dollars per weighted token."""

_numbers = count(1)


def a_call(
    id_: str = "",
    *,
    session: str = "s1",
    tenant: str = "research",
    asked: str = PLANNER,
    at: float = 0.0,
    took: float = 10.0,
    agent: str = "planner",
    **said: object,
) -> Call:
    """A call that ended ``at`` seconds after noon and took ``took`` seconds."""
    ended = NOON + timedelta(seconds=at)
    return Call(
        id=id_ or f"call-{next(_numbers)}",
        key=SessionKey(tenant, session),
        asked=asked,
        begun=ended - timedelta(seconds=took),
        ended=ended,
        agent=agent,
        **{"prompt": 100, "cached": 50, "output": 20, **said},  # type: ignore[arg-type]
    )


def some_terms(
    *roles: RoleSpec,
    served: Mapping[str, Served] | None = None,
    prices: Mapping[str, float] | None = None,
    usual: Mapping[RoleName | None, Usual] | None = None,
    runaway_factor: float = 10.0,
    budget_dollars: float | None = None,
) -> Terms:
    """A planner and a worker, each asked for by its name, at a dollar per million weighted tokens."""
    specs = {role.name: role for role in roles or (a_spec(PLANNER), a_spec(WORKER))}
    return Terms(
        served={name: Served(prompt=name, output=name) for name in specs} if served is None else served,
        roles=specs,
        weights=WEIGHTS,
        prices=dict.fromkeys(specs, PRICE) if prices is None else {RoleName(n): p for n, p in prices.items()},
        usual=usual or {},
        runaway_factor=runaway_factor,
        budget_dollars=budget_dollars,
    )


def some_money(at: datetime = NOON, **dollars: float) -> Money:
    """The last hour: each role's dollars, for a million prompt tokens."""
    return Money(
        since=at - timedelta(hours=1),
        until=at,
        roles=tuple(
            RoleMoney(
                role=RoleName(name),
                seconds=3600,
                dollars={Bucket.SERVING: spent},
                tokens={TokenKind.PROMPT: 1e6},
            )
            for name, spent in dollars.items()
        ),
    )


def a_session(
    id_: str = "s1",
    *,
    tenant: str = "research",
    role: str | None = PLANNER,
    calls: int = 40,
    weighted: float = 20_000.0,
    dollars: float | None = 0.02,
    minutes: float = 6.0,
    silent: float = 0.0,
    **said: object,
) -> Session:
    """An active session of a planner that two agents ran, begun ``minutes`` before noon, silent since ``silent``."""
    served = None if role is None else RoleName(role)
    begun, last = NOON - timedelta(minutes=minutes), NOON - timedelta(minutes=silent)
    known = {"dollars": dollars} if dollars is not None else {"dollars": 0.0, "unpriced": weighted}
    session = Session(
        key=SessionKey(tenant, id_),
        role=served,
        begun=begun,
        last=last,
        calls=calls,
        failed=1,
        weighted=weighted,
        uses=(
            Use(
                role=served,
                calls=calls,
                failed=1,
                tokens={
                    TokenKind.PROMPT: int(weighted * 0.5),
                    TokenKind.CACHED: int(weighted),
                    TokenKind.OUTPUT: int(weighted * 0.1),
                },
                **known,
            ),
        ),
        agents=(
            AgentUse(
                agent="orchestrator", parent="", calls=10, failed=0, weighted=weighted * 0.25, begun=begun, last=last
            ),
            AgentUse(
                agent="researcher",
                parent="orchestrator",
                calls=calls - 10,
                failed=1,
                weighted=weighted * 0.75,
                begun=begun,
                last=last,
            ),
        ),
        fanout=4,
        lately=3,
    )
    return replace(session, **said)  # type: ignore[arg-type]
