"""Pages: the names, labels, buckets and words of the real exporters, the numbers of the truth."""

import lzma
import re
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from controlplane.collect.exposition import parse
from controlplane.model.page import Page
from controlplane.observe.identify import PageKind, identify
from controlplane.simulate.costs import LLAMA_8B_H100
from controlplane.simulate.dcgm_page import dcgm_page
from controlplane.simulate.exposition import number
from controlplane.simulate.fleet import DCGM_INTERVAL, Fleet
from controlplane.simulate.kube_page import kube_page
from controlplane.simulate.shape import ClusterShape, NodeShape, RoleShape
from controlplane.simulate.story import reference_cluster
from controlplane.simulate.vllm_page import VllmPage
from tests.simulate.watching import START, a_fleet

REAL = lzma.decompress((Path(__file__).parent / "data" / "kv-pressure.prom.xz").read_bytes()).decode()


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    fleet = a_fleet(reference_cluster(), sessions_per_minute=8.0, agents=2.5, documents=7000)
    fleet.advance(START + timedelta(minutes=12))
    return fleet


def a_page(fleet: Fleet, role: str) -> str:
    return VllmPage(fleet.deployments[role].pods[0], fleet.start.timestamp()).text()


def value(page: Page, name: str, **labels: str) -> float:
    found = [
        v
        for key, v in zip(page.layout.keys, page.values, strict=True)
        if key.name == name and all(key.label(k) == w for k, w in labels.items())
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def outline(text: str) -> list[str]:
    """A page without its numbers and what differs between any two servers."""
    lines = []
    for line in text.splitlines():
        if line.startswith("#"):
            lines.append(line)
        elif not line.startswith(("vllm:cache_config_info", "python_info")):
            lines.append(re.sub(r'model_name="[^"]*"', "M", line.rsplit(" ", 1)[0]))
    return lines


TOKEN_BUCKET = re.compile(r'vllm:request_(prompt|generation|prefill_kv|max_num|params_max)\w*_bucket\{.*le="(\d+)\.0"')


def beyond_2000(line: str) -> bool:
    """Token buckets end at the model's longest context: 2048 on the recorded server."""
    found = TOKEN_BUCKET.match(line)
    return found is not None and int(found[2]) > 2000


def test_an_engine_page_has_every_line_of_a_real_vllm_0_32_page_in_the_same_order(fleet: Fleet):
    assert [line for line in outline(a_page(fleet, "planner")) if not beyond_2000(line)] == outline(REAL)


def test_its_cache_config_has_the_labels_of_the_real_one(fleet: Fleet):
    def names(text: str) -> list[str]:
        line = next(line for line in text.splitlines() if line.startswith("vllm:cache_config_info{"))
        return re.findall(r'(\w+)="', line)

    assert names(a_page(fleet, "planner")) == names(REAL)


@pytest.mark.parametrize("role", ["planner", "worker", "embedder", "reranker"])
def test_its_numbers_are_the_truth(fleet: Fleet, role: str):
    pod = fleet.deployments[role].pods[0]
    assert pod.engine is not None
    page, tally = parse(a_page(fleet, role).encode()), pod.engine.tally
    expected = {
        "vllm:num_requests_running": len(pod.engine.running),
        "vllm:num_requests_waiting": len(pod.engine.waiting),
        "vllm:kv_cache_usage_perc": pod.engine.kv_usage,
        "vllm:num_preemptions_total": tally.preemptions,
        "vllm:prompt_tokens_total": tally.prompt_tokens,
        "vllm:generation_tokens_total": tally.generation_tokens,
        "vllm:prefix_cache_queries_total": tally.prefix_queries,
        "vllm:prefix_cache_hits_total": tally.prefix_hits,
        "vllm:time_to_first_token_seconds_count": tally.ttft.count,
        "vllm:time_to_first_token_seconds_sum": tally.ttft.total,
        "vllm:inter_token_latency_seconds_count": tally.itl.count,
        "vllm:e2e_request_latency_seconds_sum": tally.e2e.total,
        "vllm:request_queue_time_seconds_count": tally.queue.count,
    }
    assert {name: value(page, name) for name in expected} == pytest.approx(expected)
    assert value(page, "vllm:request_success_total", finished_reason="stop") == tally.stopped
    assert value(page, "vllm:time_to_first_token_seconds_bucket", le="+Inf") == tally.ttft.count
    by_source = [
        value(page, "vllm:prompt_tokens_by_source_total", source=s) for s in ("local_compute", "local_cache_hit")
    ]
    assert sum(by_source) == tally.prompt_tokens
    assert tally.finished > 0 or role == "embedder"


def test_it_is_recognised_as_a_vllm_page_of_this_window(fleet: Fleet):
    seen = identify(parse(a_page(fleet, "planner").encode()))
    assert str(seen.engine) == "vllm"
    assert seen.version is not None
    assert "0.32" in seen.version


def test_numbers_are_written_as_prometheus_client_writes_them():
    assert [number(v) for v in (14, 0.5, 2.025046016e9, 1.7953645323157518e9, 1234567.5, 999999.0, float("inf"))] == [
        "14.0",
        "0.5",
        "2.025046016e+09",
        "1.7953645323157518e+09",
        "1.2345675e+06",
        "999999.0",
        "+Inf",
    ]


def busy_share(fleet: Fleet, role: str, seconds: float = DCGM_INTERVAL) -> float:
    """How busy the first pod is over the exporter's next interval, by the engine's own count."""
    engine = fleet.deployments[role].pods[0].engine
    assert engine is not None
    before = engine.tally.busy
    fleet.advance(fleet.now + timedelta(seconds=seconds))
    return min(1.0, (engine.tally.busy - before) / seconds)


def test_dcgm_shows_each_gpu_of_a_pod_as_busy_as_its_engine_was_in_the_last_interval():
    fleet = a_fleet(reference_cluster(), sessions_per_minute=1.0)
    fleet.advance(START + timedelta(seconds=600))
    share = busy_share(fleet, "worker")
    pod = fleet.deployments["worker"].pods[0]
    assert pod.node is not None
    page = parse(dcgm_page(fleet, pod.node).encode())
    active = value(page, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", exported_pod=pod.name)
    assert active == pytest.approx(share, abs=0.01)
    assert 0 < active < 1
    assert value(page, "DCGM_FI_DEV_GPU_UTIL", exported_pod=pod.name) == pytest.approx(share * 100, abs=1.5)
    assert value(page, "DCGM_FI_DEV_FB_USED", exported_pod=pod.name) == pytest.approx(0.9 * 81920, abs=1)


def test_dcgm_rows_without_a_pod_are_there_and_idle(fleet: Fleet):
    page = parse(dcgm_page(fleet, fleet.nodes[1]).encode())
    rows = [k for k in page.layout.keys if k.name == "DCGM_FI_DEV_GPU_UTIL"]
    assert len(rows) == 4
    assert all(k.label("exported_pod") is None and k.label("Hostname") == "gpu-h100-1" for k in rows)


def test_the_exporter_of_4_9_has_other_names_units_and_host_label(fleet: Fleet):
    newer = a_fleet(reference_cluster(dcgm="4.9"), sessions_per_minute=8.0, agents=2.5, documents=7000)
    newer.advance(fleet.now)
    old = parse(dcgm_page(fleet, fleet.nodes[0]).encode())
    new = parse(dcgm_page(newer, newer.nodes[0]).encode())
    assert len(old.values) == len(new.values)
    pairs = {
        "DCGM_FI_DEV_GPU_UTIL": ("DCGM_FI_DEV_GPU_UTIL_RATIO", 0.01),
        "DCGM_FI_DEV_FB_USED": ("DCGM_FI_DEV_FB_USED_BYTES", 2**20),
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": ("DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL", 0.001),
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE": ("DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", 1),
        "DCGM_FI_PROF_DRAM_ACTIVE": ("DCGM_FI_PROF_DRAM_UTIL_RATIO", 1),
    }
    for before, (after, scale) in pairs.items():
        assert value(new, after, gpu="0") == pytest.approx(value(old, before, gpu="0") * scale)
    assert new.layout.keys[0].label("hostname") == "gpu-h100-0"
    assert new.layout.keys[0].label("Hostname") is None


def test_mig_slices_have_profiles_and_no_util():
    role = RoleShape(
        name="small",
        model="m",
        cost=LLAMA_8B_H100,
        gpu="h100-pcie-80gb",
        gpus_per_replica=1,
        mig="1g.10gb",
        longest=8192,
        min=3,
        max=7,
    )
    node = NodeShape(name="n", gpu="h100-pcie-80gb", count=2, mig=("1g.10gb",) * 7, honor_labels=True)
    fleet = Fleet(ClusterShape(roles=(role,), nodes=(node,)), a_story(), Random(1), START)
    page = parse(dcgm_page(fleet, fleet.nodes[0]).encode())
    rows = [k for k in page.layout.keys if k.name == "DCGM_FI_PROF_GR_ENGINE_ACTIVE"]
    assert len(rows) == 14
    assert {k.label("GPU_I_PROFILE") for k in rows} == {"1g.10gb"}
    assert sum(k.label("pod") is not None for k in rows) == 3
    assert not any("UTIL" in k.name for k in page.layout.keys)
    assert 'resource="nvidia_com_mig_1g_10gb"' in kube_page(fleet)


def a_story():
    from controlplane.simulate.story import Steady

    return Steady()


def test_two_pods_on_one_shared_gpu_have_a_row_each_with_the_whole_gpu(fleet: Fleet):
    pods = [*fleet.deployments["embedder"].pods, *fleet.deployments["reranker"].pods]
    node = pods[0].node
    assert node is not None
    page = parse(dcgm_page(fleet, node).encode())
    rows = [value(page, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", exported_pod=p.name) for p in pods]
    assert len(set(rows)) == 1


def test_kube_state_metrics_counts_what_is_there(fleet: Fleet):
    page = parse(kube_page(fleet).encode())
    assert identify(page).kind is PageKind.KUBE_STATE
    deployment = fleet.deployments["worker"]
    hpa = {"horizontalpodautoscaler": "keda-hpa-worker", "namespace": "llm"}
    assert value(page, "kube_deployment_spec_replicas", deployment="worker") == deployment.wished
    assert value(page, "kube_deployment_status_replicas_ready", deployment="worker") == len(deployment.ready)
    assert value(page, "kube_horizontalpodautoscaler_spec_min_replicas", **hpa) == 2
    assert value(page, "kube_horizontalpodautoscaler_spec_max_replicas", **hpa) == 4
    pod = deployment.pods[0]
    assert value(page, "kube_pod_status_phase", pod=pod.name, phase="Running") == 1
    assert value(page, "kube_pod_info", pod=pod.name, node=pod.node.shape.name) == 1  # type: ignore[union-attr]
