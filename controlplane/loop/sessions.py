"""The book of sessions: calls come in, the ledger keeps them, the walk and people look at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.loop.ports import Archive, SessionMemory
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind
from controlplane.model.role import RoleSpec
from controlplane.model.session import (
    ActiveSessions,
    Call,
    Counted,
    Order,
    Served,
    Session,
    SessionKey,
    Taken,
    Usual,
)
from controlplane.model.sighting import SessionsSeen

SOURCE = "sessions"
"""What the source of sessions is called among the other sources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """How calls are understood and what a session is allowed."""

    served: Mapping[str, Served]
    """Who serves what callers ask for; see :func:`served_by`."""
    weights: Mapping[TokenKind, float]
    """What a token of each kind weighs (``cost.weights``)."""
    runaway_factor: float
    """Weighted tokens over what is usual at its role that a session may take."""
    budget_dollars: float | None
    """What one session may cost; ``None`` where nobody set a limit."""
    idle_after: timedelta
    """Without a call for this long a session is taken to be finished."""
    source: str
    """Who tells of calls: litellm, otlp."""


def served_by(roles: Sequence[RoleSpec], names: Mapping[RoleName, Sequence[str]]) -> Mapping[str, Served]:
    """Who serves what callers ask for. ``names``: ``served_as`` of the roles that have it."""
    del roles, names
    return {}


class SessionBook:
    """Takes calls, ends idle sessions, and answers everybody who asks about them."""

    def __init__(self, memory: SessionMemory, archive: Archive, rules: SessionRules, roles: Sequence[RoleSpec]) -> None:
        self._memory = memory
        self._archive = archive
        self._rules = rules
        self._roles = tuple(roles)

    def take(self, calls: Sequence[Call], now: datetime) -> Taken:
        """Add calls to their sessions; durable when it returns. Raises ``StoreError``, then nothing was kept."""
        raise NotImplementedError

    def close(self, now: datetime) -> int:
        """End sessions that are idle; how many. For the leader, at every tick. Raises ``StoreError``."""
        raise NotImplementedError

    def look(self, now: datetime) -> SessionsSeen:
        """What the eyes see of sessions. Never raises: a ledger that fails is the source's fault."""
        health = SourceHealth(name=SOURCE, kind=self._rules.source)
        return SessionsSeen(roles={}, health=health)

    def active(self, now: datetime) -> tuple[ActiveSessions, ...]:
        """The gauges: bounded, and 0 for a tenant and role whose sessions have all finished."""
        raise NotImplementedError

    def counted(self) -> tuple[Counted, ...]:
        """Counters and histograms of the page."""
        raise NotImplementedError

    def sessions(
        self,
        *,
        role: RoleName | None = None,
        tenant: str | None = None,
        active: bool | None = None,
        over: bool | None = None,
        order: Order = Order.SPEND,
        since: datetime | None = None,
        limit: int = 100,
    ) -> tuple[Session, ...]:
        """Sessions that began at ``role`` (any when ``None``) and had a call at or after ``since``."""
        return self._memory.sessions(
            role=role, tenant=tenant, active=active, over=over, order=order, since=since, limit=limit
        )

    def session(self, key: SessionKey) -> Session | None:
        """One session; ``None`` when unknown or past retention."""
        return self._memory.session(key)

    def usual(self, role: RoleName | None) -> Usual | None:
        """What sessions that began at a role usually take; ``None`` while too few have finished."""
        raise NotImplementedError
