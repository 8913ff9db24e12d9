"""Our own ``/metrics``: what generated rules and dashboards build on, and how the service itself is doing.

The names are :data:`controlplane.promql.exported.EXPORTED`. What was seen at a tick that is old is absent,
not repeated: an autoscaler that reads us must see that we are blind.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controlplane import __version__
from controlplane.loop.desk import Desk
from controlplane.model.cycle import Cycle
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView
from controlplane.promql import exported as ours

OLD_AFTER_TICKS = 4
"""A cycle older than this many ticks is not repeated: 60 s at the default tick of 15 s."""

Row = tuple[Sequence[str], float]

POOL: tuple[tuple[ours.Exported, Callable[[RoleView], float | None]], ...] = (
    (ours.REPLICAS_READY, lambda v: v.now(Reading.REPLICAS_READY)),
    (ours.REPLICAS_PENDING, lambda v: v.now(Reading.REPLICAS_PENDING)),
    (ours.REPLICAS_DESIRED, lambda v: v.now(Reading.REPLICAS_DESIRED)),
    (ours.REPLICAS_MIN, lambda v: float(v.in_force.min)),
    (ours.REPLICAS_MAX, lambda v: float(v.in_force.max)),
)
"""Per role: what stands in ``llm_fleet_pool_*``, ``None`` while unknown."""


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
        yield _family(ours.BUILD_INFO, [((__version__,), 1.0)])
        cycle = desk.latest()
        if cycle is not None and desk.now() - cycle.at <= desk.tick * OLD_AFTER_TICKS:
            yield from _seen(cycle)
        yield from self._kept()
        yield from self._loops()

    def _kept(self) -> Iterator[Metric]:
        """What the ledger holds."""
        desk = self._desk
        yield _family(
            ours.GPU_PRICE,
            sorted({((s.gpus.type, "file"), s.gpus.dollars_per_hour) for s in desk.roles if s.gpus.dollars_per_hour}),
        )
        states = Counter((r.recommendation.kind.value, r.state.value) for r in desk.archive.recommendations(limit=1000))
        yield _family(ours.RECOMMENDATIONS, [(key, float(n)) for key, n in sorted(states.items())])
        yield _family(ours.STOPPED, [((), 1.0 if desk.archive.stopped() else 0.0)])
        age = desk.archive.oldest_undelivered(desk.now())
        yield _family(ours.OLDEST_UNDELIVERED, [((), age.total_seconds() if age else 0.0)])

    def _loops(self) -> Iterator[Metric]:
        """How the service's own loops are doing."""
        health = self._desk.health()
        yield _family(ours.ACTIONS, [(key, float(n)) for key, n in sorted(health.actions.items())])
        yield _family(
            ours.LOOP_LAST_SUCCESS, [((loop,), at.timestamp()) for loop, at in sorted(health.last_success.items())]
        )
        yield _family(ours.LOOP_DROPPED, [((loop,), float(n)) for loop, n in sorted(health.dropped.items())])


def _seen(cycle: Cycle) -> Iterator[Metric]:
    """What the last tick saw."""
    views = tuple(cycle.fleet.roles.values())
    yield _family(
        ours.POD_INFO,
        [
            ((namespace(v.spec), r.key.name, r.node or "", v.spec.model.name, v.name, "both"), 1.0)
            for v in views
            for r in v.replicas
        ],
    )
    yield _family(
        ours.ROLE_DOLLARS,
        _known(((namespace(v.spec), v.name, v.spec.model.name), v.now(Reading.DOLLARS_PER_HOUR)) for v in views),
    )
    for metric, value in POOL:
        yield _family(metric, _known(((namespace(v.spec), v.name), value(v)) for v in views))
    yield _family(
        ours.DESIRED_REPLICAS,
        [
            ((namespace(v.spec), v.name), float(wish.replicas))
            for v in views
            if (wish := cycle.desired.get(v.name)) is not None and wish.replicas is not None
        ],
    )
    yield _family(
        ours.ROLE_READING,
        _known(
            ((namespace(v.spec), v.name, reading.value, reading.unit.value), v.now(reading))
            for v in views
            for reading in Reading
        ),
    )
    open_ = Counter((f.role, f.detector, f.severity.value) for f in cycle.findings)
    yield _family(ours.FINDINGS, [(key, float(n)) for key, n in sorted(open_.items())])
    yield _family(
        ours.SOURCE_LAST_SUCCESS,
        _known(((s.name,), s.last_good.timestamp() if s.last_good else None) for s in cycle.fleet.sources),
    )
    for metric, measured in (
        (ours.SOURCE_UP, lambda s: 1.0 if s.ok else 0.0),
        (ours.SOURCE_SECONDS, lambda s: s.took_seconds),
    ):
        yield _family(metric, _known(((s.name, s.kind, s.role or ""), measured(s)) for s in cycle.fleet.sources))
    yield _family(ours.WALK_SECONDS, [((step,), took) for step, took in cycle.took_seconds.items()])


def namespace(spec: RoleSpec) -> str:
    """Kubernetes namespace of a role, from what it is scaled by; empty outside Kubernetes."""
    target = spec.scaled_object or spec.workload
    return target.namespace if target else ""


def _known(rows: Iterable[tuple[Sequence[str], float | None]]) -> list[Row]:
    return [(labels, value) for labels, value in rows if value is not None]


def _family(metric: ours.Exported, rows: Iterable[Row]) -> Metric:
    family: GaugeMetricFamily | CounterMetricFamily
    if metric.kind == "counter":
        family = CounterMetricFamily(metric.name.removesuffix("_total"), metric.words, labels=metric.labels)
    else:
        family = GaugeMetricFamily(metric.name, metric.words, labels=metric.labels)
    for labels, value in rows:
        family.add_metric(list(labels), value)
    return family
