"""CPU per scraped page, HTTP included, held against a real Prometheus that scrapes the same targets meanwhile."""

import threading
from pathlib import Path

import pytest
import yaml

from tests import real_servers
from tests.bench.processes import counts, cpu_seconds, engines, program, resident_mb

pytestmark = [pytest.mark.bench, pytest.mark.real]

TARGETS = 200
INTERVAL = 1.0
WARM_UP = 15.0
MEASURED = 30.0


@pytest.mark.parametrize("plain", [False, True], ids=["as vLLM answers", "never compressed"])
def test_a_page_costs_less_than_it_costs_prometheus(prometheus_binary: Path, tmp_path: Path, plain: bool):
    """A vLLM server compresses for those who ask, as Prometheus does and we do not."""
    with engines(roles=20, plain=plain) as url:
        address = url.removeprefix("http://")
        settings = {
            "global": {"scrape_interval": f"{INTERVAL:g}s", "scrape_timeout": f"{INTERVAL:g}s"},
            "scrape_configs": [
                {
                    "job_name": "engine",
                    "static_configs": [
                        {"targets": [address], "labels": {"__metrics_path__": f"/t/{n}/metrics", "pod": f"p-{n}"}}
                        for n in range(TARGETS)
                    ],
                }
            ],
        }
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
        port = real_servers.free_port()
        command = [
            prometheus_binary,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        ready = f"http://127.0.0.1:{port}/-/ready"
        with (
            program("scrape_many.py", -1, url, TARGETS, INTERVAL) as ours,
            real_servers.running(command, log=tmp_path / "log", ready=ready) as prometheus,
        ):
            wait = threading.Event().wait
            wait(WARM_UP)
            pids = {"ours": ours.pid, "prometheus": prometheus.process.pid}
            before, pages = {name: cpu_seconds(pid) for name, pid in pids.items()}, counts(url)
            wait(MEASURED)
            after, more = {name: cpu_seconds(pid) for name, pid in pids.items()}, counts(url)
            said = ours.ask()
            memory = {name: resident_mb(pid) for name, pid in pids.items()}
    fetched = {name: more[name] - pages[name] for name in pids}
    cost = {name: (after[name] - before[name]) / fetched[name] * 1000 for name in pids}
    ratio = cost["ours"] / cost["prometheus"]
    print(
        f"\n{TARGETS} targets every {INTERVAL:g} s for {MEASURED:g} s, the same ones by both, "
        f"{'never compressed' if plain else 'compressed for those who ask'}:"
        f"\n  prometheus {cost['prometheus']:6.3f} ms of CPU a page, {fetched['prometheus']} pages,"
        f" {memory['prometheus']:.0f} MB (it also stores them)"
        f"\n  ours       {cost['ours']:6.3f} ms of CPU a page, {fetched['ours']} pages, {memory['ours']:.0f} MB"
        f"\n  ratio      {ratio:6.2f}"
    )
    assert said["failures"] == 0
    assert fetched["ours"] >= 0.95 * TARGETS * MEASURED / INTERVAL
    assert ratio <= 1.0
