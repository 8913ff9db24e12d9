"""A real Prometheus and our own scraper read the same live pages at the same time and see the same fleet.

A page is served until both have read it, so both see the same pages in the same order, each at its own instants.
What is now is then the same number, and so are percentiles of five minutes; what is counted over one minute differs
where one's minute holds a page more. (At the same instants the numbers are the same: test_prometheus_same_readings.)
"""

import asyncio
import contextlib
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from controlplane.clock import SystemClock
from controlplane.collect.answers import AnswerLimits
from controlplane.collect.eyes import FleetEyes
from controlplane.collect.prometheus import PrometheusSource
from controlplane.collect.prometheus_api import PrometheusApi
from controlplane.collect.scraper import Scraper
from controlplane.collect.targets import Targets, static
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault, Job
from controlplane.model.reading import Reading
from controlplane.observe.assemble import History, assemble
from controlplane.promql.catalogue import WANTED
from tests.collect.fake_http import Asked, Reply, fake_http
from tests.e2e.prometheus_server import prometheus
from tests.e2e.recorded import PLANNER, WORKER, ramp, role

pytestmark = [pytest.mark.real, pytest.mark.quiet, pytest.mark.timeout(600)]  # 80 s on a quiet machine

STEP = timedelta(seconds=1)
TICK = 2 * STEP
"""The longest it takes until both have read both pages: told to the window as the distance of ticks. With half of it
every interval of three seconds is a hole, and which are depends on the readers' moments: rates were 26 % apart."""
TIMES = 2
"""How often each page is read by each reader."""
ROLES = (role(PLANNER), role(WORKER))
NOW = (Reading.RUNNING, Reading.WAITING, Reading.KV_USAGE, Reading.KV_USAGE_MAX, Reading.COVERAGE)
COUNTED = {
    Reading.REQUESTS: "vllm:request_success_total",
    Reading.PROMPT_TOKENS: "vllm:prompt_tokens_total",
    Reading.OUTPUT_TOKENS: "vllm:generation_tokens_total",
}
LATENCIES = (Reading.TTFT_P95, Reading.ITL_P50, Reading.ITL_P95, Reading.E2E_P50, Reading.QUEUE_P95)


@dataclass
class Turning:
    """One role's pages, turned by hand; counts who has read the present one."""

    bodies: Sequence[bytes]
    number: int = 0
    readers: Counter[str] = field(default_factory=Counter)
    news: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, asked: Asked) -> Reply:
        """The present page."""
        reader = "prometheus" if asked.headers.get("User-Agent", "").startswith("Prometheus") else "we"
        with self.news:
            self.readers[reader] += 1
            self.news.notify_all()
            return Reply(self.bodies[self.number], content_type="text/plain; version=0.0.4; charset=utf-8")

    def turn(self, number: int) -> None:
        """Serve page ``number`` from now on, and wait until both readers have it."""
        with self.news:
            self.number = number
            self.readers.clear()
            both = self.news.wait_for(lambda: self.readers["prometheus"] and self.readers["we"], timeout=20)
            assert both, self.readers


@contextlib.contextmanager
def scraping(urls: Mapping[RoleName, str]) -> Iterator[Scraper]:
    """Our scraper at work in a thread of its own."""
    targets = Targets({str(name): static([url], Job.ENGINE, name) for name, url in urls.items()})
    scraper = Scraper(targets, interval=STEP, clock=SystemClock(), wanted=WANTED)
    loop = asyncio.new_event_loop()
    task = loop.create_task(scraper.run())

    def main() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=main)
    thread.start()
    try:
        yield scraper
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def pairs(prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Sequence[tuple[Fleet, Fleet]]:
    """The fleet at each page, as we see it and as Prometheus sees it."""
    series = {name: Turning(bodies) for name, bodies in ramp().items()}
    fleets = []
    with contextlib.ExitStack() as stack:
        urls = {name: stack.enter_context(fake_http(turning.answer)).url for name, turning in series.items()}
        settings = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {"job_name": "engine", "static_configs": [{"targets": [u.split("//")[1] for u in urls.values()]}]}
            ],
        }
        folder = tmp_path_factory.mktemp("live")
        server = stack.enter_context(prometheus(prometheus_binary, folder, settings))
        clock = SystemClock()
        api = PrometheusApi(server.url, monotonic=clock.monotonic)
        stack.callback(api.close)
        source = PrometheusSource(api, ROLES, select={}, clock=clock, interval=STEP)
        scraper = stack.enter_context(scraping({name: f"{url}/metrics" for name, url in urls.items()}))
        ours, theirs = FleetEyes(scraper=scraper), FleetEyes(prometheus=source)
        own = by_queries = History.empty(TICK)
        pause = threading.Event()
        for number in range(len(series[PLANNER].bodies)):
            for _ in range(TIMES):
                for turning in series.values():
                    turning.turn(number)
                pause.wait(0.1)  # until both have stored what they read
                now = clock.now()
                mine, own = assemble(own, ours.look(now), ROLES, now, name="own")
                queried, by_queries = assemble(by_queries, theirs.look(now), ROLES, now, name="queries")
                fleets.append((mine, queried))
    return fleets


def both(pairs: Sequence[tuple[Fleet, Fleet]], reading: Reading) -> list[tuple[float, float]]:
    """Our and their values, wherever both are known."""
    values = [
        (mine.roles[name].now(reading), theirs.roles[name].now(reading))
        for mine, theirs in pairs
        for name in (PLANNER, WORKER)
    ]
    return [(a, b) for a, b in values if a is not None and b is not None]


@pytest.mark.parametrize("reading", NOW)
def test_what_is_now_is_the_same_number(pairs: Sequence[tuple[Fleet, Fleet]], reading: Reading) -> None:
    rows = both(pairs, reading)
    same = sum(1 for a, b in rows if a == b)
    print(f"{reading}: {same} of {len(rows)} the same")
    assert len(rows) >= 0.95 * 2 * len(pairs)
    assert same == len(rows)


def largest_steps(reading: Reading) -> Mapping[RoleName, float]:
    """By how much a role's counter grows from one page to the next at the most."""
    steps = {}
    for name, bodies in ramp().items():
        counts = [
            sum(
                float(line.rsplit(" ", 1)[1])
                for line in body.decode().splitlines()
                if line.startswith(COUNTED[reading])
            )
            for body in bodies
        ]
        steps[name] = max(after - before for before, after in pairwise(counts))
    return steps


@pytest.mark.parametrize("reading", COUNTED)
def test_what_is_counted_differs_by_one_page_at_most(pairs: Sequence[tuple[Fleet, Fleet]], reading: Reading) -> None:
    """Both readers' moments come from a hash of the port: one's minute may begin a page earlier than the other's."""
    steps, apart = largest_steps(reading), []
    for mine, theirs in pairs:
        for name, step in steps.items():
            ours, his = mine.roles[name].now(reading), theirs.roles[name].now(reading)
            if ours is not None and his is not None:
                apart.append(abs(ours - his) / ours)
                assert abs(ours - his) * 60 <= step + 0.02 * ours * 60, f"{name}: {ours} and {his}"
    print(f"{reading}: {len(apart)} compared, median {median(apart):.2%}, worst {max(apart):.2%}")
    assert len(apart) >= 15
    assert median(apart) < 2 * STEP / timedelta(minutes=1), "a second at either end of the minute"


@pytest.mark.parametrize("reading", LATENCIES)
def test_percentiles_are_the_same(pairs: Sequence[tuple[Fleet, Fleet]], reading: Reading) -> None:
    apart = [abs(a - b) / max(a, 1e-9) for a, b in both(pairs, reading)]
    print(f"{reading}: {len(apart)} compared, median {median(apart):.2%}, worst {max(apart):.2%}")
    assert len(apart) >= 15
    assert max(apart) < 0.01


def test_a_prometheus_that_hangs_costs_a_time_out_and_is_back_at_once(prometheus_binary: Path, tmp_path: Path) -> None:
    clock = SystemClock()
    with prometheus(prometheus_binary, tmp_path) as server:
        limits = AnswerLimits(deadline=timedelta(seconds=2))
        api = PrometheusApi(server.url, monotonic=clock.monotonic, limits=limits)
        source = PrometheusSource(api, ROLES, select={}, clock=clock, interval=STEP)
        assert source.look(clock.now()).health.fault is Fault.STALE, "it answers, and knows no role"
        server.signal(signal.SIGSTOP)
        hung = source.look(clock.now())
        assert hung.health.fault is Fault.TIMEOUT
        assert hung.samples == {}
        server.signal(signal.SIGCONT)
        assert source.look(clock.now()).health.fault is Fault.STALE
        api.close()
    assert source.look(clock.now()).health.fault is Fault.REFUSED
