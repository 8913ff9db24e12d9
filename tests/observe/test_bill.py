"""Every dollar is in one bucket: serving, idle, other pods', nobody's. What is unknown is in none."""

from dataclasses import replace

import pytest

from controlplane.model.gpu import GpuKind
from controlplane.model.money import Bucket, TokenKind
from controlplane.model.page import Layout, MetricKey
from controlplane.model.reading import Reading
from controlplane.model.role import GpuSpec, Phase, ReplicaState, RoleView
from controlplane.observe.bill import bill, gpu_nodes
from controlplane.observe.gpus import nodes_on
from tests.builders import a_calm_role, a_replica, a_role, a_spec, minutely, steady

KINDS = {
    "H100-80GB-HBM3": GpuKind(type="h100-sxm-80gb", dollars_per_hour=3.2, slices={"3g.40gb": 0.5, "2g.20gb": 2 / 7})
}


def device(
    gpu: str, *, node: str = "gpu-0", hostname: str = "Hostname", product: str = "NVIDIA H100 80GB HBM3", **labels: str
) -> MetricKey:
    pairs = {"UUID": gpu, "modelName": product, hostname: node, **labels}
    return MetricKey("DCGM_FI_DEV_FB_USED", tuple(pairs.items()))


def cut(gpu: str, instance: str, profile: str, **labels: str) -> MetricKey:
    return device(gpu, GPU_I_ID=instance, GPU_I_PROFILE=profile, **labels)


def layout(*keys: MetricKey) -> Layout:
    return Layout(keys)


def charges(view: RoleView) -> dict[Bucket, float]:
    return {c.bucket: c.dollars_per_hour for c in bill((view,), ()).charges}


def busy(*activity: float | None) -> RoleView:
    replicas = tuple(
        a_replica(number=n, values={} if a is None else {Reading.GPU_ACTIVITY: a}) for n, a in enumerate(activity)
    )
    return replace(a_role(dollars_per_hour=10.0, running=steady(3.0)), replicas=replicas)


def test_idle_is_the_share_of_time_in_which_no_kernel_ran_mean_over_replicas() -> None:
    assert charges(busy(1.0, 0.5)) == {Bucket.SERVING: pytest.approx(7.5), Bucket.IDLE: pytest.approx(2.5)}


def test_a_replica_that_loads_its_weights_is_idle_money() -> None:
    loading = a_replica(number=1, state=ReplicaState.STARTING, values={Reading.GPU_ACTIVITY: 0.0})
    view = replace(busy(1.0), replicas=(busy(1.0).replicas[0], loading))
    assert charges(view)[Bucket.IDLE] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("running", "idle"),
    [
        pytest.param(steady(0.0), 10.0, id="quiet for long"),
        pytest.param(minutely(0, 0, 0, 0, 1, 0, 0), 0.0, id="a request two minutes ago"),
        pytest.param(minutely(0, None, None, None, None, None, 0), 0.0, id="mostly unknown"),
    ],
)
def test_without_an_exporter_a_role_is_idle_after_five_minutes_without_a_request(running: object, idle: float) -> None:
    view = a_role(dollars_per_hour=10.0, running=running)  # type: ignore[arg-type]
    assert charges(view) == {Bucket.SERVING: 10.0 - idle, Bucket.IDLE: idle}


def test_a_role_whose_spend_is_unknown_is_not_on_the_bill() -> None:
    assert charges(a_role(gpu_activity=0.5)) == {}


@pytest.mark.parametrize("hostname", ["Hostname", "hostname"])
def test_machines_are_found_whatever_their_label_is_called(hostname: str) -> None:
    (node,) = nodes_on(layout(device("a", hostname=hostname), device("b", hostname=hostname)))
    assert (node.name, node.product, node.count) == ("gpu-0", "H100-80GB-HBM3", 2)


def test_a_slice_costs_its_larger_share_and_what_the_layout_strands_belongs_to_nobody() -> None:
    page = layout(
        cut("a", "1", "3g.40gb", exported_pod="planner-0", exported_namespace="llm", pod="dcgm-x", namespace="gpu"),
        cut("a", "3", "2g.20gb", exported_pod="notebook", exported_namespace="data", pod="dcgm-x", namespace="gpu"),
        cut("a", "5", "2g.20gb", pod="", namespace=""),
    )
    gpus = GpuSpec(type="h100-sxm-80gb", mig="3g.40gb", share=0.5, dollars_per_hour=3.2)
    fair = 1 / (0.5 + 2 * 2 / 7)
    held = replace(a_replica(), gpus=0.5 * fair)
    view = replace(a_role(replace(a_spec(), gpus=gpus), ready=1, dollars_per_hour=3.2 * held.gpus), replicas=(held,))
    nodes = gpu_nodes((view,), nodes_on(page), KINDS)
    (node,) = nodes
    assert (node.count, node.ours, node.others) == (1, held.gpus, pytest.approx(2 / 7 * fair))
    spent = {c.bucket: c.dollars_per_hour for c in bill((view,), nodes).charges if c.role is None}
    assert spent == {
        Bucket.OTHER: pytest.approx(3.2 * 2 / 7 * fair),
        Bucket.UNALLOCATED: pytest.approx(3.2 * 2 / 7 * fair),
    }
    assert sum(c.dollars_per_hour for c in bill((view,), nodes).charges) == pytest.approx(3.2), "adds up to the bill"


def test_a_shared_gpu_counts_in_equal_parts_for_those_that_are_not_ours() -> None:
    mine = {"pod": "planner-0", "namespace": "llm"}
    page = layout(device("a", **mine, vgpu="0"), device("a", pod="notebook", namespace="data", vgpu="1"))
    view = a_role(replace(a_spec(gpus=0.5), gpus=GpuSpec(type="x", per_replica=0.5)), replicas=(a_replica(),))
    (node,) = gpu_nodes((view,), nodes_on(page), KINDS)
    assert (node.ours, node.others, node.unallocated) == (0.5, 0.5, 0.0)


def test_a_machine_without_a_price_leaves_what_is_beyond_the_roles_unknown() -> None:
    nodes = gpu_nodes((), nodes_on(layout(device("a"), device("b", node="gpu-9", product="Instinct MI300X"))), KINDS)
    assert [n.dollars_per_hour for n in nodes] == [3.2, None]
    assert bill((), nodes).charges == ()


def test_two_kinds_of_gpu_on_one_machine_have_no_single_price() -> None:
    views = tuple(
        replace(
            a_role(replace(a_spec(name), gpus=GpuSpec(type=kind, dollars_per_hour=price))), replicas=(a_replica(name),)
        )
        for name, kind, price in (("planner", "h100-sxm-80gb", 3.2), ("worker", "a100-80gb", 1.8))
    )
    (node,) = gpu_nodes(views, (), KINDS)
    assert (node.name, node.dollars_per_hour, node.count) == ("gpu-0", None, None)


@pytest.mark.parametrize(
    ("phase", "kinds"),
    [
        (Phase.BOTH, {TokenKind.PROMPT: 1200.0, TokenKind.CACHED: 2800.0, TokenKind.OUTPUT: 600.0}),
        (Phase.PREFILL, {TokenKind.PROMPT: 1200.0, TokenKind.CACHED: 2800.0}),
        (Phase.DECODE, {TokenKind.OUTPUT: 600.0}),
    ],
)
def test_a_prompt_is_delivered_once(phase: Phase, kinds: dict[TokenKind, float]) -> None:
    view = a_calm_role(replace(a_spec(), phase=phase))
    assert {d.kind: d.tokens_per_second for d in bill((view,), ()).deliveries} == kinds


def test_an_engine_that_does_not_tell_cached_tokens_has_none_known() -> None:
    view = a_calm_role(cached_tokens=None)
    assert {d.kind for d in bill((view,), ()).deliveries} == {TokenKind.PROMPT, TokenKind.OUTPUT}
