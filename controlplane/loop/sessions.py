"""The book of sessions: calls come in, the ledger keeps them, the walk and people look at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controlplane.errors import StoreError
from controlplane.estimate.sessions import KEPT, spread, token_prices, usual
from controlplane.loop.ports import Archive, SessionMemory
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind
from controlplane.model.page import Fault
from controlplane.model.role import Phase, RoleSpec
from controlplane.model.session import (
    EVERYTHING,
    SOURCE,
    ActiveSessions,
    Call,
    RoleSessions,
    Served,
    Session,
    SessionKey,
    SessionNumbers,
    SessionQuery,
    Spread,
    Taken,
    Usual,
)
from controlplane.model.sighting import SessionsSeen
from controlplane.observe.sessions import Terms, finish, fold

FRESH = timedelta(minutes=1)
"""How long prices and what is usual are not read again: they are means of an hour and of hundreds of sessions."""

AHEAD = timedelta(minutes=5)
"""How far a source's clock may be ahead of ours; what ends later is taken to end then."""


DAY = timedelta(days=1)
MOST_SPENT = 2000
"""Finished sessions of a day that are read to say how much they took: 20 of them lie above the 99th percentile."""


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
    """Who serves what callers ask for.

    ``names`` (``served_as``) are for sure; a role without any is asked for by its own name, and by its model's unless
    an earlier role is. A pool for prompts and a pool for answers of one model serve what either is asked for.
    """
    said = {name: _served(role, roles) for role in roles for name in names.get(role.name, ())}
    own = [(role, what) for what in (_role_name, _model_name) for role in roles if not names.get(role.name)]
    for role, what in own:
        said.setdefault(what(role), _served(role, roles))
    return said


def _role_name(role: RoleSpec) -> str:
    return role.name


def _model_name(role: RoleSpec) -> str:
    return role.model.name


def _served(role: RoleSpec, roles: Sequence[RoleSpec]) -> Served:
    def pool(phase: Phase) -> RoleName:
        mates = [other.name for other in roles if other.phase is phase and other.model.name == role.model.name]
        return mates[0] if mates and role.phase not in (phase, Phase.BOTH) else role.name

    return Served(prompt=pool(Phase.PREFILL), output=pool(Phase.DECODE))


@dataclass(frozen=True, slots=True)
class _Learned:
    """What was read of the ledger at an instant."""

    at: datetime
    terms: Terms


class SessionBook:
    """Takes calls, ends idle sessions, and answers everybody who asks about them. Safe to use from many threads."""

    def __init__(self, memory: SessionMemory, archive: Archive, rules: SessionRules, roles: Sequence[RoleSpec]) -> None:
        self._memory = memory
        self._archive = archive
        self._rules = rules
        self._roles = {role.name: role for role in roles}
        self._learned: _Learned | None = None

    @property
    def rules(self) -> SessionRules:
        """What it judges by: for whoever explains a session."""
        return self._rules

    def take(self, calls: Sequence[Call], now: datetime) -> Taken:
        """Add calls to their sessions; durable when it returns. Raises ``StoreError``, then nothing was kept."""
        terms = self._terms(now)
        in_time = [_not_ahead(call, now + AHEAD) for call in calls]
        return self._memory.take_calls(in_time, now, lambda before, new: fold(before, new, terms))

    def close(self, now: datetime) -> int:
        """End sessions that are idle; how many. For the leader, at every tick. Raises ``StoreError``."""
        terms = self._terms(now)
        return self._memory.end_sessions(now - self._rules.idle_after, lambda idle: finish(idle, terms, now))

    def look(self, now: datetime) -> SessionsSeen:
        """What the eyes see of sessions. Never raises: a ledger that fails is the source's fault."""
        source = SourceHealth(name=SOURCE, kind=self._rules.source)
        try:
            told = self._memory.last_told()
            if told is None:
                return SessionsSeen(roles={}, health=replace(source, detail="no call was ever told"))
            busy, terms = self._memory.busy_roles(), self._terms(now)
        except StoreError as problem:
            return SessionsSeen(roles={}, health=replace(source, fault=Fault.INTERNAL, detail=str(problem)))
        idle = RoleSessions(active=0)
        roles = {name: replace(busy.get(name, idle), usual=terms.usual.get(name)) for name in self._roles}
        return SessionsSeen(roles=roles, health=replace(source, last_good=told))

    def active(self) -> tuple[ActiveSessions, ...]:
        """Bounded, and 0 for a tenant and role whose sessions have all ended."""
        return self._memory.active_sessions()

    def numbers(self) -> SessionNumbers:
        """All there is on the metrics page."""
        return self._memory.session_numbers()

    def sessions(self, asked: SessionQuery = EVERYTHING) -> tuple[Session, ...]:
        """Sessions in an order, the most first."""
        return self._memory.sessions(asked)

    def session(self, key: SessionKey) -> Session | None:
        """One session; ``None`` when unknown or past retention."""
        return self._memory.session(key)

    def usual(self, role: RoleName | None) -> Usual | None:
        """What sessions that began at a role usually take; ``None`` while too few have finished."""
        return usual(self._memory.tolls(role, KEPT))

    def spread(self, role: RoleName | None, now: datetime) -> Spread | None:
        """How much sessions that began at a role took within a day; ``None`` while too few have finished."""
        return spread(self._memory.spent(role, now - DAY, MOST_SPENT))

    def _terms(self, now: datetime) -> Terms:
        """What calls are worth and what is usual: read again when it is a minute old."""
        learned = self._learned
        if learned is None or not timedelta(0) <= now - learned.at < FRESH:
            learned = self._learned = _Learned(now, self._learn(now))
        return learned.terms

    def _learn(self, now: datetime) -> Terms:
        money = self._archive.money(now - timedelta(hours=1), now)
        known = {role: usual(self._memory.tolls(role, KEPT)) for role in (*self._roles, None)}
        return Terms(
            served=self._rules.served,
            roles=self._roles,
            weights=self._rules.weights,
            prices=token_prices(money, tuple(self._roles.values()), self._rules.weights),
            usual={role: what for role, what in known.items() if what is not None},
            runaway_factor=self._rules.runaway_factor,
            budget_dollars=self._rules.budget_dollars,
        )


def _not_ahead(call: Call, latest: datetime) -> Call:
    """A source whose clock is far ahead must not keep a session open for ever."""
    if call.begun <= call.ended <= latest:
        return call
    ended = min(call.ended, latest)
    return replace(call, begun=min(call.begun, ended), ended=ended)
