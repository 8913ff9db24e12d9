"""One engine page becomes the replicas on it: what each says now, how far its counters moved, how it is.

A replica is READY when its page was read and is fresh; STARTING when it refuses and was seen to appear a short
while ago (or the cluster says that somebody is still starting); LOST otherwise. What a lost replica last said is
not repeated: it is unknown.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from controlplane.model.page import Fault, Layout, Scrape
from controlplane.model.role import ReplicaState
from controlplane.observe.counters import Trace, advance, gauges
from controlplane.observe.identify import PageKind
from controlplane.observe.kv_capacity import kv_capacity
from controlplane.observe.plan import PagePlan, plan_page
from controlplane.promql.metric import Signal

START_PATIENCE = timedelta(minutes=30)
"""How long a new replica may refuse before it counts as lost: a 70B model without a volume takes 20 minutes."""

NOT_YET = frozenset({Fault.REFUSED, Fault.UNREACHABLE, Fault.NAME, Fault.TIMEOUT, Fault.STATUS})
"""How a replica that is still starting may answer."""

NO_GAUGES = "shows no gauges: none yet (several API servers, no request so far), or a filtered page"
"""Seen on vLLM 0.32 with --api-server-count 2: running, waiting and KV use appear with the first request."""


@dataclass(frozen=True, slots=True, eq=False)
class EnginePast:
    """What is remembered of one engine target."""

    first_seen: datetime
    appeared: bool
    """We saw it appear: it was not there when we began."""
    last_good: datetime | None = None
    layout: Layout | None = None
    plan: PagePlan | None = None
    start: float | None = None
    """Process start time on its newest page."""
    traces: tuple[Trace, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ReplicaSeen:
    """One replica at this tick."""

    name: str
    state: ReplicaState
    scrape: Scrape
    gauges: dict[Signal, float] = field(default_factory=dict)
    trace: Trace | None = None
    new: bool = False
    """Its page is newer than at the tick before."""
    fault: str | None = None
    version: str | None = None
    started: datetime | None = None
    kv_tokens: float | None = None
    """Tokens its KV cache holds."""


def read_engine(
    scrape: Scrape,
    past: EnginePast,
    now: datetime,
    *,
    model: str,
    stale_after: timedelta,
    gap: timedelta,
    plan: Callable[[Layout, str], PagePlan] = plan_page,
) -> tuple[EnginePast, tuple[ReplicaSeen, ...]]:
    """Read one engine target at a tick.

    ``stale_after``: a page older than this is unknown. ``gap``: an interval longer than this has a hole in it.
    ``plan``: how a layout seen for the first time is worked out.
    """
    page = scrape.page
    name = scrape.target.name
    fault = scrape.fault or (Fault.STALE if page is not None and now - scrape.at > stale_after else None)
    if page is None or fault is not None:
        fault = fault or Fault.INTERNAL
        young = past.appeared and past.last_good is None and now - past.first_seen <= START_PATIENCE
        state = ReplicaState.STARTING if young and fault in NOT_YET else ReplicaState.LOST
        names = [trace.plan.name or name for trace in past.traces] or [name]
        return past, tuple(ReplicaSeen(each, state, scrape, fault=str(fault)) for each in names)
    way = past.plan
    if way is None or past.layout is not page.layout:
        way = plan(page.layout, model)
    start = None if way.start is None else page.values[way.start]
    new = past.last_good is None or scrape.at > past.last_good
    if not way.replicas:
        past = EnginePast(past.first_seen, past.appeared, scrape.at, page.layout, way, start)
        return past, (_not_an_engine(name, scrape, way),)
    traces = past.traces
    if new:
        seconds = 0.0
        if past.last_good is not None and scrape.at - past.last_good <= gap and _same_process(past.start, start):
            seconds = (scrape.at - past.last_good).total_seconds()
        before = {trace.plan.name: trace for trace in past.traces}
        traces = tuple([advance(before.get(r.name), r, page.values, seconds) for r in way.replicas])
    began = _instant(start)
    version = way.identity.version
    tokens = kv_capacity(way.capacity, page.values)
    seen = []
    for trace in traces:
        shown = gauges(trace.plan, page.values)
        lack = None if shown else NO_GAUGES
        seen.append(
            ReplicaSeen(
                trace.plan.name or name, ReplicaState.READY, scrape, shown, trace, new, lack, version, began, tokens
            )
        )
    at = scrape.at if new else past.last_good
    return EnginePast(past.first_seen, past.appeared, at, page.layout, way, start, traces), tuple(seen)


def _not_an_engine(name: str, scrape: Scrape, plan: PagePlan) -> ReplicaSeen:
    """A page without engine gauges: a server that hides them serves; anything else is not our replica."""
    kind = plan.identity.kind
    if kind is PageKind.ENGINE_SILENT:
        return ReplicaSeen(name, ReplicaState.READY, scrape, fault="serves, but hides its engine metrics")
    if plan.identity.engine is not None:
        return ReplicaSeen(name, ReplicaState.READY, scrape, fault=f"{kind} page without the engine's metrics")
    return ReplicaSeen(name, ReplicaState.LOST, scrape, fault=f"not an engine's page: {kind}")


def _same_process(before: float | None, now: float | None) -> bool:
    """Whether the process is the same one; where the page does not say, falling counters will tell."""
    if before is None or now is None or not math.isfinite(before) or not math.isfinite(now):
        return True
    return abs(now - before) < 1.0


def _instant(unix: float | None) -> datetime | None:
    if unix is None or not 0 < unix < 32_503_680_000:
        return None
    return datetime.fromtimestamp(unix, UTC)
