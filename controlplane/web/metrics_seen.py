"""What the last tick saw, for Prometheus: pods and their GPUs, pools, prices, readings, findings, sources."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import Metric

from controlplane.model.cycle import Cycle
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView
from controlplane.observe.bill import gpus_of
from controlplane.promql import exported as ours
from controlplane.web.metrics_family import family, known

POOL: tuple[tuple[ours.Exported, Callable[[RoleView], float | None]], ...] = (
    (ours.REPLICAS_READY, lambda v: v.now(Reading.REPLICAS_READY)),
    (ours.REPLICAS_PENDING, lambda v: v.now(Reading.REPLICAS_PENDING)),
    (ours.REPLICAS_DESIRED, lambda v: v.now(Reading.REPLICAS_DESIRED)),
    (ours.REPLICAS_MIN, lambda v: float(v.in_force.min)),
    (ours.REPLICAS_MAX, lambda v: float(v.in_force.max)),
    (ours.IDLE_BUDGET, lambda v: v.spec.idle_dollars_per_hour),
)
"""Per namespace and role: what stands there, ``None`` while unknown."""


def seen(cycle: Cycle) -> Iterator[Metric]:
    """Everything that is true of one tick."""
    views = tuple(cycle.fleet.roles.values())
    yield from _pods(views)
    yield from _money(cycle, views)
    yield from _pools(cycle, views)
    yield family(
        ours.ROLE_READING,
        known(
            ((v.spec.namespace, v.name, reading.value, reading.unit.value), v.now(reading))
            for v in views
            for reading in Reading
        ),
    )
    open_ = Counter((f.role, f.detector, f.severity.value) for f in cycle.findings)
    yield family(ours.FINDINGS, [(key, float(n)) for key, n in sorted(open_.items())])
    yield from _sources(cycle)


def _pods(views: Sequence[RoleView]) -> Iterator[Metric]:
    pods = [(v.spec, r) for v in views for r in v.replicas]
    yield family(
        ours.POD_INFO,
        [((s.namespace, r.key.name, r.node or "", s.model.name, s.name, s.phase.value), 1.0) for s, r in pods],
    )
    yield family(
        ours.POD_GPUS,
        known(((v.spec.namespace, r.key.name, r.node or ""), gpus_of(v, r)) for v in views for r in v.replicas),
    )
    yield family(ours.KV_CAPACITY, known(((s.namespace, r.key.name), r.kv_tokens) for s, r in pods))


def _money(cycle: Cycle, views: Sequence[RoleView]) -> Iterator[Metric]:
    yield family(
        ours.GPU_PRICE,
        known(
            ((node.name, node.type, "list" if node.listed else "file"), node.dollars_per_hour)
            for node in cycle.fleet.nodes
        ),
    )
    yield family(
        ours.ROLE_DOLLARS,
        known(((v.spec.namespace, v.name, v.spec.model.name), v.now(Reading.DOLLARS_PER_HOUR)) for v in views),
    )


def _pools(cycle: Cycle, views: Sequence[RoleView]) -> Iterator[Metric]:
    for metric, value in POOL:
        yield family(metric, known(((v.spec.namespace, v.name), value(v)) for v in views))
    yield family(
        ours.DESIRED_REPLICAS,
        [
            ((v.spec.namespace, v.name), float(wish.replicas))
            for v in views
            if (wish := cycle.desired.get(v.name)) is not None and wish.replicas is not None
        ],
    )


def _sources(cycle: Cycle) -> Iterator[Metric]:
    sources = cycle.fleet.sources
    yield family(
        ours.SOURCE_LAST_SUCCESS,
        known(((s.name,), s.last_good.timestamp() if s.last_good else None) for s in sources),
    )
    yield family(ours.SOURCE_UP, [((s.name, s.kind, s.role or ""), 1.0 if s.ok else 0.0) for s in sources])
    yield family(ours.SOURCE_SECONDS, known(((s.name, s.kind, s.role or ""), s.took_seconds) for s in sources))
    yield family(ours.WALK_SECONDS, [((step,), took) for step, took in cycle.took_seconds.items()])
