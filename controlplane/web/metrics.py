"""Our own ``/metrics``: what generated rules and dashboards build on, and how the service itself is doing.

The names are :data:`controlplane.promql.exported.EXPORTED`. What was seen at a tick that is old is absent,
not repeated: an autoscaler that reads us must see that we are blind.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from controlplane import __version__
from controlplane.loop.desk import ROLLED_BACK, Desk
from controlplane.model.recommendation import Kind
from controlplane.promql import exported as ours
from controlplane.verify.rights import lacking
from controlplane.verify.savings import realised
from controlplane.web.metrics_family import family
from controlplane.web.metrics_seen import seen
from controlplane.web.metrics_sessions import session_families

OLD_AFTER_TICKS = 4
"""A cycle older than this many ticks is not repeated: 60 s at the default tick of 15 s."""
KEPT_AT_MOST = 1000
"""Recommendations and changes of the ledger that are looked through at a scrape, newest first."""


def metrics_page(desk: Desk) -> Callable[[], bytes]:
    """A function that renders the page (classic text format)."""
    registry = CollectorRegistry()
    registry.register(_FleetCollector(desk))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


class _FleetCollector(Collector):
    """Reads the desk at each scrape; holds nothing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        desk = self._desk
        yield family(ours.BUILD_INFO, [((__version__,), 1.0)])
        cycle = desk.latest()
        if cycle is not None and desk.now() - cycle.at <= desk.tick * OLD_AFTER_TICKS:
            yield from seen(cycle)
        yield from _kept(desk)
        yield from _loops(desk)
        if desk.sessions is not None:
            yield from session_families(desk.sessions)


def _kept(desk: Desk) -> Iterator[Metric]:
    """What the ledger holds."""
    states: Counter[tuple[str, str]] = Counter()
    savings: defaultdict[tuple[str, str], float] = defaultdict(float)
    for record in desk.archive.recommendations(limit=KEPT_AT_MOST):
        key = record.recommendation.kind.value, record.state.value
        effect = record.recommendation.effect.dollars_per_hour
        states[key] += 1
        if effect is not None and effect < 0:
            savings[key] -= effect
    yield family(ours.RECOMMENDATIONS, [(key, float(n)) for key, n in sorted(states.items())])
    yield family(ours.SAVINGS, sorted(savings.items()))
    changes = desk.archive.changes(limit=KEPT_AT_MOST)
    saved = realised(changes, desk.now())
    yield family(ours.REALISED_SAVINGS, sorted(((kind.value,), dollars) for kind, dollars in saved.items()))
    rights = sorted({one.right for one in lacking(changes, desk.now())})
    yield family(ours.MISSING_RIGHTS, [((r.namespace, r.verb, r.resource, r.name), 1.0) for r in rights])
    yield family(ours.STOPPED, [((), 1.0 if desk.archive.stopped() else 0.0)])
    age = desk.archive.oldest_undelivered(desk.now())
    yield family(ours.OLDEST_UNDELIVERED, [((), age.total_seconds() if age else 0.0)])


def _loops(desk: Desk) -> Iterator[Metric]:
    """How the service's own loops are doing."""
    health = desk.health()
    # a counter that begins at 1 hides its first event from increase(): say 0 before
    none_yet = {(Kind.UNDO.value, ROLLED_BACK, spec.namespace): 0 for spec in desk.roles}
    sent = {**none_yet, **health.actions}
    yield family(ours.ACTIONS, [(key, float(n)) for key, n in sorted(sent.items())])
    yield family(
        ours.LOOP_LAST_SUCCESS, [((loop,), at.timestamp()) for loop, at in sorted(health.last_success.items())]
    )
    dropped = {**dict.fromkeys(health.last_success, 0), **health.dropped}
    yield family(ours.LOOP_DROPPED, [((loop,), float(n)) for loop, n in sorted(dropped.items())])
