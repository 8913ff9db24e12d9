"""One run of a multi-agent task: the calls that share a session id, what they used, and how wide they fanned out.

A session is one tenant's: the same id under another tenant is another session. It belongs to the role it began at,
once and for all, so that counts over roles add up to the number of sessions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import fsum
from types import MappingProxyType

from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind

NOBODY = "none"
"""Tenant of calls that name no team and no key."""


SOURCE = "sessions"
"""What the source of sessions is called among the other sources."""


@dataclass(frozen=True, slots=True, order=True)
class SessionKey:
    """Which session."""

    tenant: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that has ended, as a router or a tracer tells of it. Prompts and answers are never kept."""

    id: str
    """The same call told twice has the same id."""
    key: SessionKey
    asked: str
    """What the caller asked for: the router's model group, or a model's name."""
    begun: datetime
    ended: datetime
    agent: str = ""
    """Which agent called; empty where nobody says."""
    parent: str = ""
    """The agent that started that one."""
    prompt: int = 0
    """Prompt tokens that had to be computed."""
    cached: int = 0
    """Prompt tokens the source knows to come from a cache; 0 where it does not tell, then they are in ``prompt``."""
    output: int = 0
    failed: bool = False
    dollars: float | None = None
    """What the source says it cost by its price list; used only where none of our roles served it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Who serves what callers ask for: one role, or a pool for prompts and a pool for answers."""

    prompt: RoleName
    output: RoleName


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a session used of one role; role ``None``: of what none of our roles serves."""

    role: RoleName | None
    calls: int = 0
    failed: int = 0
    tokens: Mapping[TokenKind, int] = field(default_factory=lambda: MappingProxyType({}))
    dollars: float = 0.0
    """At the model's price when each call was told."""
    unpriced: float = 0.0
    """Weighted tokens whose price was not known yet; priced with the next call, or when the session ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentUse:
    """One agent's part of a session."""

    agent: str
    parent: str
    calls: int
    failed: int
    weighted: float
    """Weighted tokens."""
    begun: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as far as its calls have been told."""

    key: SessionKey
    role: RoleName | None
    """The role of its first call; ``None`` when none of ours served it."""
    begun: datetime
    last: datetime
    """End of its newest call."""
    calls: int
    failed: int
    weighted: float
    """Tokens of all kinds by their weights (``cost.weights``): what it took of GPUs, in prompt tokens."""
    uses: tuple[Use, ...] = ()
    agents: tuple[AgentUse, ...] = ()
    """At most 64; the rest is added up under the name ``…``."""
    spans: tuple[tuple[datetime, datetime], ...] = ()
    """Calls that may still overlap with ones not told yet: those that ended in the two minutes before ``last``, at most
    1000. Only for adding more calls: empty where a session is read to be shown."""
    fanout: int = 1
    """Most calls in flight at once, of those told."""
    lately: int = 1
    """The same, of the calls that ended in the two minutes before ``last``."""
    over: datetime | None = None
    """Since when it has spent more than it was allowed; ``None`` while it has not."""
    ended: datetime | None = None
    """When it was taken to be finished: no call for ``sessions.idle_after``; ``None`` while active."""
    finished: datetime | None = None
    """When that happened first. One that goes on afterwards is active again, and never counted as finished twice."""

    @property
    def tokens(self) -> Mapping[TokenKind, int]:
        """Tokens by kind, of all roles."""
        return {kind: sum(use.tokens.get(kind, 0) for use in self.uses) for kind in TokenKind}

    @property
    def dollars(self) -> float | None:
        """What it cost; ``None`` while the price of part of it is unknown: half a bill is not a bill."""
        return None if any(use.unpriced for use in self.uses) else fsum(use.dollars for use in self.uses)


@dataclass(frozen=True, slots=True)
class Toll:
    """What one finished session took."""

    weighted: float
    """Weighted tokens."""
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What sessions that began at a role usually take, from those that finished without being over."""

    sessions: int
    """How many that is, at most the last 300."""
    weighted: float
    """Median of their weighted tokens."""
    calls: float
    """Median of their calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Weighted tokens of sessions that finished in a day, those over their allowance with them."""

    sessions: int
    """How many that is, at most the last 2,000."""
    p50: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSessions:
    """The active sessions that began at a role."""

    active: int
    fanout_max: int = 0
    """Most calls in flight lately of any of them."""
    usual: Usual | None = None
    """``None`` while fewer than 20 have finished."""
    widest: Session | None = None
    """The one with ``fanout_max``."""
    dearest: tuple[Session, ...] = ()
    """At most five: those over their allowance first, then by weighted tokens, most first."""


class Order(StrEnum):
    """In which order sessions are listed; always the most first."""

    SPEND = "spend"
    """Dollars; those of unknown price last, by their tokens."""
    TOKENS = "tokens"
    """Weighted tokens."""
    CALLS = "calls"
    FANOUT = "fanout"
    """Most calls in flight at once, ever."""
    RECENT = "recent"
    """End of the newest call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """Which sessions are asked for; ``None`` asks for all."""

    role: RoleName | None = None
    """Began there."""
    tenant: str | None = None
    active: bool | None = None
    over: bool | None = None
    """Over its allowance."""
    since: datetime | None = None
    """Had a call at or after."""
    order: Order = Order.SPEND
    limit: int = 100


EVERYTHING = SessionQuery()
"""All sessions, the dearest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveSessions:
    """The active sessions of one tenant that began at one role: what the gauges show."""

    tenant: str
    """``…`` for all tenants beyond the 500 that are told apart."""
    role: RoleName | None
    sessions: int
    """0 for a tenant and role whose sessions have all finished."""
    fanout_max: int = 0
    """Most calls in flight lately of any of them."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A number that only grows, kept in the ledger: one series of a counter or of a histogram."""

    name: str
    """As in :mod:`controlplane.promql.exported`; a histogram's with ``_bucket``, ``_count`` or ``_sum``."""
    labels: tuple[str, ...]
    """In the order the metric names them; a bucket's ends with its ``le``."""
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNumbers:
    """Gauges and counters of one moment: a delivery is in all of them, or in none."""

    active: tuple[ActiveSessions, ...] = ()
    counted: tuple[Counted, ...] = ()
    """In the order of the page."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the calls of one delivery."""

    new: int
    known: int
    """Told before: not counted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one delivery of a session source holds."""

    calls: tuple[Call, ...]
    skipped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Entries that are no call of a session, by reason in words."""
