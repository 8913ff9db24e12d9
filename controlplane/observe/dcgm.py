"""What the GPUs of a role are doing, from DCGM exporter pages of any version, joined by pod.

The workload's pod is ``exported_pod`` where that exists (behind Prometheus without honorLabels ``pod`` is the
exporter's own), else ``pod``. A MIG slice counts with its sevenths. A device shared by several pods is shown once
per pod and must never be added up twice.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.model.page import Layout
from controlplane.observe.gpus import NodeDevices, PodKey, nodes_on, pod_of, sevenths
from controlplane.promql.catalogue import metrics
from controlplane.promql.metric import Metric, Signal, Source

SIGNALS = (Signal.GPU_ACTIVITY, Signal.GPU_DRAM_ACTIVITY, Signal.GPU_MEMORY_USED)
PERCENT_ABOVE = 1.5
"""A utilisation over this on a page can only be percent, whatever its name says."""
WHOLE_GPU_ONLY = frozenset({"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL_RATIO"})
"""Not produced for MIG slices: old exporters wrote 0 there."""


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU or MIG slice that a pod holds."""

    uuid: str
    slice: str
    """GPU instance id; empty for a whole GPU."""
    weight: float
    """Share of a whole GPU."""
    values: Mapping[Signal, float]


@dataclass(frozen=True, slots=True, eq=False)
class DevicePlan:
    """Where a DCGM page holds what: per pod and device the position and scale of each signal."""

    rows: tuple[tuple[PodKey, str, str, float, tuple[tuple[Signal, Metric, int], ...]], ...]
    columns: Mapping[str, tuple[int, ...]]
    """Metric → all its positions, to tell percent from 0..1."""
    nodes: tuple[NodeDevices, ...] = ()
    """The machines of the page and who holds their GPUs."""


def plan_devices(layout: Layout) -> DevicePlan:
    """Find the devices of a page."""
    known = {metric.name: (signal, rank, metric) for signal in SIGNALS for rank, metric in enumerate(_of(signal))}
    found: dict[tuple[PodKey, str, str, float], dict[Signal, tuple[int, Metric, int]]] = {}
    columns: dict[str, list[int]] = {}
    for i, key in enumerate(layout.keys):
        entry = known.get(key.name)
        if entry is None:
            continue
        columns.setdefault(key.name, []).append(i)
        signal, rank, metric = entry
        pod, uuid = pod_of(key), key.label("UUID") or key.label("uuid")
        slice_ = key.label("GPU_I_ID") or ""
        if pod is None or uuid is None or (slice_ and key.name in WHOLE_GPU_ONLY):
            continue
        device = found.setdefault((pod, uuid, slice_, sevenths(key.label("GPU_I_PROFILE") or "")), {})
        if signal not in device or rank < device[signal][0]:
            device[signal] = (rank, metric, i)
    rows = tuple(
        (*where, tuple((signal, metric, i) for signal, (_, metric, i) in signals.items()))
        for where, signals in found.items()
    )
    return DevicePlan(rows, {name: tuple(indices) for name, indices in columns.items()}, nodes_on(layout))


def devices(plan: DevicePlan, values: tuple[float, ...]) -> dict[PodKey, list[Device]]:
    """Devices by the pod that holds them; a value that cannot be true is left out."""
    percent = {
        name for name, indices in plan.columns.items() if any(PERCENT_ABOVE < values[i] < math.inf for i in indices)
    }
    out: dict[PodKey, list[Device]] = {}
    for pod, uuid, slice_, weight, found in plan.rows:
        read = {}
        for signal, metric, i in found:
            scale = metric.scale
            if signal is not Signal.GPU_MEMORY_USED and scale == 1 and metric.name in percent:
                scale = 0.01
            value = values[i] * scale
            if 0 <= value < math.inf and (signal is Signal.GPU_MEMORY_USED or value <= 1.0001):
                read[signal] = value if signal is Signal.GPU_MEMORY_USED else min(value, 1.0)
        out.setdefault(pod, []).append(Device(uuid, slice_, weight, read))
    return out


def combine(held: list[Device], signal: Signal) -> float | None:
    """One number for several devices: bytes are summed, activity is the mean by size; each device once.

    ``None`` as soon as one device does not say it: the mean of those that do could hide the busy one.
    """
    once: dict[tuple[str, str], tuple[float, float]] = {}
    for device in held:
        value = device.values.get(signal)
        if value is None:
            return None
        had = once.get((device.uuid, device.slice))
        if had is None or value > had[1]:
            once[device.uuid, device.slice] = (device.weight, value)
    if not once:
        return None
    if signal is Signal.GPU_MEMORY_USED:
        return math.fsum(value for _, value in once.values())
    return math.fsum(w * v for w, v in once.values()) / math.fsum(w for w, _ in once.values())


def _of(signal: Signal) -> tuple[Metric, ...]:
    return metrics(Source.DCGM, signal)
