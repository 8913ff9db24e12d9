"""GPUs known by name: prices of the reference architecture, slices by NVIDIA's placement."""

from fractions import Fraction

import pytest

from controlplane.settings.gpus import KNOWN_GPUS, LIST_PRICES, type_of_product


def test_the_reference_architectures_prices_are_built_in() -> None:
    wanted = {"h100-pcie-80gb": 2.50, "h100-sxm-80gb": 3.20, "a100-pcie-80gb": 1.35, "l40-48gb": 1.00}
    assert {name: LIST_PRICES[name] for name in wanted} == wanted


def test_every_price_says_where_it_was_read() -> None:
    assert [gpu.type for gpu in KNOWN_GPUS.values() if (gpu.dollars_per_hour is None) != (gpu.source == "")] == []


@pytest.mark.parametrize(
    ("gpu", "profile", "share"),
    [
        ("h100-sxm-80gb", "1g.10gb", Fraction(1, 7)),
        ("h100-sxm-80gb", "1g.20gb", Fraction(1, 4)),
        ("h100-sxm-80gb", "3g.40gb", Fraction(1, 2)),
        ("h100-sxm-80gb", "4g.40gb", Fraction(4, 7)),
        ("h100-sxm-80gb", "7g.80gb", Fraction(1)),
        ("a30-24gb", "2g.12gb", Fraction(1, 2)),
        ("b200-180gb", "1g.23gb+me", Fraction(1, 7)),
    ],
)
def test_a_slice_costs_what_it_takes_from_the_others(gpu: str, profile: str, share: Fraction) -> None:
    assert KNOWN_GPUS[gpu].slices[profile] == share


def test_the_largest_slices_are_the_whole_gpu() -> None:
    for gpu in KNOWN_GPUS.values():
        assert not gpu.slices or max(gpu.slices.values()) == 1, gpu.type


@pytest.mark.parametrize(
    ("product", "gpu"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm-80gb"),
        ("NVIDIA-H100-PCIe", "h100-pcie-80gb"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie-80gb"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "a100-sxm-80gb"),
        ("NVIDIA-L40S-SHARED", "l40s-48gb"),
        ("Tesla T4", None),
        ("", None),
    ],
)
def test_what_the_driver_calls_a_gpu(product: str, gpu: str | None) -> None:
    assert type_of_product(product) == gpu


def test_every_product_is_a_gpu_we_know() -> None:
    from controlplane.settings import gpus

    assert set(gpus._PRODUCTS.values()) <= set(KNOWN_GPUS)
