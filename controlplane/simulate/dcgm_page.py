"""The page of one node's DCGM exporter, in the naming and units of its version.

Rows are per GPU, or per slice where a GPU is cut with MIG: then no ``*_UTIL``, and shares are of the slice.
The workload's labels are ``exported_pod``… unless the scrape honours the page's own. A GPU shared by time
slicing has a row per pod, each with the whole GPU's numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

from controlplane.simulate.exposition import Page, labels_text
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.nodes import Node
from controlplane.simulate.shape import GPUS, GpuModel

MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gpu:
    """What is measured of one GPU or slice."""

    model: GpuModel
    busy: float
    reading: float
    computing: float
    held: float
    """Share of its memory that is in use."""
    energy_mj: float
    part: float
    """Its memory against the whole GPU's."""
    xid: int = 0
    """Last XID error of the GPU."""

    @property
    def watts(self) -> float:
        return round(self.model.watts_idle + (self.model.watts_busy - self.model.watts_idle) * self.busy, 3)

    @property
    def memory(self) -> int:
        return round(self.model.memory_mib * self.part)

    @property
    def used(self) -> int:
        return round(self.memory * self.held)

    @property
    def celsius(self) -> int:
        return round(34 + 38 * self.busy)


@dataclass(frozen=True, slots=True)
class _Field:
    old: str
    new: str
    kind: str
    help: str
    value: Callable[[_Gpu], float]
    """In the old unit."""
    scale: float = 1.0
    """Old unit times this is the unit of 4.9."""
    slices: bool = True
    """Whether it exists for MIG slices."""


_FIELDS = (
    _Field("DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_DEV_SM_CLOCK_HERTZ", "gauge",
           "SM clock frequency (in MHz).", lambda g: g.model.sm_mhz, 1e6),
    _Field("DCGM_FI_DEV_MEM_CLOCK", "DCGM_FI_DEV_MEMORY_CLOCK_HERTZ", "gauge",
           "Memory clock frequency (in MHz).", lambda g: g.model.memory_mhz, 1e6),
    _Field("DCGM_FI_DEV_MEMORY_TEMP", "DCGM_FI_DEV_MEMORY_TEMP_CELSIUS", "gauge",
           "Memory temperature (in C).", lambda g: g.celsius + 6),
    _Field("DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_TEMP_CELSIUS", "gauge",
           "GPU temperature (in C).", lambda g: g.celsius),
    _Field("DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_BOARD_POWER_WATTS", "gauge",
           "Power draw (in W).", lambda g: g.watts),
    _Field("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL", "counter",
           "Total energy consumption since boot (in mJ).", lambda g: round(g.energy_mj), 1e-3),
    _Field("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "DCGM_FI_DEV_PCIE_REPLAY_TOTAL", "counter",
           "Total number of PCIe retries.", lambda _: 0),
    _Field("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL_RATIO", "gauge",
           "GPU utilization (in %).", lambda g: round(g.busy * 100), 0.01, slices=False),
    _Field("DCGM_FI_DEV_MEM_COPY_UTIL", "DCGM_FI_DEV_MEMORY_UTIL_RATIO", "gauge",
           "Memory utilization (in %).", lambda g: round(g.reading * 100), 0.01, slices=False),
    _Field("DCGM_FI_DEV_ENC_UTIL", "DCGM_FI_DEV_ENC_UTIL_RATIO", "gauge",
           "Encoder utilization (in %).", lambda _: 0, 0.01, slices=False),
    _Field("DCGM_FI_DEV_DEC_UTIL", "DCGM_FI_DEV_DEC_UTIL_RATIO", "gauge",
           "Decoder utilization (in %).", lambda _: 0, 0.01, slices=False),
    _Field("DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_FB_FREE_BYTES", "gauge",
           "Framebuffer memory free (in MiB).", lambda g: g.memory - g.used, MIB),
    _Field("DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_USED_BYTES", "gauge",
           "Framebuffer memory used (in MiB).", lambda g: g.used, MIB),
    _Field("DCGM_FI_DEV_FB_RESERVED", "DCGM_FI_DEV_FB_RESERVED_BYTES", "gauge",
           "Framebuffer memory reserved (in MiB).", lambda g: round(616 * g.part), MIB),
    _Field("DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_XID_ERROR", "gauge",
           "Value of the last XID error encountered.", lambda g: g.xid),
    _Field("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL", "counter",
           "Number of remapped rows for uncorrectable errors", lambda _: 0),
    _Field("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_ROW_REMAP_CORRECTABLE_TOTAL", "counter",
           "Number of remapped rows for correctable errors", lambda _: 0),
    _Field("DCGM_FI_DEV_ROW_REMAP_FAILURE", "DCGM_FI_DEV_ROW_REMAP_FAILED", "gauge",
           "Whether remapping of rows has failed", lambda _: 0),
    _Field("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", "gauge",
           "Ratio of time the graphics engine is active.", lambda g: round(g.busy, 6)),
    _Field("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_PROF_TENSOR_UTIL_RATIO", "gauge",
           "Ratio of cycles the tensor (HMMA) pipe is active.", lambda g: round(g.computing, 6)),
    _Field("DCGM_FI_PROF_DRAM_ACTIVE", "DCGM_FI_PROF_DRAM_UTIL_RATIO", "gauge",
           "Ratio of cycles the device memory interface is active sending or receiving data.",
           lambda g: round(g.reading, 6)),
)  # fmt: skip

MEMORY_HELD = 0.9
"""``--gpu-memory-utilization``: an engine takes its memory at the start, whatever it then does."""


def dcgm_page(fleet: Fleet, node: Node) -> str:
    """The page of one node, as of the exporter's last interval."""
    new = node.shape.dcgm >= "4.9"
    page = Page()
    values: list[float] = []
    rows = [(text, gpu) for place in node.places for text, gpu in _rows(fleet, node, *place)]
    for field in _FIELDS:
        if node.shape.mig and not field.slices:
            continue
        name = field.new if new else field.old
        page.family(name, field.kind, field.help)
        for text, gpu in rows:
            page.sample(name, text)
            values.append(field.value(gpu) * field.scale if new else field.value(gpu))
    return page.fill(values)


@dataclass(frozen=True, slots=True)
class _Holder:
    """A pod that holds the device, or part of it."""

    namespace: str
    pod: str
    container: str
    share: float
    number: int


def _holders(fleet: Fleet, node: Node, gpu: int, slice_id: int | None) -> list[_Holder]:
    place = (gpu, slice_id)
    ours = [
        _Holder(pod.role.namespace, pod.name, "vllm", seat.share, pod.number)
        for pod in fleet.pods
        if pod.node is node
        for seat in pod.seats
        if (seat.gpu, seat.slice_id) == place
    ]
    others = [
        _Holder(b.pod.namespace, b.pod.name, "main", seat.share, 0)
        for b in fleet.bystanders
        if b.node is node
        for seat in b.seats
        if (seat.gpu, seat.slice_id) == place
    ]
    return ours + others


def _rows(fleet: Fleet, node: Node, gpu: int, slice_id: int | None) -> list[tuple[str, _Gpu]]:
    holders = _holders(fleet, node, gpu, slice_id)
    busy, reading, computing = fleet.gpu_activity(node, gpu, slice_id)
    profile = node.profile(slice_id)
    seen = _Gpu(
        model=GPUS[node.shape.gpu],
        busy=busy,
        reading=reading,
        computing=computing,
        held=MEMORY_HELD * min(1.0, sum(holder.share for holder in holders)),
        energy_mj=node.energy_mj.get(gpu, 0.0),
        part=1.0 if profile is None else MEMORY_EIGHTHS[profile[0]] / 8,
        xid=node.xid.get(gpu, 0),
    )
    return [(_labels(node, gpu, slice_id, holder), seen) for holder in holders or (None,)]


MEMORY_EIGHTHS = {"1": 1, "2": 2, "3": 4, "4": 4, "7": 8}
"""Memory of a slice by its compute sevenths."""


def _labels(node: Node, gpu: int, slice_id: int | None, holder: _Holder | None) -> str:
    new = node.shape.dcgm >= "4.9"
    pairs = [
        ("gpu", str(gpu)),
        ("UUID", f"GPU-{abs(hash_of(node.shape.name)) % 0xFFFFFFFF:08x}-0000-4000-8000-{gpu:012x}"),
        ("pci_bus_id", f"00000000:{0x17 + gpu:02X}:00.0"),
        ("device", f"nvidia{gpu}"),
        ("modelName", GPUS[node.shape.gpu].name),
    ]
    if slice_id is not None:
        pairs += [("GPU_I_PROFILE", node.profile(slice_id) or ""), ("GPU_I_ID", str(slice_id))]
    pairs += [
        ("hostname" if new else "Hostname", node.shape.name),
        ("DCGM_FI_SYSTEM_DRIVER_VERSION" if new else "DCGM_FI_DRIVER_VERSION", "580.95.05"),
    ]
    if holder is not None:
        prefix = "" if node.shape.honor_labels else "exported_"
        pairs += [
            (f"{prefix}container", holder.container),
            (f"{prefix}namespace", holder.namespace),
            (f"{prefix}pod", holder.pod),
        ]
        if holder.share < 1:
            pairs.append(("vgpu", str(holder.number)))
    return labels_text(pairs, order=False)


def hash_of(name: str) -> int:
    """A number that is the same in every run, unlike ``hash``."""
    number = 0
    for letter in name.encode():
        number = (number * 131 + letter) % 0xFFFFFFFF
    return number
