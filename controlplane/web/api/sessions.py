"""Sessions: runs of agents, what each used, and how that compares with what is usual where it began."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from controlplane.errors import NotFoundError, RefusedError
from controlplane.loop.desk import Desk
from controlplane.loop.sessions import SessionBook
from controlplane.model import session as ssn
from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind
from controlplane.web.api.ledger import Count
from controlplane.web.api.schemas import Shape

LONGEST_NAME = 200
"""Characters of a tenant or an id that are looked for: no longer ones are kept."""

Name = Annotated[str | None, Query(max_length=LONGEST_NAME)]


class UsualOut(Shape):
    """What sessions that begin at a role usually take: medians of those that finished without being over."""

    sessions: int = Field(description="how many finished sessions that rests on")
    weighted_tokens: float
    calls: float

    @classmethod
    def of(cls, u: ssn.Usual) -> "UsualOut":
        return cls(sessions=u.sessions, weighted_tokens=u.weighted, calls=u.calls)


class SessionOut(Shape):
    """One session as far as its calls have been told; they are told when they end."""

    tenant: str
    id: str
    role: str | None = Field(description="where it began; null: at what none of our roles serves")
    begun: datetime
    last: datetime = Field(description="end of its newest call")
    ended: datetime | None = Field(description="when it was taken to be finished; null while active")
    over: datetime | None = Field(description="since when it is over its allowance; null while it is not")
    calls: int
    failed: int
    tokens: Mapping[TokenKind, int]
    weighted_tokens: float = Field(description="tokens of all kinds by cost.weights")
    dollars: float | None = Field(description="null while the price of part of it is unknown")
    fanout: int = Field(description="most calls in flight at once")
    fanout_lately: int = Field(description="the same, of the two minutes before its newest call")
    times_usual: float | None = Field(description="weighted tokens over the usual; null while nothing is usual")

    @classmethod
    def of(cls, s: ssn.Session, usual: ssn.Usual | None) -> "SessionOut":
        return cls(**_told(s, usual))


class UseOut(Shape):
    """What a session used of one role; ``null``: of what none of our roles serves."""

    role: str | None
    calls: int
    failed: int
    tokens: Mapping[TokenKind, int]
    dollars: float
    unpriced_weighted_tokens: float = Field(description="tokens whose price is not known yet; not in dollars")

    @classmethod
    def of(cls, u: ssn.Use) -> "UseOut":
        tokens = {kind: u.tokens.get(kind, 0) for kind in TokenKind}
        return cls(
            role=u.role,
            calls=u.calls,
            failed=u.failed,
            tokens=tokens,
            dollars=u.dollars,
            unpriced_weighted_tokens=u.unpriced,
        )


class AgentOut(Shape):
    """One agent's part of a session; ``…`` stands for all beyond the 64 that are told apart."""

    agent: str
    parent: str = Field(description="the agent that started it; empty where nobody says")
    calls: int
    failed: int
    weighted_tokens: float
    begun: datetime
    last: datetime

    @classmethod
    def of(cls, a: ssn.AgentUse) -> "AgentOut":
        return cls(
            agent=a.agent,
            parent=a.parent,
            calls=a.calls,
            failed=a.failed,
            weighted_tokens=a.weighted,
            begun=a.begun,
            last=a.last,
        )


class WholeSessionOut(SessionOut):
    """One session with who used what of it."""

    usual: UsualOut | None
    uses: list[UseOut]
    agents: list[AgentOut]

    @classmethod
    def of(cls, s: ssn.Session, usual: ssn.Usual | None) -> "WholeSessionOut":
        return cls(
            **_told(s, usual),
            usual=UsualOut.of(usual) if usual else None,
            uses=[UseOut.of(use) for use in s.uses],
            agents=[AgentOut.of(agent) for agent in s.agents],
        )


def _told(s: ssn.Session, usual: ssn.Usual | None) -> dict[str, Any]:
    return {
        "tenant": s.key.tenant,
        "id": s.key.id,
        "role": s.role,
        "begun": s.begun,
        "last": s.last,
        "ended": s.ended,
        "over": s.over,
        "calls": s.calls,
        "failed": s.failed,
        "tokens": s.tokens,
        "weighted_tokens": s.weighted,
        "dollars": s.dollars,
        "fanout": s.fanout,
        "fanout_lately": s.lately,
        "times_usual": s.weighted / usual.weighted if usual and usual.weighted > 0 else None,
    }


def router(desk: Desk) -> APIRouter:
    """Routes ``/sessions``."""
    routes = APIRouter(prefix="/sessions", tags=["sessions"])

    def book() -> SessionBook:
        if desk.sessions is None:
            raise NotFoundError("nobody tells of sessions: add `sessions: {source: litellm}` to fleet.yaml")
        return desk.sessions

    @routes.get("")
    def sessions(
        role: Name = None,
        tenant: Name = None,
        *,
        active: bool | None = None,
        over: bool | None = None,
        since: Annotated[datetime | None, Query(description="had a call at or after")] = None,
        order: Annotated[ssn.Order, Query(description="always the most first")] = ssn.Order.SPEND,
        limit: Count = 100,
    ) -> list[SessionOut]:
        """Sessions, the most first."""
        if since is not None and since.tzinfo is None:
            raise RefusedError("since needs a time zone: 2026-11-24T14:00:00Z")
        kept = book()
        began = RoleName(role) if role is not None else None
        found = kept.sessions(
            ssn.SessionQuery(role=began, tenant=tenant, active=active, over=over, order=order, since=since, limit=limit)
        )
        usual = {name: kept.usual(name) for name in {session.role for session in found}}
        return [SessionOut.of(session, usual[session.role]) for session in found]

    @routes.get("/one")
    def session(
        tenant: Annotated[str, Query(max_length=LONGEST_NAME)],
        id_: Annotated[str, Query(alias="id", max_length=LONGEST_NAME)],
    ) -> WholeSessionOut:
        """One session with its agents and what it used of each role."""
        kept = book()
        found = kept.session(ssn.SessionKey(tenant, id_))
        if found is None:
            raise NotFoundError(f"no session {id_!r} of {tenant!r}: unknown, or older than store.keep_sessions")
        return WholeSessionOut.of(found, kept.usual(found.role))

    return routes
