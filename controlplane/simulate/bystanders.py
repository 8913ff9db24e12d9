"""Pods that are none of ours but hold GPUs of the same machines, or look as if they did."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.simulate.nodes import Node, Seat
from controlplane.simulate.shape import Bystander


@dataclass(frozen=True, slots=True, eq=False)
class Seated:
    """One of them, on its machine."""

    pod: Bystander
    node: Node
    seats: tuple[Seat, ...]
    """Empty once it has ended."""


def seat(bystanders: Sequence[Bystander], nodes: Sequence[Node]) -> tuple[Seated, ...]:
    """Each takes what it asks for on the machine it names. Raises ``KeyError`` for a machine that is not there."""
    by_name = {node.shape.name: node for node in nodes}
    return tuple(Seated(pod, node := by_name[pod.node], node.seat_bystander(pod)) for pod in bystanders)
