"""The examples of docs/examples are right, and say what the documents say of them."""

from pathlib import Path

import pytest

from controlplane.model.keys import ObjectRef
from controlplane.model.role import Bounds, Engine, RoleSpec
from controlplane.settings.load import load

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def at_least(specs: tuple[RoleSpec, ...]) -> float:
    prices = [spec.dollars_per_replica for spec in specs]
    return sum(price * spec.replicas.min for price, spec in zip(prices, specs, strict=True) if price is not None)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_right(path: Path) -> None:
    assert load(path).role_specs()


def test_the_reference_fleet_costs_8_70_an_hour() -> None:
    specs = load(EXAMPLES / "reference-fleet.yaml").role_specs()
    assert at_least(specs) == pytest.approx(8.70)
    assert [spec.dollars_per_replica for spec in specs] == [5.00, 1.35, 0.50, 0.50]


def test_the_planner_of_the_reference_fleet_is_read_to_the_last_field() -> None:
    planner = load(EXAMPLES / "reference-fleet.yaml").role_specs()[0]
    assert planner.engine is Engine.VLLM
    assert planner.replicas == Bounds(min=1, max=4)
    assert (planner.slo.ttft_p95, planner.slo.itl_p95, planner.slo.e2e_p95) == (2.5, 0.075, None)
    assert planner.scaled_object == ObjectRef("ScaledObject", "llm", "planner")
    assert planner.model.kv_cache_dtype == "fp8"


def test_the_mixed_fleet_has_all_engines_and_slices_at_their_share_of_the_price() -> None:
    specs = {spec.name: spec for spec in load(EXAMPLES / "mixed-fleet.yaml").role_specs()}
    assert {spec.engine for spec in specs.values()} == set(Engine)
    assert specs["critic"].dollars_per_replica == pytest.approx(2.95 / 2), "3g.40gb takes half of the memory"  # type: ignore[index]
    assert specs["embedder"].dollars_per_replica == pytest.approx(2.95 / 7), "1g.10gb takes a seventh of the compute"  # type: ignore[index]


def test_one_server_needs_six_lines() -> None:
    text = (EXAMPLES / "laptop.yaml").read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip() and not line.startswith("#")]) <= 6
