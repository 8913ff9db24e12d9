"""Sessions: what runs of agents use, those that still run first, the dearest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import fsum

from controlplane.detect.runaway import RunawaySession
from controlplane.model.cycle import Cycle
from controlplane.model.finding import Severity
from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind
from controlplane.model.session import ActiveSessions, Order, Session, SessionKey, Usual
from controlplane.web import links
from controlplane.web.views import moments
from controlplane.web.views.activity import SPANS
from controlplane.web.views.fleet import Head, Tag
from controlplane.web.views.quantity import Quantity, short
from controlplane.web.views.recommendations import Choice
from controlplane.web.views.totals import Total

STATES = {"": "all", "active": "active", "over": "over their allowance", "finished": "finished"}
"""Value of ``?state=`` → its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The filters, as they stand in the address."""

    tenant: str = ""
    role: str = ""
    state: str = ""
    order: Order = Order.SPEND
    span: str = "24h"

    def href(self, **other: str) -> str:
        """The same list with other filters."""
        said = {"tenant": self.tenant, "role": self.role, "state": self.state, "order": self.order, "span": self.span}
        return links.sessions(**{**said, **other})


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One session in the table."""

    id: str
    href: str
    tenant: str
    tenant_href: str
    role: str
    role_href: str
    calls: str
    failed: str
    tokens: str
    dollars: Quantity
    times: Quantity
    times_hot: bool
    fanout: str
    fanout_hot: bool
    last: str
    tags: tuple[Tag, ...]


def rows(
    found: Sequence[Session],
    usual: Mapping[RoleName | None, Usual | None],
    asked: Asked,
    now: datetime,
    *,
    too_wide: frozenset[SessionKey],
) -> tuple[SessionRow, ...]:
    """One row per session, in the order they were found."""
    return tuple(_row(s, usual.get(s.role), asked, now, wide=s.key in too_wide) for s in found)


def too_wide(cycle: Cycle | None) -> frozenset[SessionKey]:
    """Sessions whose fan-out was found to be none that was planned."""
    found = [f for f in cycle.findings if f.detector == RunawaySession.id] if cycle else []
    seen = [cycle.fleet.roles[f.role].sessions for f in found if f.severity is Severity.CRITICAL] if cycle else []
    return frozenset(s.widest.key for s in seen if s and s.widest)


def _row(s: Session, usual: Usual | None, asked: Asked, now: datetime, *, wide: bool) -> SessionRow:
    times = times_usual(s, usual)
    return SessionRow(
        id=s.key.id,
        href=links.session(s.key),
        tenant=s.key.tenant,
        tenant_href=asked.href(tenant=s.key.tenant),
        role=s.role or "",
        role_href=links.role(s.role) if s.role else "",
        calls=f"{s.calls:,}",
        failed=f"{s.failed:,}" if s.failed else "",
        tokens=short(sum(s.tokens.values())),
        dollars=price(s),
        times=times,
        times_hot=times.known and s.over is not None,
        fanout=str(s.fanout),
        fanout_hot=wide,
        last=moments.ago(s.last, now),
        tags=(state(s), *trouble(s, wide=wide)),
    )


def times_usual(s: Session, usual: Usual | None) -> Quantity:
    """What it took against what is usual where it began: ``2.3×``."""
    if usual is None:
        return Quantity(text="unknown", known=False, why="fewer than 20 that began there have finished")
    if usual.weighted <= 0:
        return Quantity(text="unknown", known=False, why="usually they take nothing")
    return Quantity(text=f"{times(s.weighted / usual.weighted)}×", known=True)


def times(factor: float) -> str:
    """``23``, ``2.3``, ``less than 0.1``."""
    if factor < 0.1:
        return "less than 0.1"
    return f"{factor:,.0f}" if factor >= 10 else f"{factor:.1f}"


def price(s: Session) -> Quantity:
    """What it cost; while part of it has no price, that is said."""
    if s.dollars is None:
        return Quantity(
            text="unknown", known=False, why="what a token costs is not known yet: it takes an hour of bills"
        )
    return Quantity(text=money(s.dollars), known=True)


def money(dollars: float) -> str:
    """``$41.20``, ``$0.61``; below that as many digits as say something: ``$0.0123``."""
    if dollars >= 0.1 or dollars == 0:
        return f"${dollars:,.2f}"
    return f"${dollars:.4f}" if dollars >= 0.0001 else "under $0.0001"


def trouble(s: Session, *, wide: bool) -> tuple[Tag, ...]:
    """What is wrong with it."""
    said = [("over its allowance", s.over is not None), ("too many at once", wide)]
    return tuple(Tag(words=words, tone="bad") for words, holds in said if holds)


def state(s: Session) -> Tag:
    """Whether it still runs, as far as anybody can say."""
    return Tag(words="active", tone="ok") if s.ended is None else Tag(words="finished")


_HEADS = (
    ("Session", "", None),
    ("Began at", "p2", None),
    ("Calls", "num", Order.CALLS),
    ("Tokens", "num p2", Order.TOKENS),
    ("Cost", "num", Order.SPEND),
    ("Of the usual", "num", None),
    ("Fan-out", "num", Order.FANOUT),
    ("Last call", "num p2", Order.RECENT),
    ("State", "", None),
)


def heads(asked: Asked) -> tuple[Head, ...]:
    """The headings; always the most first."""
    return tuple(
        Head(
            words=words,
            css=css,
            href=asked.href(order=order) if order else "",
            sorted="descending" if order is asked.order else "",
        )
        for words, css, order in _HEADS
    )


def states(asked: Asked) -> tuple[Choice, ...]:
    """The row of states."""
    return tuple(
        Choice(words=words, href=asked.href(state=key), current=key == asked.state) for key, words in STATES.items()
    )


def spans(asked: Asked) -> tuple[Choice, ...]:
    """How far back finished ones are listed."""
    return tuple(
        Choice(words=words, href=asked.href(span=key), current=key == asked.span) for key, (words, _) in SPANS.items()
    )


def totals(
    found: Sequence[Session], over: Sequence[Session], active: Sequence[ActiveSessions], asked: Asked, *, cut: bool
) -> tuple[Total, ...]:
    """What is active now, what is over its allowance, and what the listed sessions used together."""
    mine = [a for a in active if asked.tenant in ("", a.tenant) and asked.role in ("", a.role or "")]
    of = "of those listed" if cut else STATES[asked.state] if asked.state else "active and finished"
    return (_active(mine), _widest(mine), _over(over, asked), _spent(found, of), _tokens(found, of), _calls(found, of))


def _active(mine: Sequence[ActiveSessions]) -> Total:
    busy = [a for a in mine if a.sessions]
    tenants = len({a.tenant for a in busy})
    note = f"of {tenants} {'tenant' if tenants == 1 else 'tenants'}" if busy else "none runs"
    how = "sessions that have not been silent for sessions.idle_after, of the chosen tenant and role"
    return Total(label="Active now", value=f"{sum(a.sessions for a in mine):,}", unit="", note=note, how=how)


def _widest(mine: Sequence[ActiveSessions]) -> Total:
    widest = max((a for a in mine if a.sessions), key=lambda a: a.fanout_max, default=None)
    note = f"{widest.tenant}, begun at {widest.role or 'no role of ours'}" if widest else "none runs"
    how = "most calls in flight at once lately, of any active session of the chosen tenant and role"
    return Total(label="Widest fan-out", value=str(widest.fanout_max) if widest else "0", unit="", note=note, how=how)


def _over(over: Sequence[Session], asked: Asked) -> Total:
    active = sum(s.ended is None for s in over)
    note = f"none in {SPANS[asked.span][0]}" if not over else f"{active} still {'runs' if active == 1 else 'run'}"
    how = "of the chosen tenant, role and time: sessions.runaway_factor times the usual, or sessions.budget_dollars"
    return Total(label="Over their allowance", value=str(len(over)), unit="", note=note, how=how)


def _spent(found: Sequence[Session], of: str) -> Total:
    known = [s.dollars for s in found if s.dollars is not None]
    blind = len(found) - len(known)
    how = "weighted tokens at their models' prices when each call was told"
    note = f"{blind} without a price" if blind else of
    return Total(label="Spent", value=f"${fsum(known):,.2f}", unit="at least" if blind else "", note=note, how=how)


def _tokens(found: Sequence[Session], of: str) -> Total:
    kinds = {kind: sum(s.tokens[kind] for s in found) for kind in TokenKind}
    whole, cached = sum(kinds.values()), kinds[TokenKind.CACHED]
    note = f"{cached / whole * 100:.0f} % known to be cached" if cached else of
    how = "prompt, cached and output tokens, as the router tells of them"
    return Total(label="Tokens", value=short(whole), unit="", note=note, how=how)


def _calls(found: Sequence[Session], of: str) -> Total:
    failed = sum(s.failed for s in found)
    note = f"{failed:,} failed" if failed else of
    how = "calls that have ended; those in flight are not told yet"
    return Total(label="Calls", value=f"{sum(s.calls for s in found):,}", unit="", note=note, how=how)
