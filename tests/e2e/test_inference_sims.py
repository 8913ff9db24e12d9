"""``controlplane serve`` against three running llm-d-inference-sim servers whose metrics are moved.

Two services look at them at once: one scrapes them itself, one reads a real Prometheus that does. Their pages are
not quite vLLM's (no ``engine`` label, other counters missing), which is the point: somebody else's idea of the same
metrics must give the same readings, and what it lacks must be unknown.
"""

import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.inference_sim import Sim, inference_sim
from tests.e2e.prometheus_server import prometheus
from tests.real_servers import RunningServer, free_port, running

pytestmark = pytest.mark.real

FLEET = """
fleet: sims
sources: {sources}
tick: 1s
roles:
  planner:
    model: {{name: test/planner}}
    replicas: {{min: 1, max: 4}}
    slo: {{ttft_p95: 2s}}
    targets: {planner}
  worker:
    model: {{name: test/worker}}
    targets: {worker}
detectors:
  queue-buildup: {{patience: 3s, settle: 3s}}
  kv-pressure: {{patience: 3s, settle: 3s}}
  ttft-objective: {{patience: 5s, settle: 3s}}
serve: {{port: {port}}}
store: {{url: "sqlite:///{ledger}"}}
"""


@dataclass(frozen=True)
class View:
    """One service, asked through its API."""

    name: str
    service: RunningServer

    def get(self, path: str) -> Any:
        """Ask it."""
        with urllib.request.urlopen(f"{self.service.url}/api/v1/{path}", timeout=10) as reply:
            return json.load(reply)

    def readings(self, role: str) -> dict[str, float | None]:
        """A role's readings at the last tick."""
        found: dict[str, float | None] = self.get(f"roles/{role}")["readings"]
        return found

    def open_findings(self) -> set[str]:
        """Ids of findings that hold."""
        return {f["id"] for f in self.get("findings?open_only=true")}


@dataclass(frozen=True)
class Stage:
    """What is looked at, two replicas of the planner and one of the worker, and who looks."""

    views: tuple[View, View]
    planner: tuple[Sim, Sim]
    worker: Sim

    def until(self, what: Callable[[View], bool], within: float = 40) -> float:
        """Wait until something is true in both views; the seconds it took."""
        begun, pause = time.monotonic(), threading.Event()  # noqa: TID251 – real servers take real time
        while behind := [view for view in self.views if not _holds(what, view)]:
            taken = time.monotonic() - begun  # noqa: TID251
            late = behind[0]
            assert taken < within, f"{late.name}: not after {within:g} s\n{late.get('roles')}\n{late.service.tail()}"
            pause.wait(0.2)
        return time.monotonic() - begun  # noqa: TID251


def _holds(what: Callable[[View], bool], view: View) -> bool:
    try:
        return what(view)
    except urllib.error.HTTPError:
        return False  # no tick yet


@pytest.fixture(scope="module")
def stage(llm_d_sim_binary: Path, prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("sims")
    with ExitStack() as stack:
        models = ("test/planner", "test/planner", "test/worker")
        first, second, worker = (
            stack.enter_context(inference_sim(llm_d_sim_binary, model, folder)) for model in models
        )
        addresses = [sim.server.url.removeprefix("http://") for sim in (first, second, worker)]
        engines = {"job_name": "engine", "static_configs": [{"targets": addresses}]}
        settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": [engines]}
        server = stack.enter_context(prometheus(prometheus_binary, folder / "prometheus", settings))

        def view(name: str, **given: object) -> View:
            port = free_port()
            file = folder / f"{name}.yaml"
            file.write_text(FLEET.format(port=port, ledger=folder / f"{name}.db", **given))
            command: Sequence[str | Path] = [sys.executable, "-m", "controlplane.cli.main", "serve", file]
            url = f"http://127.0.0.1:{port}"
            log = folder / f"{name}.log"
            return View(
                name, stack.enter_context(running(command, log=log, ready=f"{url}/healthz", url=url, within=90))
            )

        yield Stage(
            (
                view(
                    "scraped",
                    sources="{scrape_interval: 1s}",
                    planner=[first.page, second.page],
                    worker=[worker.page],
                ),
                view(
                    "by-prometheus",
                    sources=f"{{scrape_interval: 1s, prometheus: '{server.url}'}}",
                    planner=[],
                    worker=[],
                ),
            ),
            (first, second),
            worker,
        )


def test_readings_follow_what_the_simulators_are_told(stage: Stage) -> None:
    first, second = stage.planner
    first.move(running_requests=7, waiting_requests=2, kv_cache_usage=0.5)
    second.move(running_requests=4, waiting_requests=1, kv_cache_usage=0.25)
    stage.worker.move(running_requests=9, waiting_requests=0, kv_cache_usage=0.75)
    took = stage.until(lambda v: v.readings("planner")["running"] == 11 and v.readings("worker")["running"] == 9)
    print(f"readings followed after {took:.1f} s")
    for view in stage.views:
        planner, worker = view.readings("planner"), view.readings("worker")
        assert planner["waiting"] == 3
        assert planner["waiting_per_replica"] == 1.5
        assert planner["kv_usage"] == 0.375
        assert planner["kv_usage_max"] == 0.5
        assert planner["coverage"] == 1
        assert worker["kv_usage"] == 0.75
        assert view.open_findings() == set()


def test_what_the_imitation_lacks_is_unknown_with_a_reason(stage: Stage) -> None:
    for view in stage.views:
        planner = view.get("roles/planner")
        for reading in ("preemptions", "gpu_activity", "dollars_per_hour"):
            assert planner["readings"][reading] is None
            assert planner["missing"][reading], view.name


def test_a_full_cache_and_a_queue_are_found_and_go_away_again(stage: Stage) -> None:
    for sim in stage.planner:
        sim.move(running_requests=16, waiting_requests=12, kv_cache_usage=0.97)
    trouble = {"queue-buildup:planner", "kv-pressure:planner"}
    opened = stage.until(lambda v: trouble <= v.open_findings())
    for view in stage.views:
        assert {r["role"] for r in view.get("recommendations")} == {"planner"}
        assert not {f for f in view.open_findings() if f.endswith(":worker")}, "the worker is not blamed for it"
    for sim in stage.planner:
        sim.move(running_requests=3, waiting_requests=0, kv_cache_usage=0.3)
    closed = stage.until(lambda v: not trouble & v.open_findings())
    print(f"findings opened after {opened:.1f} s, closed after {closed:.1f} s (patience and settling 3 s)")


def test_counters_become_rates_and_buckets_percentiles(stage: Stage) -> None:
    """100 prompt and 50 output tokens and two slow first tokens a second, on one of the two replicas."""
    pause, begun, given = threading.Event(), time.monotonic(), 0  # noqa: TID251
    while given < 66:
        given += 1
        stage.planner[0].work(prompt=100, output=50, slow=2)
        pause.wait(max(0.0, begun + given - time.monotonic()))  # noqa: TID251
    for view in stage.views:
        planner = view.readings("planner")
        print(view.name, {n: planner[n] for n in ("prompt_tokens", "output_tokens", "ttft_p50", "ttft_p95")})
        assert planner["prompt_tokens"] == pytest.approx(100, rel=0.05)
        assert planner["output_tokens"] == pytest.approx(50, rel=0.05)
        assert planner["ttft_p95"] == pytest.approx(2.5 + 0.95 * 2.5, rel=0.01)
    stage.until(lambda v: "ttft-objective:planner" in v.open_findings())


def test_a_replica_that_dies_leaves_the_sums_unknown_and_not_lower(stage: Stage) -> None:
    stage.planner[1].server.process.kill()
    stage.until(lambda v: v.readings("planner")["coverage"] == 0.5)
    for view in stage.views:
        planner = view.get("roles/planner")
        assert planner["readings"]["running"] is None
        assert "1 of 2 replicas" in planner["missing"]["running"], view.name
        assert planner["readings"]["kv_usage_max"] == 0.3
