"""Where pods run: nodes, their GPUs, and who holds which."""

from dataclasses import dataclass, field

from controlplane.simulate.shape import NodeShape, RoleShape

SLICES = 7
"""Slices of a GPU cut into the smallest MIG profile."""


@dataclass(frozen=True, slots=True)
class Seat:
    """GPU ``gpu`` of a node, or its slice ``slice_id``; ``share`` of it belongs to the pod."""

    gpu: int
    share: float = 1.0
    slice_id: int | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Node:
    """One machine; ``taken`` holds how much of each GPU (or slice) is spoken for."""

    shape: NodeShape
    taken: dict[tuple[int, int | None], float] = field(default_factory=dict)
    energy_mj: dict[int, float] = field(default_factory=dict)
    """Millijoules per GPU since the driver was loaded."""

    @property
    def places(self) -> list[tuple[int, int | None]]:
        """Every GPU, or every slice of every GPU."""
        gpus = range(self.shape.count)
        if self.shape.mig is None:
            return [(gpu, None) for gpu in gpus]
        return [(gpu, slice_id) for gpu in gpus for slice_id in range(1, SLICES + 1)]

    def seat(self, role: RoleShape) -> tuple[Seat, ...] | None:
        """Take GPUs for one replica of the role; ``None`` when they are not there."""
        if (self.shape.gpu, self.shape.mig) != (role.gpu, role.mig):
            return None
        share = min(1.0, role.gpus_per_replica)
        number = max(1, round(role.gpus_per_replica))
        free = [place for place in self.places if self.taken.get(place, 0.0) + share <= 1.0 + 1e-9]
        if share < 1:  # fill the GPU that is shared already
            free.sort(key=lambda place: -self.taken.get(place, 0.0))
        if len(free) < number:
            return None
        for place in free[:number]:
            self.taken[place] = self.taken.get(place, 0.0) + share
        return tuple(Seat(gpu, share, slice_id) for gpu, slice_id in free[:number])

    def leave(self, seats: tuple[Seat, ...]) -> None:
        """The pod is gone."""
        for seat in seats:
            place = (seat.gpu, seat.slice_id)
            self.taken[place] = max(0.0, self.taken[place] - seat.share)
