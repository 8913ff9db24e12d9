"""``controlplane serve`` against three running llm-d-inference-sim servers whose metrics are moved.

Their pages are not quite vLLM's (no ``engine`` label, other counters missing), which is the point: somebody
else's idea of the same metrics must give the same readings, and what it lacks must be unknown.
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
from tests.real_servers import RunningServer, free_port, running

pytestmark = pytest.mark.real

FLEET = """
fleet: sims
sources: {{scrape_interval: 1s}}
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
class Stage:
    """The service and what it looks at: two replicas of the planner, one of the worker."""

    service: RunningServer
    planner: tuple[Sim, Sim]
    worker: Sim

    def get(self, path: str) -> Any:
        """Ask the service's API."""
        with urllib.request.urlopen(f"{self.service.url}/api/v1/{path}", timeout=10) as reply:
            return json.load(reply)

    def readings(self, role: str) -> dict[str, float | None]:
        """A role's readings at the last tick."""
        found: dict[str, float | None] = self.get(f"roles/{role}")["readings"]
        return found

    def open_findings(self) -> set[str]:
        """Ids of findings that hold."""
        return {f["id"] for f in self.get("findings?open_only=true")}

    def until(self, what: Callable[[], bool], within: float = 40) -> float:
        """Wait for something; the seconds it took."""
        begun, pause = time.monotonic(), threading.Event()  # noqa: TID251 – real servers take real time
        while not _holds(what):
            taken = time.monotonic() - begun  # noqa: TID251
            assert taken < within, f"not after {within:g} s\n{self.get('roles')}\n{self.service.tail()}"
            pause.wait(0.2)
        return time.monotonic() - begun  # noqa: TID251


def _holds(what: Callable[[], bool]) -> bool:
    try:
        return what()
    except urllib.error.HTTPError:
        return False  # no tick yet


@pytest.fixture(scope="module")
def stage(llm_d_sim_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("sims")
    with ExitStack() as stack:
        models = ("test/planner", "test/planner", "test/worker")
        first, second, worker = (
            stack.enter_context(inference_sim(llm_d_sim_binary, model, folder)) for model in models
        )
        port = free_port()
        file = folder / "fleet.yaml"
        planner = [first.page, second.page]
        file.write_text(FLEET.format(planner=planner, worker=[worker.page], port=port, ledger=folder / "ledger.db"))
        command: Sequence[str | Path] = [sys.executable, "-m", "controlplane.cli.main", "serve", file]
        url = f"http://127.0.0.1:{port}"
        service = stack.enter_context(
            running(command, log=folder / "serve.log", ready=f"{url}/healthz", url=url, within=90)
        )
        yield Stage(service, (first, second), worker)


def test_readings_follow_what_the_simulators_are_told(stage: Stage) -> None:
    first, second = stage.planner
    first.move(running_requests=7, waiting_requests=2, kv_cache_usage=0.5)
    second.move(running_requests=4, waiting_requests=1, kv_cache_usage=0.25)
    stage.worker.move(running_requests=9, waiting_requests=0, kv_cache_usage=0.75)
    took = stage.until(lambda: stage.readings("planner")["running"] == 11 and stage.readings("worker")["running"] == 9)
    planner, worker = stage.readings("planner"), stage.readings("worker")
    print(f"readings followed after {took:.1f} s")
    assert planner["waiting"] == 3
    assert planner["waiting_per_replica"] == 1.5
    assert planner["kv_usage"] == 0.375
    assert planner["kv_usage_max"] == 0.5
    assert planner["coverage"] == 1
    assert worker["kv_usage"] == 0.75
    assert stage.open_findings() == set()


def test_what_the_imitation_lacks_is_unknown_with_a_reason(stage: Stage) -> None:
    planner = stage.get("roles/planner")
    for reading in ("preemptions", "gpu_activity", "dollars_per_hour"):
        assert planner["readings"][reading] is None
        assert planner["missing"][reading]


def test_a_full_cache_and_a_queue_are_found_and_go_away_again(stage: Stage) -> None:
    for sim in stage.planner:
        sim.move(running_requests=16, waiting_requests=12, kv_cache_usage=0.97)
    opened = stage.until(lambda: {"queue-buildup:planner", "kv-pressure:planner"} <= stage.open_findings())
    about = {r["role"] for r in stage.get("recommendations")}
    assert not {f for f in stage.open_findings() if f.endswith(":worker")}, "the worker is not blamed for it"
    for sim in stage.planner:
        sim.move(running_requests=3, waiting_requests=0, kv_cache_usage=0.3)
    gone = {"queue-buildup:planner", "kv-pressure:planner"}
    closed = stage.until(lambda: not gone & stage.open_findings())
    print(f"findings opened after {opened:.1f} s, closed after {closed:.1f} s (patience and settling 3 s)")
    assert about == {"planner"}


def test_counters_become_rates_and_buckets_percentiles(stage: Stage) -> None:
    """100 prompt and 50 output tokens and two slow first tokens a second, on one of the two replicas."""
    pause, begun, given = threading.Event(), time.monotonic(), 0  # noqa: TID251
    while stage.readings("planner")["ttft_p95"] is None or given < 65:
        given += 1
        stage.planner[0].work(prompt=100, output=50, slow=2)
        pause.wait(max(0.0, begun + given - time.monotonic()))  # noqa: TID251
        assert given < 120, stage.get("roles/planner")
    planner = stage.readings("planner")
    print({name: planner[name] for name in ("prompt_tokens", "output_tokens", "ttft_p50", "ttft_p95")})
    assert planner["prompt_tokens"] == pytest.approx(100, rel=0.05)
    assert planner["output_tokens"] == pytest.approx(50, rel=0.05)
    assert planner["ttft_p95"] == pytest.approx(2.5 + 0.95 * 2.5, rel=0.01)
    stage.until(lambda: "ttft-objective:planner" in stage.open_findings())


def test_a_replica_that_dies_leaves_the_sums_unknown_and_not_lower(stage: Stage) -> None:
    stage.planner[1].server.process.kill()
    stage.until(lambda: stage.readings("planner")["coverage"] == 0.5)
    planner = stage.get("roles/planner")
    assert planner["readings"]["running"] is None
    assert "1 of 2 replicas" in planner["missing"]["running"]
    assert planner["readings"]["kv_usage_max"] == 0.3
