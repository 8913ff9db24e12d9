"""GPUs by DCGM of any version, replicas and bounds by kube-state-metrics."""

from datetime import timedelta

import pytest

from controlplane.model.page import Job
from controlplane.model.reading import Reading
from controlplane.model.role import Bounds, ReplicaState
from controlplane.model.sighting import WorkloadSighting
from controlplane.observe.dcgm import devices, plan_devices
from controlplane.observe.ksm import plan_cluster, sight
from controlplane.promql.metric import Signal
from tests.builders import NOON, a_spec
from tests.observe.pages import Watcher, a_page, a_target, a_vllm_page, bad, good

MIB = 1048576


def dcgm(name, value, pod="planner-0", uuid="GPU-1", **more):
    labels = {"gpu": "0", "UUID": uuid, **({"namespace": "llm", "pod": pod} if pod else {}), **more}
    inner = ",".join(f'{k}="{v}"' for k, v in labels.items())
    return f"{name}{{{inner}}} {value}"


def seen_with(*lines, replicas=1):
    watcher = Watcher()
    gpus = good(a_page(*lines), target=a_target("dcgm", 0, Job.DCGM, ()))
    return watcher.see(NOON, gpus, *(good(a_vllm_page(), target=a_target(number=i)) for i in range(replicas)))


EXPORTED = {"pod": "dcgm-exporter-x", "namespace": "gpu", "exported_pod": "planner-0", "exported_namespace": "llm"}


ACTIVE, ACTIVE_49 = "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO"
USED, USED_49 = "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_USED_BYTES"


@pytest.mark.parametrize("labels", [{"Hostname": "n"}, {"hostname": "n"}, EXPORTED], ids=["4.5", "4.6", "exported"])
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({ACTIVE: 0.4, USED: 100}, id="old names"),
        pytest.param({ACTIVE_49: 0.4, USED_49: 100 * MIB}, id="4.9 names"),
        pytest.param({"DCGM_FI_DEV_GPU_UTIL": 40, USED: 100}, id="percent only"),
        pytest.param({"DCGM_FI_DEV_GPU_UTIL_RATIO": 40, USED: 100}, id="percent under the new name"),
        pytest.param({ACTIVE: 0.4, "DCGM_FI_DEV_GPU_UTIL": 99, USED: 100}, id="both counters"),
    ],
)
def test_every_exporter_dialect_says_the_same(fields, labels):
    role = seen_with(*(dcgm(name, value, **labels) for name, value in fields.items()))
    assert role.now(Reading.GPU_ACTIVITY) == pytest.approx(0.4)
    assert role.now(Reading.GPU_MEMORY_USED) == 100 * MIB
    assert role.replicas[0].values[Reading.GPU_ACTIVITY] == pytest.approx(0.4)


def test_an_idle_gpu_next_to_a_busy_one_shows_that_the_page_is_in_percent():
    page = a_page(
        dcgm("DCGM_FI_DEV_GPU_UTIL_RATIO", 1), dcgm("DCGM_FI_DEV_GPU_UTIL_RATIO", 90, pod="other", uuid="GPU-2")
    )
    assert devices(plan_devices(page.layout), page.values)["llm", "planner-0"][0].values[Signal.GPU_ACTIVITY] == 0.01


def test_slices_count_with_their_sevenths():
    one = {"GPU_I_ID": "1", "GPU_I_PROFILE": "1g.10gb"}
    two = {"GPU_I_ID": "2", "GPU_I_PROFILE": "2g.20gb"}
    role = seen_with(
        dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.9, **one), dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.3, **two)
    )
    assert role.now(Reading.GPU_ACTIVITY) == pytest.approx((0.9 * 1 + 0.3 * 2) / 3)


def test_the_whole_gpu_counter_of_a_slice_is_not_believed():
    role = seen_with(dcgm("DCGM_FI_DEV_GPU_UTIL", 0, GPU_I_ID="1", GPU_I_PROFILE="1g.10gb"))
    assert role.now(Reading.GPU_ACTIVITY) is None


def test_a_shared_device_is_not_added_up():
    role = seen_with(
        dcgm("DCGM_FI_DEV_FB_USED", 100, pod="planner-0"), dcgm("DCGM_FI_DEV_FB_USED", 100, pod="planner-1"), replicas=2
    )
    assert role.now(Reading.GPU_MEMORY_USED) == 100 * MIB


def test_of_two_rows_of_a_shared_device_the_busier_counts():
    role = seen_with(
        dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.9, pod="planner-0"),
        dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.3, pod="planner-1"),
        replicas=2,
    )
    assert role.now(Reading.GPU_ACTIVITY) == pytest.approx(0.9)


def test_gpus_of_half_the_replicas_say_nothing_about_the_role():
    role = seen_with(dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.01), replicas=2)
    assert role.now(Reading.GPU_ACTIVITY) is None
    assert role.missing[Reading.GPU_ACTIVITY] == "not every replica's GPUs are seen"


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf"])
def test_one_silent_device_makes_the_mean_unknown(value):
    role = seen_with(
        dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.01), dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE", value, uuid="GPU-2")
    )
    assert role.now(Reading.GPU_ACTIVITY) is None


def test_rows_without_a_pod_join_nothing():
    role = seen_with(dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.01, pod=""))
    assert role.now(Reading.GPU_ACTIVITY) is None


def ksm(*, spec=3, ready=2, desired=3, least=1, most=8, name="planner", namespace="llm"):
    work, hpa = (
        f'namespace="{namespace}",deployment="{name}"',
        f'namespace="{namespace}",horizontalpodautoscaler="keda-hpa-{name}"',
    )
    lines = {
        f"kube_deployment_spec_replicas{{{work}}}": spec,
        f"kube_deployment_status_replicas_ready{{{work}}}": ready,
        f"kube_horizontalpodautoscaler_status_desired_replicas{{{hpa}}}": desired,
        f"kube_horizontalpodautoscaler_spec_min_replicas{{{hpa}}}": least,
        f"kube_horizontalpodautoscaler_spec_max_replicas{{{hpa}}}": most,
        f'kube_horizontalpodautoscaler_info{{{hpa},scaletargetref_kind="Deployment",scaletargetref_name="{name}"}}': 1,
    }
    return a_page(*(f"{series} {value}" for series, value in lines.items() if value is not None))


def told(page, spec=None):
    return sight(plan_cluster(page.layout), page.values, spec or a_spec(), NOON)


def test_replicas_and_bounds_come_from_kube_state_metrics():
    seen = told(ksm())
    assert (seen.desired, seen.ready, seen.pending, seen.bounds) == (3, 2, 1, Bounds(min=1, max=8))


def test_a_paused_scaled_object_has_no_bounds_and_its_workload_speaks():
    seen = told(ksm(desired=None, least=None, most=None))
    assert (seen.desired, seen.ready, seen.bounds) == (3, 2, None)


def test_the_workload_of_a_role_that_names_only_its_scaled_object_is_found_through_the_hpa():
    assert told(ksm(), a_spec(workload=False)).ready == 2


@pytest.mark.parametrize("ready", ["NaN", "-1", "+Inf", "1e9"])
def test_a_count_that_cannot_be_true_is_unknown(ready):
    assert told(ksm(ready=ready)).ready is None


def test_a_page_that_does_not_know_the_role_says_nothing():
    assert told(ksm(name="worker")) is None
    assert told(ksm(namespace="elsewhere")) is None


def a_cluster_page(page):
    return good(page, target=a_target("ksm", 0, Job.KUBE_STATE, ()))


def test_money_is_for_the_replicas_held_ready_or_starting():
    role = Watcher().see(NOON, a_cluster_page(ksm(spec=3, ready=2)))
    assert role.now(Reading.REPLICAS_READY) == 2
    assert role.now(Reading.REPLICAS_PENDING) == 1
    assert role.now(Reading.REPLICAS_DESIRED) == 3
    assert role.now(Reading.DOLLARS_PER_HOUR) == 3 * 5.0
    assert role.bounds == Bounds(min=1, max=8)
    assert role.now(Reading.DOLLARS_PER_MTOK) is None


def test_money_is_for_what_the_cluster_holds_not_for_what_we_can_read():
    role = Watcher().see(NOON, a_cluster_page(ksm(spec=3, ready=2)), good(a_vllm_page()))
    assert role.now(Reading.DOLLARS_PER_HOUR) == 3 * 5.0


def test_ready_replicas_that_we_have_no_page_of_are_missed():
    """The cluster says four serve, we can read two: half the load would look like an idle role."""
    role = Watcher().see(
        NOON,
        a_cluster_page(ksm(spec=4, ready=4)),
        *(good(a_vllm_page(waiting=9), target=a_target(number=i)) for i in range(2)),
    )
    assert role.now(Reading.COVERAGE) == 0.5
    assert role.now(Reading.WAITING) is None
    assert role.now(Reading.WAITING_PER_REPLICA) == 9
    assert "only 2 of 4 replicas answered" in role.missing[Reading.WAITING]


def test_the_kubernetes_api_speaks_before_kube_state_metrics_and_is_filled_up_by_it():
    api = WorkloadSighting(role=a_spec().name, at=NOON, ready=1)
    role = Watcher().see(NOON, a_cluster_page(ksm(ready=2)), workloads=[api])
    assert role.now(Reading.REPLICAS_READY) == 1
    assert role.now(Reading.REPLICAS_DESIRED) == 3


def test_what_the_cluster_said_long_ago_is_unknown():
    old = WorkloadSighting(role=a_spec().name, at=NOON - timedelta(minutes=5), ready=1)
    assert Watcher().see(NOON, workloads=[old]).now(Reading.REPLICAS_READY) is None


def test_scaled_to_zero_is_a_zero_that_somebody_said():
    role = Watcher().see(NOON, a_cluster_page(ksm(spec=0, ready=0, desired=None, least=None, most=None)))
    assert role.now(Reading.REPLICAS_READY) == 0
    assert role.now(Reading.DOLLARS_PER_HOUR) == 0
    assert role.now(Reading.WAITING) is None
    assert role.now(Reading.COVERAGE) is None


def test_a_replica_that_was_seen_to_appear_and_refuses_is_starting():
    watcher = Watcher()
    watcher.see(NOON, good(a_vllm_page(), target=a_target(number=0)))
    later = NOON + timedelta(seconds=15)
    role = watcher.see(later, good(a_vllm_page(), later, a_target(number=0)), bad(later, a_target(number=1)))
    assert [r.state for r in role.replicas] == [ReplicaState.READY, ReplicaState.STARTING]
    assert role.now(Reading.COVERAGE) == 1.0
    assert role.now(Reading.REPLICAS_PENDING) == 1
    assert role.now(Reading.WAITING) == 0


def test_one_that_refused_when_we_began_is_lost_and_how_many_serve_is_unknown():
    role = Watcher().see(NOON, good(a_vllm_page(), target=a_target(number=0)), bad(target=a_target(number=1)))
    assert [r.state for r in role.replicas] == [ReplicaState.READY, ReplicaState.LOST]
    assert role.now(Reading.COVERAGE) == 0.5
    assert role.now(Reading.REPLICAS_READY) is None
    assert role.replicas[1].fault == "connection refused"
