"""How long a tick's understanding takes for a big fleet, on real-size pages whose values change."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.model.keys import RoleName
from controlplane.model.page import Job, Labels, Layout, MetricKey, Page, Scrape, Target
from controlplane.model.reading import Reading
from controlplane.model.role import Bounds, Engine, GpuSpec, ModelSpec, RoleSpec
from controlplane.model.sighting import Sighting
from controlplane.observe.assemble import History, assemble

ROLES, REPLICAS, TICKS = 200, 20, 6
STEP = timedelta(seconds=15)
START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SECONDS = ("0.01", "0.05", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5", "5.0", "7.5", "10.0", "20.0", "40.0", "80.0")
MORE = ("120.0", "160.0", "240.0", "480.0", "640.0", "960.0", "1920.0", "2560.0")

pytestmark = pytest.mark.bench


def a_vllm_layout(model: str) -> Layout:
    """The series of a vLLM 0.32 page that a scraper keeps."""
    labels: Labels = (("engine", "0"), ("model_name", model))
    names = (
        "num_requests_running",
        "num_requests_waiting",
        "kv_cache_usage_perc",
        "num_preemptions_total",
        "prompt_tokens_total",
        "prompt_tokens_cached_total",
        "generation_tokens_total",
        "prefix_cache_queries_total",
        "prefix_cache_hits_total",
    )
    keys = [MetricKey(f"vllm:{name}", labels) for name in names]
    reasons = ("stop", "length", "abort", "error", "repetition")
    keys += [MetricKey("vllm:request_success_total", (*labels, ("finished_reason", r))) for r in reasons]
    for family in (
        "time_to_first_token_seconds",
        "inter_token_latency_seconds",
        "e2e_request_latency_seconds",
        "request_queue_time_seconds",
    ):
        keys += [
            MetricKey(f"vllm:{family}_bucket", tuple(sorted((*labels, ("le", le))))) for le in (*SECONDS, *MORE, "+Inf")
        ]
    keys.append(MetricKey("process_start_time_seconds"))
    return Layout(tuple(keys))


def pages(chance: random.Random, targets: list[tuple[Target, Layout]]) -> Iterator[Sighting]:
    """One sighting a tick; every counter moves, every target has its own moment."""
    values = [[float(chance.randrange(5)) for _ in layout.keys] for _, layout in targets]
    for row in values:
        row[2], row[-1] = 0.5, 1.7e9
    for tick in range(1, TICKS + 1):
        now = START + tick * STEP
        scrapes = []
        for row, (target, layout) in zip(values, targets, strict=True):
            row[3:14] = [v + chance.randrange(50) for v in row[3:14]]
            row[14:-1] = [v + i % 23 for i, v in enumerate(row[14:-1])]
            at = now - timedelta(seconds=chance.random() * 10)
            scrapes.append(Scrape(target, at, timedelta(0), Page(layout, tuple(row))))
        yield Sighting(at=now, scrapes=tuple(scrapes))


@pytest.mark.parametrize("shared", [pytest.param(True, id="layouts shared"), pytest.param(False, id="a layout each")])
def test_two_hundred_roles_of_twenty_replicas(shared, capsys):
    chance = random.Random(1)
    specs = [
        RoleSpec(
            name=RoleName(f"role-{i}"),
            model=ModelSpec(name=f"model-{i}"),
            engine=Engine.VLLM,
            gpus=GpuSpec(type="h100", dollars_per_hour=2.5),
            replicas=Bounds(min=1, max=40),
        )
        for i in range(ROLES)
    ]
    targets = []
    for spec in specs:
        layout = a_vllm_layout(spec.model.name)
        for i in range(REPLICAS):
            labels = (("namespace", "llm"), ("pod", f"{spec.name}-{i}"))
            target = Target(f"http://{spec.name}-{i}:8000/metrics", Job.ENGINE, spec.name, labels)
            targets.append((target, layout if shared else a_vllm_layout(spec.model.name)))
    history = History.empty(STEP)
    took = []
    for sighting in pages(chance, targets):
        began = time.process_time()
        fleet, history = assemble(history, sighting, specs, sighting.at, name="big")
        took.append(time.process_time() - began)
    with capsys.disabled():
        print(
            f"\nassemble {ROLES} roles x {REPLICAS} replicas, {len(targets[0][1].keys)} kept series a page: "
            f"first tick {took[0]:.2f} s CPU, later ticks {' '.join(f'{t:.2f}' for t in took[1:])} s"
        )
    view = fleet.roles[specs[0].name]
    assert view.now(Reading.COVERAGE) == 1.0
    assert view.now(Reading.PROMPT_TOKENS) is not None
    assert view.now(Reading.TTFT_P95) is not None
