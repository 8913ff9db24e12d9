"""Who holds which GPUs, what a node's GPUs cost, and so what each pod costs.

Money is GPUs held times the price of the node, from the moment a pod is scheduled until it is finished. Where pods
hold more than there is (shared GPUs, slices that round up) they share the price: a node never costs more than its GPUs.
"""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from controlplane.generate.rules.gpus import PHYSICAL, POD_ACTIVE
from controlplane.generate.rules.info import RUNNING
from controlplane.generate.rules.moved import ours, told
from controlplane.generate.rules.rule import Record, on
from controlplane.promql import exported
from controlplane.promql.catalogue import metrics
from controlplane.promql.expr import Match, aggregate, one_of, select
from controlplane.promql.metric import Signal, Source
from controlplane.promql.recorded import NODE, POD
from controlplane.settings.gpus import KNOWN_GPUS
from controlplane.settings.schema import Settings

PRICE = "llm_node:gpu_price_dollars_per_hour:max"
UNIT_COST = "llm_node:gpu_cost_dollars_per_hour:value"
ALLOCATED = "llm_node:gpus_allocated:sum"
UNALLOCATED = "llm_node:gpus_unallocated:sum"
REQUESTS = "llm_pod:gpu_requests:sum"
POD_GPUS = "llm_pod:gpus_allocated:sum"
POD_COST = "llm_pod:cost_dollars_per_hour:sum"
POD_IDLE = "llm_pod:cost_idle_dollars_per_hour:sum"

ON_A_NODE = Match("node", "", "!=")
_POD_NODE = (*POD, "node")


def node_rules(settings: Settings) -> Iterator[Record]:
    """Prices and GPUs per node, GPUs and money per pod."""
    yield Record(name=PRICE, expr=f"{ours(exported.GPU_PRICE, 'max', NODE)} or {on(NODE)} {_opencost()}")
    yield Record(name=REQUESTS, expr=_requested())
    yield Record(name=POD_GPUS, expr=_held(settings))
    held = select(POD_GPUS, (ON_A_NODE,))
    yield Record(name=ALLOCATED, expr=aggregate("sum", held, NODE))
    free = f"{PHYSICAL} - {on(NODE)} ({ALLOCATED} or {PHYSICAL} * 0)"
    yield Record(name=UNALLOCATED, expr=f"clamp_min({free}, 0)")
    share = f"clamp_max({PHYSICAL} / {on(NODE)} ({ALLOCATED} > 0), 1)"
    yield Record(name=UNIT_COST, expr=f"{PRICE} * {on(NODE)} {share} or {PRICE}")
    yield Record(name=POD_COST, expr=aggregate("sum", f"{held} * {on(NODE)} group_left () {UNIT_COST}", POD))
    quiet = f"({aggregate('sum', f'avg_over_time({RUNNING}[5m])', POD)} == bool 0)"
    yield Record(
        name=POD_IDLE,
        expr=f"{POD_COST} * {on(POD)} (1 - clamp_max({POD_ACTIVE}, 1)) or {POD_COST} * {on(POD)} {quiet}",
    )


def _opencost() -> str:
    found = metrics(Source.OPENCOST, Signal.NODE_PRICE)
    return told(f"({select(found[0].name)} > 0)", "max", NODE)


def _requested() -> str:
    """What pods ask the scheduler for, by resource: those that are scheduled and not finished.

    A finished pod keeps its request. One that is not scheduled has no node, and may have been given the exporter's.
    """
    requests, phase, scheduled = (
        metrics(Source.KUBE, signal)[0].name for signal in (Signal.GPU_REQUESTS, Signal.POD_PHASE, Signal.POD_SCHEDULED)
    )
    rows = select(requests, (Match("resource", "nvidia_com_(gpu|mig_.+)", "=~"), ON_A_NODE))
    of_containers = told(rows, "max", (*_POD_NODE, "container", "resource"))
    alive = told(f"({select(phase, (one_of('phase', ('Pending', 'Running')),))} == 1)", "max", POD)
    queued = told(f"({select(scheduled, (('condition', 'false'),))} == 1)", "max", POD)
    asked = aggregate("sum", of_containers, (*_POD_NODE, "resource"))
    return f"{asked} * {on(POD)} group_left () ({alive} unless {on(POD)} {queued})"


def _held(settings: Settings) -> str:
    """What the control plane knows (it counts shared GPUs and claims), else what pods ask the scheduler for."""
    known = ours(exported.POD_GPUS, "max", _POD_NODE)
    asked = (
        select(REQUESTS, (resource,)) + ("" if share == 1 else f" * {share.numerator} / {share.denominator}")
        for resource, share in _resources(settings)
    )
    return f"{known} or {on(POD)} {aggregate('sum', ' or '.join(asked), _POD_NODE)}"


def _resources(settings: Settings) -> Iterator[tuple[Match, Fraction]]:
    """Resources of the scheduler, as kube-state-metrics spells them, by the share of a GPU that one takes.

    Two GPUs may call slices of different size the same: then the fleet's own are meant, or the larger GPU's.
    """
    shares: dict[str, Fraction] = {}
    for known in KNOWN_GPUS.values():
        for profile, share in known.slices.items():
            shares[profile] = min(share, shares.get(profile, share))
    for role in settings.roles.values():
        own = KNOWN_GPUS.get(role.gpus.type) if role.gpus else None
        shares.update(own.slices if own else {})
    by_share: defaultdict[Fraction, list[str]] = defaultdict(list)
    for profile, share in shares.items():
        by_share[share].append(profile.replace(".", "_").replace("+", "_"))
    yield Match("resource", "nvidia_com_gpu"), Fraction(1)
    for share, names in sorted(by_share.items()):
        yield Match("resource", f"nvidia_com_mig_({'|'.join(sorted(names))})", "=~"), share
