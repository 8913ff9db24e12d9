"""Which GPUs a DCGM exporter shows, on which machine, and which pods hold them: enough to divide the bill.

All of it stands in labels, so it is worked out once per layout. A machine's name is ``Hostname`` before DCGM
exporter 4.6.0-4.8.3 and ``hostname`` after. A device without a pod is one nobody holds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.model.gpu import GpuKind, product_name
from controlplane.model.page import Layout, MetricKey

PodKey = tuple[str, str]
"""Namespace and pod; the namespace is empty where the page does not say it."""
SEVENTHS = 7


@dataclass(frozen=True, slots=True)
class HeldDevice:
    """One whole GPU or MIG slice, and who holds it (several pods where it is shared by time)."""

    profile: str
    pods: tuple[PodKey, ...]


@dataclass(frozen=True, slots=True)
class NodeDevices:
    """All that one machine's exporter shows."""

    name: str
    product: str
    """The GPU's name, as :func:`controlplane.model.gpu.product_name` writes it."""
    count: int
    """Whole GPUs."""
    devices: tuple[HeldDevice, ...]

    def fair(self, kind: GpuKind | None) -> float:
        """What a slice's share is worth here, at most 1: 3g.40gb and two 2g.20gb would add up to 1.07 of their GPU."""
        total = sum(_share(device.profile, kind) for device in self.devices)
        return min(1.0, self.count / total) if total else 1.0

    def held(self, kind: GpuKind | None, *, except_by: frozenset[PodKey]) -> float:
        """GPUs that pods hold, but for those of ``except_by``; a shared device counts in equal parts."""
        total = 0.0
        for device in self.devices:
            others = sum(1 for namespace, pod in device.pods if not _is_one_of(namespace, pod, except_by))
            if others:
                total += _share(device.profile, kind) * others / len(device.pods)
        return total * self.fair(kind)


def nodes_on(layout: Layout) -> tuple[NodeDevices, ...]:
    """The machines of a page, by name."""
    nodes: dict[str, dict[tuple[str, str], tuple[str, dict[PodKey, None]]]] = {}
    products: dict[str, str] = {}
    for key in layout.keys:
        name, uuid = node_of(key), key.label("UUID") or key.label("uuid")
        if not key.name.startswith("DCGM_") or not name or not uuid:
            continue
        products.setdefault(name, product_name(key.label("modelName") or ""))
        found = nodes.setdefault(name, {}).setdefault(
            (uuid, key.label("GPU_I_ID") or ""), (key.label("GPU_I_PROFILE") or "", {})
        )
        holder = pod_of(key)
        if holder is not None:
            found[1][holder] = None
    return tuple(
        NodeDevices(name, products[name], len({uuid for uuid, _ in devices}), tuple(_held(devices)))
        for name, devices in sorted(nodes.items())
    )


def node_of(key: MetricKey) -> str:
    """Machine of a row; empty when it does not say."""
    return key.label("Hostname") or key.label("hostname") or ""


def pod_of(key: MetricKey) -> PodKey | None:
    """The pod that holds a row's device: ``exported_pod`` where there is one, for ``pod`` is the exporter's then."""
    pod = key.label("exported_pod")
    if pod:
        return key.label("exported_namespace") or "", pod
    pod = key.label("pod")
    return (key.label("namespace") or "", pod) if pod else None


def sevenths(profile: str) -> float:
    """Share of a GPU's compute by MIG profile: ``2g.20gb`` is two sevenths; one we cannot read is one seventh."""
    if not profile:
        return 1.0
    size = profile.split("g.", 1)[0]
    return (int(size) if size.isascii() and size.isdigit() and 1 <= int(size) <= SEVENTHS else 1) / SEVENTHS


def _held(devices: Mapping[tuple[str, str], tuple[str, dict[PodKey, None]]]) -> Iterable[HeldDevice]:
    """Devices; of a GPU that is cut, only its slices."""
    cut = {uuid for uuid, instance in devices if instance}
    for (uuid, instance), (profile, pods) in devices.items():
        if instance or uuid not in cut:
            yield HeldDevice(profile, tuple(pods))


def _share(profile: str, kind: GpuKind | None) -> float:
    """What a device takes of its GPU, for the price; by compute alone where the kind is unknown."""
    known = kind.slices.get(profile) if kind is not None else None
    return sevenths(profile) if known is None else known


def _is_one_of(namespace: str, pod: str, pods: frozenset[PodKey]) -> bool:
    return (namespace, pod) in pods or ("", pod) in pods or (not namespace and any(pod == name for _, name in pods))
