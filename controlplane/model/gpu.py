"""GPUs as things that are paid for: what a kind costs, and what one machine holds for whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuKind:
    """A GPU we know by the name its driver gives it."""

    type: str
    """As written under ``gpus: {type: …}``."""
    dollars_per_hour: float | None = None
    """Price of a whole one; ``None`` when nobody said."""
    listed: bool = False
    """Whether that is one of our list prices rather than fleet.yaml's."""
    slices: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """MIG profile → share of the GPU it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuNode:
    """The GPUs of one machine at a tick, in whole GPUs: a MIG slice counts with its share of the price."""

    name: str
    """Empty for replicas that do not say where they run."""
    type: str
    dollars_per_hour: float | None = None
    """Price of one whole GPU."""
    listed: bool = False
    count: int | None = None
    """Whole GPUs in it; ``None`` where no exporter shows them."""
    ours: float = 0.0
    """Held by replicas of our roles."""
    others: float = 0.0
    """Held by pods that are not ours, as far as an exporter shows them."""

    @property
    def unallocated(self) -> float | None:
        """Held by nobody, slices that the layout strands among them; ``None`` while unknown."""
        return None if self.count is None else max(0.0, self.count - self.ours - self.others)


def product_name(said: str) -> str:
    """A GPU's name as driver and node label both give it: ``NVIDIA H100 PCIe`` is ``H100-PCIE``."""
    plain = said.strip().upper().replace(" ", "-").removeprefix("NVIDIA-").removesuffix("-SHARED")
    return plain.partition("-MIG-")[0]
