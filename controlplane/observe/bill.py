"""A tick's money: each role's spend split into serving and idle, and what the machines cost beyond the roles.

Idle is what was seen idle: the share of time in which the GPUs ran no kernel. Where no exporter tells that, a role
is idle as a whole once it has had no running request for five minutes. Everything else is serving.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from math import fsum

from controlplane.model.gpu import GpuKind, GpuNode
from controlplane.model.money import Bill, Bucket, Charge, Delivery, TokenKind
from controlplane.model.reading import Reading
from controlplane.model.role import Phase, ReplicaView, RoleView
from controlplane.observe.gpus import NodeDevices, PodKey

QUIET = timedelta(minutes=5)
"""Without a running request for so long a role is idle: the window of the recorded rule."""
QUIET_KNOWN = 0.9
"""Share of that time for which it must be known."""


def gpu_nodes(
    views: Sequence[RoleView], shown: Sequence[NodeDevices], kinds: Mapping[str, GpuKind]
) -> tuple[GpuNode, ...]:
    """Every machine that an exporter shows or a replica names, with its price and who holds its GPUs."""
    ours: dict[str, float] = {}
    specs: dict[str, RoleView] = {}
    unknown: set[str] = set()
    for view in views:
        for replica in view.replicas:
            name = replica.node or ""
            if specs.setdefault(name, view).spec.gpus.type != view.spec.gpus.type:
                unknown.add(name)  # two kinds of GPU on one machine: no single price is right
            ours[name] = ours.get(name, 0.0) + (gpus_of(view, replica) or 0.0)
    mine = frozenset(_pods(views))
    nodes = []
    exporters = {node.name: node for node in shown}
    for name in sorted({*ours, *exporters}):
        spec = specs[name].spec.gpus if name in specs else None
        exporter = exporters.get(name)
        kind = kinds.get(exporter.product) if exporter is not None else None
        price = spec.dollars_per_hour if spec is not None else kind.dollars_per_hour if kind is not None else None
        product = exporter.product if exporter is not None else ""
        nodes.append(
            GpuNode(
                name=name,
                type=spec.type if spec is not None else kind.type if kind is not None else product,
                dollars_per_hour=None if name in unknown else price,
                listed=spec.listed if spec is not None else kind.listed if kind is not None else False,
                count=exporter.count if exporter is not None else None,
                ours=ours.get(name, 0.0),
                others=exporter.held(kind, except_by=mine) if exporter is not None else 0.0,
            )
        )
    return tuple(nodes)


def gpus_of(view: RoleView, replica: ReplicaView) -> float | None:
    """Whole GPUs a replica is charged for: what was seen, else what fleet.yaml says."""
    return view.spec.gpus.equivalents if replica.gpus is None else replica.gpus


def bill(views: Sequence[RoleView], nodes: Sequence[GpuNode]) -> Bill:
    """What this tick costs and delivers, as rates."""
    return Bill(
        charges=(*(charge for view in views for charge in _role(view)), *_beyond_roles(nodes)),
        deliveries=tuple(delivery for view in views for delivery in _delivered(view)),
    )


def _pods(views: Sequence[RoleView]) -> Iterator[PodKey]:
    for view in views:
        for replica in view.replicas:
            yield view.spec.namespace, replica.key.name


def _role(view: RoleView) -> Iterator[Charge]:
    spend = view.now(Reading.DOLLARS_PER_HOUR)
    if spend is not None:
        idle = spend * idle_share(view)
        yield Charge(role=view.name, bucket=Bucket.SERVING, dollars_per_hour=spend - idle)
        yield Charge(role=view.name, bucket=Bucket.IDLE, dollars_per_hour=idle)


def idle_share(view: RoleView) -> float:
    """Share of the role's spend that is idle (0..1)."""
    busy = [active for r in view.replicas if (active := r.values.get(Reading.GPU_ACTIVITY)) is not None]
    whole = view.now(Reading.GPU_ACTIVITY)
    if busy or whole is not None:
        active = fsum(busy) / len(busy) if busy else whole or 0.0
        return 1.0 - min(1.0, max(0.0, active))
    running = view.series(Reading.RUNNING)
    known = running.last(QUIET).known()
    quiet = running.completeness(QUIET) >= QUIET_KNOWN and not any(known)
    return 1.0 if quiet else 0.0


def _beyond_roles(nodes: Sequence[GpuNode]) -> Iterator[Charge]:
    """One charge per bucket; none at all while a machine that is shown has no price: half a bill is not a bill."""
    shown = [node for node in nodes if node.count is not None]
    if not shown or any(node.dollars_per_hour is None for node in shown):
        return
    for bucket, held in (
        (Bucket.OTHER, [(node, node.others) for node in shown]),
        (Bucket.UNALLOCATED, [(node, node.unallocated or 0.0) for node in shown]),
    ):
        spend = fsum(gpus * (node.dollars_per_hour or 0.0) for node, gpus in held)
        yield Charge(role=None, bucket=bucket, dollars_per_hour=spend)


def _delivered(view: RoleView) -> Iterator[Delivery]:
    phase = view.spec.phase
    prompt, cached = view.now(Reading.PROMPT_TOKENS), view.now(Reading.CACHED_TOKENS)
    if prompt is not None and phase is not Phase.DECODE:
        found = min(prompt, cached or 0.0)
        yield Delivery(role=view.name, kind=TokenKind.PROMPT, tokens_per_second=prompt - found)
        if cached is not None:
            yield Delivery(role=view.name, kind=TokenKind.CACHED, tokens_per_second=found)
    output = view.now(Reading.OUTPUT_TOKENS)
    if output is not None and phase is not Phase.PREFILL:
        yield Delivery(role=view.name, kind=TokenKind.OUTPUT, tokens_per_second=output)
