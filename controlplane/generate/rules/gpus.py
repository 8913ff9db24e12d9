"""GPUs and MIG slices as the DCGM exporters see them: whose they are, how busy, how big.

A slice is a share of a GPU, so activity is averaged by size. ``GPU_UTIL`` does not exist for slices (old exporters
write 0 there), so it is only asked about whole GPUs, and only where the better measure is missing.
"""

from collections.abc import Iterator

from controlplane.generate.rules.moved import board, device
from controlplane.generate.rules.rule import WINDOW, Group, Record
from controlplane.promql.catalogue import metrics
from controlplane.promql.expr import Match, aggregate, call, either, select
from controlplane.promql.metric import Kind, Metric, Signal, Source
from controlplane.promql.recorded import BOARD, DEVICE, NODE, POD

INFO = "llm_gpu:info"
ACTIVE = "llm_gpu:engine_active:ratio"
EQUIVALENTS = "llm_gpu:gpu_equivalents:value"
PHYSICAL = "llm_node:gpus_physical:count"
POD_ACTIVE = "llm_pod:gpu_engine_active:avg"
XID = "llm_gpu:xid_last:code"
ROW_REMAP_FAILED = "llm_gpu:row_remap_failed:bool"
THROTTLED = "llm_gpu:throttled:ratio5m"

_CUTS = (
    (".*(A30|RTX.PRO.6000)\\b.*", 4, (1, 2, 4)),
    (".*RTX.PRO.(4500|5000)\\b.*", 2, (1, 2)),
)
"""GPUs that are not cut into sevenths: name as DCGM has it, slices of compute, sizes."""
_SEVENTHS = (1, 2, 3, 4, 7)


def gpu_group() -> Group:
    """All rules about devices."""
    return Group(name="llm-gpus", rules=tuple(_rules()))


def _rules() -> Iterator[Record]:
    seen = [
        aggregate("group", device(_row(metric)), (*DEVICE, "gpu", "modelName"))
        for signal in (Signal.GPU_ACTIVITY, Signal.GPU_MEMORY_USED)
        for metric in metrics(Source.DCGM, signal)
    ]
    yield Record(name=INFO, expr=either(seen))
    yield Record(name=ACTIVE, expr=_most(Signal.GPU_ACTIVITY, DEVICE))
    yield Record(name="llm_gpu:dram_active:ratio", expr=_most(Signal.GPU_DRAM_ACTIVITY, DEVICE))
    yield Record(name="llm_gpu:memory_used:bytes", expr=_most(Signal.GPU_MEMORY_USED, DEVICE))
    yield Record(name=EQUIVALENTS, expr=" or ".join(_sizes()))
    for name, signal in (
        ("llm_gpu:power:watts", Signal.GPU_POWER),
        ("llm_gpu:temperature:celsius", Signal.GPU_TEMPERATURE),
        (XID, Signal.GPU_XID),
        (ROW_REMAP_FAILED, Signal.GPU_ROW_REMAP_FAILED),
    ):
        yield Record(name=name, expr=_most(signal, BOARD))
    for reason, signal in (("thermal", Signal.GPU_HOT), ("power", Signal.GPU_CAPPED)):
        yield Record(name=THROTTLED, expr=f"clamp_max({_most(signal, BOARD)}, 1)", labels={"reason": reason})
    gpu = (*NODE, "UUID")
    boards = either([aggregate("group", name, gpu) for name in (INFO, "llm_gpu:temperature:celsius")])
    yield Record(name=PHYSICAL, expr=aggregate("count", boards, NODE))
    held = 'pod!=""'
    busy, size = (
        aggregate("sum", text, POD) for text in (f"{ACTIVE}{{{held}}} * {EQUIVALENTS}", f"{EQUIVALENTS}{{{held}}}")
    )
    yield Record(name=POD_ACTIVE, expr=f"{busy} / {size}")


def _most(signal: Signal, by: tuple[str, ...]) -> str:
    """The largest row per device, in the base unit; of an old and a new name the first that a device has."""
    return either([aggregate("max", _scaled(metric, by), by) for metric in metrics(Source.DCGM, signal)])


def _scaled(metric: Metric, by: tuple[str, ...]) -> str:
    row = _row(metric)
    if metric.kind is Kind.COUNTER:
        row = call("rate", select(metric.name, window=WINDOW))
    if _util(metric) and metric.scale == 1:
        row = f"({row} > 1.5) / 100 or {row}"  # DCGM 4.6 gives this name to percent
    named = device(f"({row})") if "pod" in by else board(f"({row})")
    return named + ("" if metric.scale == 1 else f" * {metric.scale:.15g}")


def _row(metric: Metric) -> str:
    return select(metric.name, where=[Match("GPU_I_PROFILE", "")] if _util(metric) else [])


def _util(metric: Metric) -> bool:
    return metric.name.startswith("DCGM_FI_DEV_GPU_UTIL")


def _sizes() -> Iterator[str]:
    """Share of a GPU's compute, per device."""
    yield aggregate("group", select(INFO, (Match("GPU_I_PROFILE", ""),)), DEVICE)
    others = Match("modelName", "|".join(name for name, _, _ in _CUTS), "!~")
    for whole, names, sizes in (
        (7, others, _SEVENTHS),
        *((whole, Match("modelName", name, "=~"), sizes) for name, whole, sizes in _CUTS),
    ):
        for size in sizes:
            chosen = select(INFO, (Match("GPU_I_PROFILE", f"{size}g[.].+", "=~"), names))
            yield aggregate("group", chosen, DEVICE) + ("" if size == whole else f" * {size} / {whole}")
