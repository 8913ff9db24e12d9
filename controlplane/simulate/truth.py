"""What is true of the simulated cluster, from its own books: money by bucket and role, tokens, how busy GPUs are.

Nothing here is read from a page. Whoever adds up pages must come to the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.simulate.deployment import Pod
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.nodes import Node, Seat

SEVENTHS_AND_EIGHTHS = {"1": (1, 1), "2": (2, 2), "3": (3, 4), "4": (4, 4), "7": (7, 8)}
"""Compute and memory of a slice, by its compute sevenths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleTruth:
    """One role. Tokens are counted since its engines started, as delivered: a prompt once, whoever handed it on."""

    serving: float
    """Dollars per hour at which its GPUs work, over the exporters' last interval."""
    idle: float
    gpus: float
    """GPU-equivalents it holds."""
    busy: float | None
    """Share of time its GPUs ran a kernel; ``None`` before the exporters' first interval."""
    prompt: int
    cached: int
    output: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The cluster at one instant, dollars per hour."""

    bill: float
    """All GPUs there are."""
    other: float
    """Held by pods that are not ours."""
    unallocated: float
    roles: Mapping[str, RoleTruth]


def truth(fleet: Fleet, prices: Mapping[str, float]) -> Truth:
    """The truth now. ``prices``: dollars per hour of a whole GPU, by kind."""
    bill = sum(node.shape.count * prices[node.shape.gpu] for node in fleet.nodes)
    other = sum(_gpus(b.node, b.seats) * prices[b.node.shape.gpu] for b in fleet.bystanders)
    roles = {name: _role(fleet, deployment.pods, prices) for name, deployment in fleet.deployments.items()}
    ours = sum(role.serving + role.idle for role in roles.values())
    return Truth(bill=bill, other=other, unallocated=bill - ours - other, roles=roles)


def _role(fleet: Fleet, pods: list[Pod], prices: Mapping[str, float]) -> RoleTruth:
    serving = idle = gpus = 0.0
    prompt = cached = output = 0
    busy: list[float] = []
    for pod in pods:
        if pod.node is None:
            continue
        held = _gpus(pod.node, pod.seats)
        price = held * prices[pod.role.gpu]
        active = fleet.activity[pod][0] if pod in fleet.activity else None
        busy += [] if active is None else [active]
        serving += price * (active or 0.0)
        idle += price * (1 - (active or 0.0))
        gpus += held
        if pod.engine is not None:
            tally, phase = pod.engine.tally, pod.role.phase
            prompt += 0 if phase == "decode" else tally.prompt_tokens - tally.cached_tokens
            cached += 0 if phase == "decode" else tally.cached_tokens
            output += 0 if phase == "prefill" else tally.generation_tokens
    mean = sum(busy) / len(busy) if busy else None
    return RoleTruth(serving=serving, idle=idle, gpus=gpus, busy=mean, prompt=prompt, cached=cached, output=output)


def _gpus(node: Node, seats: tuple[Seat, ...]) -> float:
    """GPU-equivalents: a slice's larger share of compute and memory, scaled so that a cut GPU comes to one."""
    if not node.shape.mig:
        return sum(seat.share for seat in seats)
    cut = [_larger(profile) for profile in node.shape.mig]
    return sum(cut[seat.slice_id - 1] for seat in seats if seat.slice_id is not None) / max(1.0, sum(cut))


def _larger(profile: str) -> float:
    compute, memory = SEVENTHS_AND_EIGHTHS[profile[0]]
    return max(compute / 7, memory / 8)
