"""The mixed cluster, the whole service and a real Prometheus with our rules, all live: for tests that need the lot.

Everything is as it ships but for the clock of the rules: windows of five minutes are rendered as ``window``, groups
are evaluated as often as pages are read, so that a run takes two minutes instead of seven.
"""

import contextlib
import json
import re
import sys
import threading
import time
import urllib.parse
import urllib.request
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import yaml
from aiohttp import web

from controlplane.clock import SystemClock
from controlplane.generate.output import files
from controlplane.settings.load import load_with_lines
from controlplane.simulate.answer import Answer
from controlplane.simulate.declared import fleet_yaml
from controlplane.simulate.endpoints import SimulatedFleet
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.litellm import Callback
from controlplane.simulate.mixed import PRICES, MixedStory, mixed_cluster
from controlplane.simulate.truth import RoleTruth, Truth, truth
from tests.e2e.prometheus_server import prometheus
from tests.real_servers import RunningServer, free_port, running

PACE = timedelta(seconds=3)
"""How often pages are read, the walk is walked and groups are evaluated."""
HISTORY = timedelta(minutes=6)
"""How long the cluster has run before anybody looks."""
IDLE = timedelta(seconds=20)
"""After how long without a call a session has finished."""
STORM = timedelta(seconds=15)
"""How long after the start a session starts sixty agents at once: the service is up by then."""
LOOK = 0.25
"""Seconds between two looks into the books."""

Sample = tuple[Mapping[str, str], float]


@dataclass(kw_only=True)
class LiveFleet:
    """All of it, running."""

    fleet: Fleet
    made: Mapping[str, str]
    """Everything generated: path → text, as it ships."""
    service: str
    """Its URL."""
    prometheus: RunningServer
    window: timedelta
    """What five minutes are in its rules."""
    books: list[tuple[float, Truth]] = field(default_factory=list)
    """Unix time and what was true then."""
    reads: Mapping[str, list[tuple[float, RoleTruth]]] = field(default_factory=dict)
    """Role → each reading of its engine's page: Unix time, and what was true then."""
    calls: "Kept"
    """What the router told the service of."""

    def watch(self, span: timedelta) -> None:
        """Let time pass and keep the books."""
        pause, end = threading.Event(), time.time() + span.total_seconds()  # noqa: TID251 – real servers take real time
        while (now := time.time()) < end:  # noqa: TID251
            self.books.append((now, truth(self.fleet, PRICES)))
            pause.wait(LOOK)

    def at(self, instant: float) -> Truth:
        """What was true at a moment of the watch: the look nearest to it."""
        i = bisect_left(self.books, instant, key=lambda entry: entry[0])
        near = self.books[max(0, i - 1) : i + 1]
        return min(near, key=lambda entry: abs(entry[0] - instant))[1]

    def delivered(self, role: str, since: float, until: float) -> tuple[float, float, float]:
        """Prompt, cached and output tokens per second between two readings of a role's page."""
        first, last = (self._read(role, instant) for instant in (since, until))
        span = last[0] - first[0]
        pairs = (
            (last[1].prompt, first[1].prompt),
            (last[1].cached, first[1].cached),
            (last[1].output, first[1].output),
        )
        prompt, cached, output = ((after - before) / span for after, before in pairs)
        return prompt, cached, output

    def _read(self, role: str, instant: float) -> tuple[float, RoleTruth]:
        """The reading that a scrape which began at ``instant`` got."""
        reads = self.reads[role]
        return reads[bisect_left(reads, instant - 0.001, key=lambda entry: entry[0])]

    def ask(self, query: str, at: float | None = None) -> list[Sample]:
        """An instant query. Raises ``AssertionError`` with the server's words when it refuses."""
        return [(row["metric"], float(row["value"][1])) for row in self._result("query", query, at) if "value" in row]

    def matrix(self, query: str, at: float | None = None) -> list[tuple[Mapping[str, str], list[tuple[float, float]]]]:
        """A query for a range: the samples as they are stored."""
        found = self._result("query", query, at)
        return [(row["metric"], [(t, float(v)) for t, v in row["values"]]) for row in found]

    def value(self, query: str, at: float | None = None) -> float:
        """The one value of a query."""
        found = self.ask(query, at)
        assert len(found) == 1, f"{query}: {found}"
        return found[0][1]

    def _result(self, path: str, query: str, at: float | None) -> list[Any]:
        asked = {"query": query} | ({} if at is None else {"time": f"{at:.3f}"})
        url = f"{self.prometheus.url}/api/v1/{path}?{urllib.parse.urlencode(asked)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as reply:
                data = json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from error
        return [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]


class Noted(SimulatedFleet):
    """The simulated fleet on its port; notes what was true whenever an engine's page is read."""

    reads: defaultdict[str, list[tuple[float, RoleTruth]]]

    def start(self) -> None:
        self.reads = defaultdict(list)
        super().start()

    def _engine(self, request: web.Request) -> str | None:
        text = super()._engine(request)
        role = request.match_info["role"]
        self.reads[role].append((time.time(), truth(self.fleet, PRICES).roles[role]))  # noqa: TID251 – as Prometheus' clock
        return text


class Kept(Callback):
    """Tells of calls; keeps a list of them, in the order they are told."""

    def __init__(self, url: str, start: datetime) -> None:
        super().__init__(url, start, retries=3)
        self.answers: list[Answer] = []

    def add(self, answer: Answer) -> None:
        self.answers.append(answer)
        super().add(answer)


@contextlib.contextmanager
def live_fleet(
    binary: Path,
    folder: Path,
    *,
    window: timedelta = timedelta(seconds=60),
    settings: Mapping[str, object] | None = None,
    alertmanagers: Sequence[str] = (),
) -> Iterator[LiveFleet]:
    """Start it all; end it all.

    Args:
        binary: a Prometheus.
        folder: an empty folder.
        window: what five minutes are in the rules.
        settings: sections of fleet.yaml to put over the declared ones.
        alertmanagers: ``host:port`` of those that are told of alerts.
    """
    clock = SystemClock()
    fleet = Fleet(mixed_cluster(), MixedStory(opening=HISTORY, storm_at=STORM), Random(7), clock.now() - HISTORY)
    fleet.advance(clock.now())
    fleet.nodes[0].xid[0] = 43  # an application's fault, long ago
    simulated = Noted(fleet, clock, targets_file=folder / "targets.json")
    simulated.start()
    try:
        port = free_port()
        file = declared(folder, port, settings or {})
        made = files(load_with_lines(file), file.read_text())
        own = free_port()
        config = _scraping(folder, simulated.port, (port, own), _rules(made, folder, window), alertmanagers)
        command = [sys.executable, "-m", "controlplane.cli.main", "serve", file]
        url = f"http://127.0.0.1:{port}"
        with (
            running(command, log=folder / "service.log", ready=f"{url}/healthz", url=url),
            prometheus(binary, folder / "prometheus", config, port=own) as server,
        ):
            calls = Kept(f"{url}/ingest/litellm", fleet.start)
            simulated.tell(calls)
            yield LiveFleet(
                fleet=fleet,
                made=made,
                service=url,
                prometheus=server,
                window=window,
                reads=simulated.reads,
                calls=calls,
            )
    finally:
        simulated.stop()


def declared(folder: Path, port: int, settings: Mapping[str, object]) -> Path:
    """Write the fleet.yaml of the run into an empty folder."""
    patches = folder / "patches"
    patches.mkdir()
    text = fleet_yaml(
        mixed_cluster(),
        targets_file=folder / "targets.json",
        patches=patches,
        store=f"sqlite:///{folder / 'ledger.db'}",
        port=port,
        modes={},
        prices=PRICES,
    )
    document = yaml.safe_load(text)
    pace = f"{PACE.total_seconds():g}s"
    document["tick"] = document["sources"]["scrape_interval"] = pace
    for role in document["roles"].values():
        role["idle_dollars_per_hour"] = 2.5
    document["roles"]["worker"]["slo"] |= {"e2e_p95": "60s"}
    document["sessions"]["idle_after"] = f"{IDLE.total_seconds():g}s"
    document["detectors"] = {"low-utilisation": {"patience": "20s"}}
    document |= settings
    file = folder / "fleet.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


def _rules(made: Mapping[str, str], folder: Path, window: timedelta) -> list[str]:
    """The rule files with a faster clock."""
    written = []
    for name, text in made.items():
        if name.startswith("rules/"):
            faster = text.replace("[5m]", f"[{window.total_seconds():g}s]")
            faster = re.sub(r"(?m)^( +interval): \S+$", rf"\1: {PACE.total_seconds():g}s", faster)
            path = folder / Path(name).name
            path.write_text(faster)
            written.append(str(path))
    return written


def _scraping(
    folder: Path, simulated: int, ports: tuple[int, int], rules: list[str], alertmanagers: Sequence[str]
) -> dict[str, object]:
    """prometheus.yml; ``ports``: the service's and its own."""
    pace = f"{PACE.total_seconds():g}s"
    sim = f"127.0.0.1:{simulated}"
    return {
        "global": {"scrape_interval": pace, "scrape_timeout": "2s", "evaluation_interval": pace},
        "rule_files": rules,
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
        "scrape_configs": [
            {
                "job_name": "fleet",
                "file_sd_configs": [{"files": [str(folder / "targets.json")], "refresh_interval": "3s"}],
            },
            {"job_name": "controlplane", "static_configs": [{"targets": [f"127.0.0.1:{ports[0]}"]}]},
            {"job_name": "keda", "metrics_path": "/keda/metrics", "static_configs": [{"targets": [sim]}]},
            {"job_name": "litellm", "metrics_path": "/router/metrics", "static_configs": [{"targets": [sim]}]},
            {"job_name": "prometheus", "static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}]},
        ],
    }


def panel_queries(made: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Dashboard and panel, and each of its queries with everything chosen."""
    for name, text in made.items():
        if not name.startswith("dashboards/"):
            continue
        board = json.loads(text)
        chosen = {v["name"]: v.get("allValue") or ".*" for v in board["templating"]["list"]}
        waiting = list(board["panels"])
        while waiting:
            panel = waiting.pop(0)
            waiting += panel.get("panels", [])
            for target in panel.get("targets", ()):
                query = target["expr"]
                for variable, value in chosen.items():
                    query = re.sub(rf"\$\{{?{variable}\b\}}?", value, query)
                yield f"{name} / {panel['title']}", query.replace("$__rate_interval", "1m").replace("$__range", "1m")
