"""Where pods run: nodes, their GPUs, and who holds which."""

from dataclasses import dataclass, field

from controlplane.simulate.shape import Bystander, NodeShape, RoleShape


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
    xid: dict[int, int] = field(default_factory=dict)
    """Last XID error per GPU."""

    @property
    def places(self) -> list[tuple[int, int | None]]:
        """Every GPU, or every slice of every GPU."""
        gpus = range(self.shape.count)
        if not self.shape.mig:
            return [(gpu, None) for gpu in gpus]
        return [(gpu, slice_id) for gpu in gpus for slice_id in range(1, len(self.shape.mig) + 1)]

    def profile(self, slice_id: int | None) -> str | None:
        """MIG profile of a slice; ``None`` for a whole GPU."""
        return None if slice_id is None else self.shape.mig[slice_id - 1]

    def seat(self, role: RoleShape) -> tuple[Seat, ...] | None:
        """Take GPUs for one replica of the role; ``None`` when they are not there."""
        if self.shape.gpu != role.gpu:
            return None
        return self._take(role.gpus_per_replica, role.mig)

    def seat_bystander(self, pod: Bystander) -> tuple[Seat, ...]:
        """Take GPUs for a pod that is none of ours; nothing for one that has ended."""
        return () if pod.succeeded else self._take(pod.gpus, pod.mig) or ()

    def _take(self, gpus: float, mig: str | None) -> tuple[Seat, ...] | None:
        share = min(1.0, gpus)
        number = max(1, round(gpus))
        free = [p for p in self.places if self.profile(p[1]) == mig and self.taken.get(p, 0.0) + share <= 1.0 + 1e-9]
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
