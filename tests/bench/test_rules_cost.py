"""What evaluating all rules costs a real Prometheus that holds a thousand replicas, with histograms per pod or not.

Two of them evaluate side by side. Shares of one core depend on the machine, so they are printed and not judged; what
is judged is that leaving the histograms of pods out is worth it.
"""

import contextlib
import json
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests import real_servers
from tests.bench import rules_fleet as fleet
from tests.bench.processes import cpu_seconds
from tests.generate.rules.scenario import groups_of

pytestmark = [pytest.mark.bench, pytest.mark.real]

EVERY = 8.0
"""Seconds between evaluations while we measure; the rules themselves say 30."""
ASKED = 30.0
SETTLE, MEASURED = 12.0, 24.0
WINDOW = 360
"""Seconds of samples. They end when the test begins: Prometheus records nothing that is older than its blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of evaluating all groups once."""

    cpu: float
    seconds: float
    recorded: int

    @property
    def share(self) -> float:
        """Of one core, at the interval the rules ask for."""
        return self.cpu / ASKED


@pytest.fixture(scope="module")
def blocks(promtool_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fleet's last minutes, as blocks of a Prometheus."""
    folder = tmp_path_factory.mktemp("blocks")
    begin = int(datetime.now(UTC).timestamp()) - WINDOW  # noqa: TID251 – a past for a real server
    series = fleet.openmetrics(folder / "fleet.om", begin, WINDOW // fleet.STEP)
    made = [promtool_binary, "tsdb", "create-blocks-from", "openmetrics", folder / "fleet.om", folder / "data"]
    subprocess.run(made, check=True, capture_output=True)
    (folder / "fleet.om").unlink()
    print(f"\n{fleet.REPLICAS} replicas in {fleet.ROLES} roles: {series} series for the rules to read")
    return folder / "data"


def ask(url: str, query: str) -> float:
    with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}") as reply:
        found = json.load(reply)["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


def own(url: str) -> Mapping[str, float]:
    """Prometheus' own page, summed over labels."""
    totals: dict[str, float] = {}
    with urllib.request.urlopen(f"{url}/metrics") as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith("prometheus_rule"):
                name, value = line.split("{")[0].split(" ")[0], line.rsplit(" ", 1)[1]
                totals[name] = totals.get(name, 0) + float(value)
    return totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluating:
    """A Prometheus with the rules of one setting."""

    server: real_servers.RunningServer
    url: str
    groups: int

    def used(self) -> tuple[float, Mapping[str, float]]:
        return cpu_seconds(self.server.process.pid), own(self.url)

    def cost(self, before: tuple[float, Mapping[str, float]], after: tuple[float, Mapping[str, float]]) -> Cost:
        assert after[1]["prometheus_rule_evaluation_failures_total"] == 0, self.server.tail()
        assert ask(self.url, "count(llm_pod:requests_running:sum)") == fleet.REPLICAS
        assert ask(self.url, "sum(llm_role:replicas:count)") == fleet.REPLICAS
        assert ask(self.url, "sum(llm_fleet:cost_dollars_per_hour:sum)") == pytest.approx(3.2 * fleet.REPLICAS)
        name = "prometheus_rule_group_iterations_total"
        rounds = (after[1][name] - before[1][name]) / self.groups
        return Cost(
            cpu=(after[0] - before[0]) / rounds,
            seconds=after[1]["prometheus_rule_group_last_duration_seconds"],
            recorded=int(ask(self.url, 'count({__name__=~"llm_[a-z]+:.+"})')),
        )


@contextlib.contextmanager
def evaluating(prometheus: Path, blocks: Path, folder: Path, pod_buckets: str) -> Iterator[Evaluating]:
    shutil.copytree(blocks, folder / "data")
    groups = [g for held in groups_of(fleet.fleet_yaml(pod_buckets)).values() for g in held]
    faster = [{**group, "interval": f"{EVERY:g}s"} for group in groups]
    (folder / "rules.yml").write_text(json.dumps({"groups": faster}))
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"]}))
    url = f"http://127.0.0.1:{real_servers.free_port()}"
    command = [
        prometheus,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with real_servers.running(command, log=folder / "log", ready=f"{url}/-/ready") as server:
        yield Evaluating(server=server, url=url, groups=len(groups))


def test_a_thousand_replicas_cost_less_without_histograms_per_pod(
    prometheus_binary: Path, blocks: Path, tmp_path: Path
) -> None:
    names = ("always", "never")
    for name in names:
        (tmp_path / name).mkdir()
    with contextlib.ExitStack() as stack:
        both = {
            name: stack.enter_context(evaluating(prometheus_binary, blocks, tmp_path / name, name)) for name in names
        }
        threading.Event().wait(SETTLE)
        before = {name: each.used() for name, each in both.items()}
        threading.Event().wait(MEASURED)
        after = {name: each.used() for name, each in both.items()}
        costs = {name: each.cost(before[name], after[name]) for name, each in both.items()}
    kept, left_out = costs["always"], costs["never"]
    for name, cost in costs.items():
        print(
            f"pod_buckets: {name}: {cost.share:.1%} of one core at an interval of {ASKED:g} s"
            f" ({cost.cpu:.2f} s CPU, {cost.seconds:.2f} s in all groups), {cost.recorded} recorded series"
        )
    print(f"left out: {left_out.cpu / kept.cpu:.2f} of the CPU, {left_out.recorded / kept.recorded:.2f} of the series")
    assert left_out.recorded < kept.recorded / 2
    assert left_out.cpu < kept.cpu
