"""GPUs we know by name: their list price, and the MIG slices they can be cut into.

A price here only fills in for one missing in fleet.yaml, and is marked as such wherever it shows. Slices
follow NVIDIA's placement: a slice costs the larger of its share of compute and its share of memory, for
that is what it takes away from the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType

from controlplane.model.gpu import GpuKind, product_name

_SLICES8 = {"1g": (1, 1), "1g2m": (1, 2), "2g": (2, 2), "3g": (3, 4), "4g": (4, 4), "7g": (7, 8)}
_SLICES4 = {"1g": (1, 1), "2g": (2, 2), "4g": (4, 4)}
_SLICES2 = {"1g": (1, 1), "2g": (2, 2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGpu:
    """One GPU type."""

    type: str
    dollars_per_hour: float | None = None
    """List price of the whole GPU; ``None`` when we know none worth repeating."""
    source: str = ""
    """Where the price was read; all were read in November 2026."""
    slices: Mapping[str, Fraction] = field(default_factory=lambda: MappingProxyType({}))
    """MIG profile → share of the GPU it takes; empty where MIG is not possible."""


def _cut(shapes: Mapping[str, tuple[int, int]], **names: str) -> Mapping[str, Fraction]:
    compute = max(c for c, _ in shapes.values())
    memory = max(m for _, m in shapes.values())
    shares: dict[str, Fraction] = {}
    for shape, (c, m) in shapes.items():
        size = names["_" + shape]
        share = max(Fraction(c, compute), Fraction(m, memory))
        shares[f"{c}g.{size}gb"] = share
        if shape == "1g":  # the one slice that also gets the media engines
            shares[f"{c}g.{size}gb+me"] = share
    return MappingProxyType(dict(sorted(shares.items())))


def _eighths(*gigabytes: int) -> Mapping[str, Fraction]:
    one, double, two, three, four, seven = map(str, gigabytes)
    return _cut(_SLICES8, _1g=one, _1g2m=double, _2g=two, _3g=three, _4g=four, _7g=seven)


_A100_40, _A100_80 = _eighths(5, 10, 10, 20, 20, 40), _eighths(10, 20, 20, 40, 40, 80)
_H100_80, _H100_94 = _eighths(10, 20, 20, 40, 40, 80), _eighths(12, 24, 24, 47, 47, 94)
_H100_96, _H200 = _eighths(12, 24, 24, 48, 48, 96), _eighths(18, 35, 35, 71, 71, 141)
_GH200_144, _B200 = _eighths(18, 36, 36, 72, 72, 144), _eighths(23, 45, 45, 90, 90, 180)
_GB200, _B300 = _eighths(23, 47, 47, 93, 93, 186), _eighths(34, 67, 67, 135, 135, 269)
_GB300 = _eighths(35, 70, 70, 139, 139, 278)
_A30, _RTX_PRO_6000 = _cut(_SLICES4, _1g="6", _2g="12", _4g="24"), _cut(_SLICES4, _1g="24", _2g="48", _4g="96")
_RTX_PRO_5000, _RTX_PRO_4500 = _cut(_SLICES2, _1g="24", _2g="48"), _cut(_SLICES2, _1g="16", _2g="32")

_REFERENCE = "the reference architecture's price"
_ON_DEMAND = "on demand, "

KNOWN_GPUS: Mapping[str, KnownGpu] = MappingProxyType(
    {
        gpu.type: gpu
        for gpu in (
            KnownGpu(type="a100-40gb", slices=_A100_40),
            KnownGpu(type="a100-80gb", dollars_per_hour=1.79, source=_ON_DEMAND + "RunPod secure", slices=_A100_80),
            KnownGpu(type="a100-pcie-80gb", dollars_per_hour=1.35, source=_REFERENCE, slices=_A100_80),
            KnownGpu(
                type="a100-pcie-80gb-nvlink", dollars_per_hour=1.40, source=_ON_DEMAND + "Hyperstack", slices=_A100_80
            ),
            KnownGpu(type="a100-sxm-40gb", dollars_per_hour=1.99, source=_ON_DEMAND + "Lambda", slices=_A100_40),
            KnownGpu(type="a100-sxm-80gb", dollars_per_hour=2.79, source=_ON_DEMAND + "Lambda", slices=_A100_80),
            KnownGpu(type="a30-24gb", slices=_A30),
            KnownGpu(type="b200-180gb", dollars_per_hour=5.50, source=_ON_DEMAND + "Nebius", slices=_B200),
            KnownGpu(type="b300-270gb", dollars_per_hour=6.99, source=_ON_DEMAND + "Verda", slices=_B300),
            KnownGpu(type="gb200-186gb", slices=_GB200),
            KnownGpu(type="gb300-278gb", slices=_GB300),
            KnownGpu(type="gh200-144gb", slices=_GH200_144),
            KnownGpu(type="gh200-96gb", dollars_per_hour=2.29, source=_ON_DEMAND + "Lambda", slices=_H100_96),
            KnownGpu(type="h100-80gb", dollars_per_hour=2.95, source="median of 37 providers", slices=_H100_80),
            KnownGpu(type="h100-96gb", slices=_H100_96),
            KnownGpu(type="h100-nvl-94gb", dollars_per_hour=3.19, source=_ON_DEMAND + "RunPod secure", slices=_H100_94),
            KnownGpu(type="h100-pcie-80gb", dollars_per_hour=2.50, source=_REFERENCE, slices=_H100_80),
            KnownGpu(
                type="h100-pcie-80gb-nvlink", dollars_per_hour=1.95, source=_ON_DEMAND + "Hyperstack", slices=_H100_80
            ),
            KnownGpu(type="h100-sxm-80gb", dollars_per_hour=3.20, source=_REFERENCE, slices=_H100_80),
            KnownGpu(type="h200-141gb", dollars_per_hour=3.50, source=_ON_DEMAND + "Nebius", slices=_H200),
            KnownGpu(type="l40-48gb", dollars_per_hour=1.00, source=_REFERENCE),
            KnownGpu(type="l40s-48gb", dollars_per_hour=1.5484, source=_ON_DEMAND + "Nebius"),
            KnownGpu(type="rtx-6000-ada-48gb", dollars_per_hour=0.8262, source=_ON_DEMAND + "Verda"),
            KnownGpu(type="rtx-a6000-48gb", dollars_per_hour=0.50, source=_ON_DEMAND + "Hyperstack"),
            KnownGpu(type="rtx-pro-4500-32gb", slices=_RTX_PRO_4500),
            KnownGpu(type="rtx-pro-5000-48gb", slices=_RTX_PRO_5000),
            KnownGpu(
                type="rtx-pro-6000-96gb", dollars_per_hour=1.69, source=_ON_DEMAND + "Verda", slices=_RTX_PRO_6000
            ),
        )
    }
)
"""By type, as written under ``gpus: {type: …}``."""

LIST_PRICES: Mapping[str, float] = MappingProxyType(
    {name: gpu.dollars_per_hour for name, gpu in KNOWN_GPUS.items() if gpu.dollars_per_hour is not None}
)
"""$ per GPU-hour where fleet.yaml says nothing else."""

_PRODUCTS = {
    "A100-PCIE-40GB": "a100-40gb",
    "A100-SXM4-40GB": "a100-sxm-40gb",
    "A100-80GB-PCIE": "a100-pcie-80gb",
    "A100-SXM4-80GB": "a100-sxm-80gb",
    "A30": "a30-24gb",
    "B200": "b200-180gb",
    "B300": "b300-270gb",
    "GH200-96GB": "gh200-96gb",
    "GH200-144G-HBM3E": "gh200-144gb",
    "H100-80GB-HBM3": "h100-sxm-80gb",
    "H100-NVL": "h100-nvl-94gb",
    "H100-PCIE": "h100-pcie-80gb",
    "H200": "h200-141gb",
    "H200-NVL": "h200-141gb",
    "L40": "l40-48gb",
    "L40S": "l40s-48gb",
    "RTX-6000-ADA-GENERATION": "rtx-6000-ada-48gb",
    "RTX-A6000": "rtx-a6000-48gb",
    "RTX-PRO-6000-BLACKWELL-SERVER-EDITION": "rtx-pro-6000-96gb",
}


def type_of_product(product: str) -> str | None:
    """Our name of a GPU that NVIDIA's driver or a node label names; ``None`` when we do not know it."""
    return _PRODUCTS.get(product_name(product))


def kinds_by_product(prices: Mapping[str, float]) -> Mapping[str, GpuKind]:
    """Every GPU we know by its driver's name, priced by fleet.yaml first, else by our list."""
    return MappingProxyType(
        {
            product: GpuKind(
                type=kind,
                dollars_per_hour=prices.get(kind, LIST_PRICES.get(kind)),
                listed=kind not in prices,
                slices={profile: float(share) for profile, share in KNOWN_GPUS[kind].slices.items()},
            )
            for product, kind in _PRODUCTS.items()
        }
    )
