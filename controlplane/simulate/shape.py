"""What the simulated cluster is made of: roles, nodes, and how long their replicas take to start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from controlplane.simulate.costs import StepCost


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """Median seconds of each phase of a start; each is drawn log-normal."""

    image: float = 8.0
    """Getting the image: it is on the node already, so only unpacking."""
    weights: float = 30.0
    """Loading weights from the volume."""
    engine: float = 25.0
    """Process, graphs, KV cache."""
    warm_up: float = 5.0
    """First pass, then the readiness probe."""
    spread: float = 0.15
    """Standard deviation of the logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleShape:
    """One role: a Deployment, its ScaledObject, and the engine in its pods."""

    name: str
    model: str
    cost: StepCost
    """With a 16-bit KV cache; see ``kv_cache_dtype``."""
    gpu: str
    """Key of :data:`GPUS`."""
    gpus_per_replica: float
    """Below 1 the GPU is shared by time slicing. With ``mig``: slices."""
    longest: int
    """``--max-model-len``."""
    min: int
    max: int
    mig: str | None = None
    kv_cache_dtype: str = "auto"
    budget: int = 2048
    """``--max-num-batched-tokens``."""
    most_sequences: int = 128
    """``--max-num-seqs``."""
    cold_start: ColdStart = ColdStart()
    queue_target: float = 5.0
    """Waiting requests per replica the ScaledObject aims at."""
    in_flight_target: float = 40.0
    """Requests per replica, running or waiting, its second trigger aims at."""
    namespace: str = "llm"
    phase: str = "both"
    """``prefill`` or ``decode`` where two roles share the work of a call."""


@dataclass(frozen=True, slots=True)
class GpuModel:
    """A GPU as DCGM describes it."""

    name: str
    memory_mib: int
    watts_idle: float
    watts_busy: float
    sm_mhz: int
    memory_mhz: int


GPUS = {
    "h100-sxm-80gb": GpuModel("NVIDIA H100 80GB HBM3", 81559, 70, 700, 1980, 2619),
    "h100-pcie-80gb": GpuModel("NVIDIA H100 PCIe", 81559, 48, 350, 1755, 1593),
    "a100-pcie-80gb": GpuModel("NVIDIA A100 80GB PCIe", 81920, 45, 300, 1410, 1512),
    "l40-48gb": GpuModel("NVIDIA L40", 46068, 35, 300, 2490, 9001),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeShape:
    """One machine with GPUs of one kind."""

    name: str
    gpu: str
    count: int
    mig: tuple[str, ...] = ()
    """Profiles of the slices each of its GPUs is cut into; empty: they are whole."""
    dcgm: str = "4.8"
    """Naming of its exporter: ``4.8``, or ``4.9`` with other names, units and ``hostname``."""
    honor_labels: bool = False
    """Whether the page keeps ``pod``, else the workload's labels arrive as ``exported_pod``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bystander:
    """A pod that is none of ours and asks for GPUs: somebody's notebook, a job that has ended."""

    name: str
    namespace: str
    node: str
    gpus: int = 1
    """Whole GPUs, or slices of ``mig``."""
    mig: str | None = None
    busy: float = 0.6
    """Share of time its GPUs run a kernel."""
    succeeded: bool = False
    """It has ended: it holds nothing any more, but kube-state-metrics still tells what it asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterShape:
    """Everything there is."""

    roles: tuple[RoleShape, ...]
    nodes: tuple[NodeShape, ...]
    bystanders: tuple[Bystander, ...] = ()
    split: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    """Who serves the calls to a role instead: a pool for prompts, then a pool for answers."""
