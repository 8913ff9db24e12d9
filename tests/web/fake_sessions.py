"""A book of sessions over a list, and the sessions of the showcase fleet: one has run away since an hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controlplane.errors import StoreError
from controlplane.loop.ports import Finish, Fold
from controlplane.loop.sessions import SessionBook, SessionRules, served_by
from controlplane.model.keys import RoleName
from controlplane.model.money import Money, TokenKind
from controlplane.model.role import RoleSpec
from controlplane.model.session import (
    EVERYTHING,
    ActiveSessions,
    AgentUse,
    Call,
    Counted,
    Order,
    RoleSessions,
    Session,
    SessionKey,
    SessionNumbers,
    SessionQuery,
    Taken,
    Toll,
    Use,
)
from tests.builders_of_sessions import WEIGHTS, a_session
from tests.web.showcase_roles import CODER, MINUTE, NOW, PLANNER, ROLES, WORKER

ORDERS: Mapping[Order, object] = {
    Order.SPEND: lambda s: (s.dollars is None, -(s.dollars or 0.0)),
    Order.TOKENS: lambda s: -s.weighted,
    Order.CALLS: lambda s: -s.calls,
    Order.FANOUT: lambda s: -s.fanout,
    Order.RECENT: lambda s: -s.last.timestamp(),
}


@dataclass
class FakeSessionMemory:
    """The ledger of sessions as a list."""

    kept: list[Session] = field(default_factory=list)
    told: datetime | None = NOW
    finished: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """Role → how many have finished, and the weighted tokens each took."""
    counters: tuple[Counted, ...] = ()
    broken: str = ""

    def take_calls(self, calls: Sequence[Call], at: datetime, fold: Fold) -> Taken:
        raise NotImplementedError

    def end_sessions(self, before: datetime, finish: Finish) -> int:
        raise NotImplementedError

    def last_told(self) -> datetime | None:
        if self.broken:
            raise StoreError(self.broken)
        return self.told

    def active_sessions(self) -> tuple[ActiveSessions, ...]:
        found: dict[tuple[str, RoleName | None], list[Session]] = {}
        for session in self.kept:
            mine = found.setdefault((session.key.tenant, session.role), [])
            mine += [session] if session.ended is None else []
        return tuple(
            ActiveSessions(
                tenant=tenant, role=role, sessions=len(mine), fanout_max=max((s.lately for s in mine), default=0)
            )
            for (tenant, role), mine in found.items()
        )

    def busy_roles(self) -> Mapping[RoleName | None, RoleSessions]:
        return {}

    def tolls(self, role: RoleName | None, limit: int) -> tuple[Toll, ...]:
        many, weighted = self.finished.get(role or "", (0, 0.0))
        return (Toll(weighted, 38),) * min(many, limit)

    def spent(self, role: RoleName | None, since: datetime, limit: int) -> tuple[float, ...]:
        return tuple(toll.weighted for toll in self.tolls(role, limit))

    def session_numbers(self) -> SessionNumbers:
        return SessionNumbers(active=self.active_sessions(), counted=self.counters)

    def sessions(self, asked: SessionQuery = EVERYTHING) -> tuple[Session, ...]:
        found = [
            s
            for s in self.kept
            if asked.role in (None, s.role)
            and asked.tenant in (None, s.key.tenant)
            and asked.active in (None, s.ended is None)
            and asked.over in (None, s.over is not None)
            and (asked.since is None or s.last >= asked.since)
        ]
        return tuple(sorted(found, key=ORDERS[asked.order])[: asked.limit])  # type: ignore[arg-type]

    def session(self, key: SessionKey) -> Session | None:
        return next((s for s in self.kept if s.key == key), None)


class NoMoney:
    """An archive that knows no bill."""

    def money(self, since: datetime, until: datetime) -> Money:
        return Money(since=since, until=until, roles=())


def a_book(
    memory: FakeSessionMemory,
    roles: tuple[RoleSpec, ...] = ROLES,
    *,
    source: str = "litellm",
    budget: float | None = 20,
) -> SessionBook:
    """The real book over a fake ledger."""
    rules = SessionRules(
        served=served_by(roles, {}),
        weights=WEIGHTS,
        runaway_factor=10.0,
        budget_dollars=budget,
        idle_after=timedelta(minutes=15),
        source=source,
    )
    return SessionBook(memory, NoMoney(), rules, roles)  # type: ignore[arg-type]  # all it asks an archive


def _moved(session: Session) -> Session:
    """From noon of the builders to the showcase's now."""
    return replace(session, begun=NOW - 6 * MINUTE, last=NOW - 0.1 * MINUTE)


def _agent(name: str, parent: str, calls: int, weighted: float, minutes: float, *, failed: int = 0) -> AgentUse:
    return AgentUse(
        agent=name,
        parent=parent,
        calls=calls,
        failed=failed,
        weighted=weighted,
        begun=NOW - minutes * MINUTE,
        last=NOW - 0.1 * MINUTE,
    )


def _use(role: RoleName | None, calls: int, tokens: tuple[int, int, int], dollars: float, failed: int = 0) -> Use:
    return Use(role=role, calls=calls, failed=failed, tokens=dict(zip(TokenKind, tokens, strict=True)), dollars=dollars)


RUNAWAY = Session(
    key=SessionKey("research", "task-2026-11-24-market-scan-7f3c91"),
    role=PLANNER.name,
    begun=NOW - 92 * MINUTE,
    last=NOW - 0.05 * MINUTE,
    calls=4812,
    failed=37,
    weighted=11_460_000.0,
    uses=(
        _use(PLANNER.name, 212, (1_240_000, 3_100_000, 96_000), 6.112),
        _use(WORKER.name, 4581, (6_020_400, 18_900_220, 431_000), 34.708, failed=37),
        _use(None, 19, (41_000, 0, 7_400), 0.3847),
    ),
    agents=(
        _agent("orchestrator", "", 212, 1_934_000, 92),
        _agent("searcher", "orchestrator", 390, 1_020_000, 90),
        _agent("reader", "searcher", 3920, 7_700_000, 88, failed=37),
        _agent("summariser", "searcher", 231, 610_000, 60),
        _agent("critic", "orchestrator", 40, 125_000, 41),
        _agent("", "", 19, 71_000, 12),
    ),
    fanout=63,
    lately=41,
    over=NOW - 51 * MINUTE,
)


def the_sessions() -> FakeSessionMemory:
    """A morning of two tenants and a guest."""
    mine = [
        RUNAWAY,
        a_session("pr-1841-review", tenant="checkout", role=CODER.name, weighted=190_000.0, dollars=0.61, calls=71),
        a_session("nightly-digest", tenant="research", calls=38, weighted=88_000.0, dollars=0.2312),
        a_session(
            "b1f0c9a2-31d2-4cc1-9a43-0c8e6a1c9d11", tenant="support-bot", dollars=None, weighted=9_000.0, calls=6
        ),
        a_session("translate-42", tenant="guest", role=None, calls=3, weighted=4_100.0, dollars=0.0311),
    ]
    past = [
        a_session(
            f"pr-18{n}-review", tenant="checkout", role=CODER.name, weighted=61_000.0 + 9_000 * n, dollars=0.2 * n
        )
        for n in range(1, 9)
    ]
    return FakeSessionMemory(
        kept=[
            mine[0],
            *map(_moved, mine[1:]),
            *(
                replace(s, begun=NOW - (n + 1) * 40 * MINUTE, last=NOW - n * 40 * MINUTE, ended=NOW - n * 25 * MINUTE)
                for n, s in enumerate(past, 1)
            ),
        ],
        finished={PLANNER.name: (143, 498_000.0), CODER.name: (88, 92_000.0)},
    )
