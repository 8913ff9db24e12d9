"""The same recorded pages, held by a real Prometheus and read by PromQL, give the embedded path's readings.

Both see the pages at the same instants, 15 s apart. They agree within 1 % (mostly to the last bit) but for one
thing, which has a name: ``rate()`` does not think a counter back to before it was zero, so in the first window of
a counter's life it says less than what was counted between the pages.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from controlplane.clock import SystemClock
from controlplane.collect.exposition import parse
from controlplane.collect.prometheus import MOST_QUERIES, PrometheusSource
from controlplane.collect.prometheus_api import PrometheusApi, Sample
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault, Job, Page, Scrape, Target
from controlplane.model.reading import Reading
from controlplane.model.sighting import Sighting
from controlplane.observe.assemble import History, assemble
from controlplane.promql.catalogue import WANTED, metrics, wire_names
from controlplane.promql.metric import MADE_FROM, Source
from tests.e2e.prometheus_server import prometheus, write_past
from tests.e2e.recorded import PLANNER, WORKER, ramp, role

pytestmark = pytest.mark.real

STEP = 15
AFTER = 1
"""Seconds from a scrape to the tick that uses it."""
ROLES = (role(PLANNER), role(WORKER))
WINDOWS = {Reading.PREFIX_QUERIED: 20, Reading.DOLLARS_PER_MTOK: 20}
"""Pages in the window of a reading, where it is not the minute's four."""
EXACT = (
    Reading.RUNNING,
    Reading.WAITING,
    Reading.WAITING_PER_REPLICA,
    Reading.KV_USAGE,
    Reading.KV_USAGE_MAX,
    Reading.REPLICAS_READY,
    Reading.COVERAGE,
    Reading.DOLLARS_PER_HOUR,
)
RATES = (Reading.PREEMPTIONS, Reading.REQUESTS, Reading.PROMPT_TOKENS, Reading.CACHED_TOKENS, Reading.OUTPUT_TOKENS)
LATENCIES = tuple(r for r in Reading if r.value.startswith(("ttft", "itl", "e2e", "queue")))


@dataclass
class Then:
    """A Prometheus asked about a moment in its past instead of its present."""

    api: PrometheusApi
    at: float = 0
    asked: list[str] = field(default_factory=list)

    def query(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        self.asked.append(expression)
        return self.api.query(expression, at=self.at)


Look = Callable[[float], tuple[Mapping[RoleName, Mapping[Reading, float]], PrometheusSource]]


@dataclass
class Held:
    """The recording in a real Prometheus. ``begun`` is the time of its first page."""

    pages: Mapping[RoleName, Sequence[Page]]
    begun: int
    then: Then
    source: PrometheusSource

    def time(self, page: int) -> float:
        """When page number ``page`` was scraped."""
        return self.begun + page * STEP


def held(
    promtool: Path, binary: Path, folder: Path, keep: Callable[[int], bool], *, rewritten: bool = False
) -> Iterator[Held]:
    """Write the pages that ``keep`` chooses into a Prometheus, as if scraped every 15 s until two minutes ago.

    With ``rewritten`` something on the way takes the colon of a name for a mistake.
    """
    colon = b"vllm_" if rewritten else b"vllm:"
    pages = {
        name: [parse(body.replace(b"vllm:", colon), wanted=WANTED) for body in bodies]
        for name, bodies in ramp().items()
    }
    count = len(pages[PLANNER])
    begun = int(time.time()) - count * STEP - 120  # noqa: TID251 – a past for a real server
    scrapes = [
        (begun + i * STEP, f"{name}:8000", page)
        for name, series in pages.items()
        for i, page in enumerate(series)
        if keep(i)
    ]
    write_past(promtool, folder, scrapes)
    with prometheus(binary, folder) as server:
        api = PrometheusApi(server.url, monotonic=time.monotonic)  # noqa: TID251
        then = Then(api)
        source = PrometheusSource(
            cast("PrometheusApi", then),
            ROLES,
            select={},
            clock=SystemClock(),
            interval=timedelta(seconds=STEP),
            rewritten=rewritten,
        )
        yield Held(pages, begun, then, source)
        api.close()


@pytest.fixture(scope="module")
def whole(promtool_binary: Path, prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    yield from held(promtool_binary, prometheus_binary, tmp_path_factory.mktemp("whole"), lambda _: True)


@pytest.fixture(scope="module")
def broken(promtool_binary: Path, prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """Prometheus was down while pages 10 to 19 were served."""
    folder = tmp_path_factory.mktemp("broken")
    yield from held(promtool_binary, prometheus_binary, folder, lambda page: not 10 <= page < 20)


@pytest.fixture(scope="module")
def flat(promtool_binary: Path, prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """Its names came without their colons."""
    folder = tmp_path_factory.mktemp("flat")
    yield from held(promtool_binary, prometheus_binary, folder, lambda _: True, rewritten=True)


def walks(held: Held) -> Sequence[tuple[Fleet, Fleet]]:
    """At each page: the fleet by our own scrapes, and by Prometheus."""
    step = timedelta(seconds=STEP)
    own = by_queries = History.empty(step)
    fleets = []
    for i in range(len(held.pages[PLANNER])):
        read, now = (datetime.fromtimestamp(held.time(i) + wait, UTC) for wait in (0, AFTER))
        scrapes = tuple(
            Scrape(Target(f"http://{name}:8000/metrics", Job.ENGINE, name), read, timedelta(0), series[i])
            for name, series in held.pages.items()
        )
        held.then.at = held.time(i) + AFTER
        view = held.source.look(now)
        mine, own = assemble(own, Sighting(at=now, scrapes=scrapes), ROLES, now, name="own")
        theirs, by_queries = assemble(by_queries, Sighting(at=now, samples=view.samples), ROLES, now, name="queries")
        fleets.append((mine, theirs))
    return fleets


@pytest.fixture(scope="module")
def pairs(whole: Held) -> Sequence[tuple[Fleet, Fleet]]:
    return walks(whole)


def compared(pairs: Sequence[tuple[Fleet, Fleet]], reading: Reading) -> Iterator[tuple[int, RoleName, float, float]]:
    """Page, role and both values wherever both are known."""
    for i, (mine, theirs) in enumerate(pairs):
        for name in (PLANNER, WORKER):
            own, queried = mine.roles[name].now(reading), theirs.roles[name].now(reading)
            if own is not None and queried is not None:
                yield i, name, own, queried


def newborn(held: Held, name: RoleName, page: int, reading: Reading) -> bool:
    """Whether some counter behind a reading was so near zero when the window began that rate() holds back."""
    steps = WINDOWS.get(reading, 20 if reading in LATENCIES else 4)
    first, last = held.pages[name][max(0, page - steps)], held.pages[name][page]
    wires = {w for s in MADE_FROM[reading] for m in metrics(Source.VLLM, s) for w in wire_names(m)}
    outside = STEP - AFTER  # seconds between the beginning of the range and its first sample
    then = dict(zip(first.layout.keys, first.values, strict=True))
    return any(
        value - then.get(key, 0) > 0 and then.get(key, 0) / (value - then.get(key, 0)) < outside / (steps * STEP)
        for key, value in zip(last.layout.keys, last.values, strict=True)
        if key.name in wires
    )


def off(own: float, queried: float) -> float:
    return abs(own - queried) / max(abs(own), 1e-9)


@pytest.mark.parametrize("reading", EXACT)
def test_what_is_now_is_the_same_number(pairs: Sequence[tuple[Fleet, Fleet]], reading: Reading) -> None:
    rows = list(compared(pairs, reading))
    assert len(rows) == 76, "known at each of 38 pages of both roles"
    assert all(own == queried for _, _, own, queried in rows)


@pytest.mark.parametrize("reading", [*RATES, *WINDOWS, Reading.PREFIX_HIT_RATIO, *LATENCIES])
def test_what_is_counted_over_a_window_agrees_within_one_percent(
    whole: Held, pairs: Sequence[tuple[Fleet, Fleet]], reading: Reading
) -> None:
    rows = list(compared(pairs, reading))
    assert len(rows) >= (36 if reading in WINDOWS else 67)
    apart = [(i, name, off(own, queried)) for i, name, own, queried in rows if off(own, queried) > 0.01]
    worst = max((off(own, queried) for *_, own, queried in rows), default=0)
    print(f"{reading}: {len(rows)} compared, {len(apart)} over 1 %, worst {worst:.2%}")
    assert all(newborn(whole, name, i, reading) for i, name, _ in apart), apart
    assert all(off(own, queried) < 1e-9 for i, name, own, queried in rows if not newborn(whole, name, i, reading))


def test_a_tick_costs_at_most_forty_queries(whole: Held) -> None:
    whole.then.asked.clear()
    whole.then.at = whole.time(30)
    begun = time.perf_counter()
    whole.source.look(datetime.now(UTC))  # noqa: TID251
    print(f"{len(whole.then.asked)} queries in {time.perf_counter() - begun:.3f} s")
    assert len(whole.then.asked) <= MOST_QUERIES


def test_a_prometheus_that_has_stopped_scraping_knows_nothing(whole: Held) -> None:
    """Its lookback of 5 min would repeat the last sample as if it were the present."""
    whole.then.at = whole.time(37) + 2 * STEP + 1
    view = whole.source.look(datetime.fromtimestamp(whole.then.at, UTC))
    assert view.health.fault is Fault.STALE
    assert "31 s old" in view.health.detail
    for sample in view.samples.values():
        assert set(sample.values) == {Reading.COVERAGE}
        assert sample.values[Reading.COVERAGE] == 0


def test_after_an_outage_rates_are_unknown_until_the_window_is_whole(broken: Held) -> None:
    """Scraped at page 20 for the first time again: the minute is whole at page 24.

    Five minutes that began before the outage are whole, for counters tell at its end what happened in it; those
    that begin in the outage are not. A percentile may say at once what it says of the part that it has.
    """
    look = partial(known_at, broken)
    assert Reading.RUNNING in look(20)
    assert Reading.OUTPUT_TOKENS in look(9)
    assert [page for page in range(20, 38) if Reading.OUTPUT_TOKENS in look(page)] == list(range(24, 38))
    assert [page for page in range(20, 38) if Reading.TTFT_P95 in look(page)] == list(range(20, 38))
    assert [page for page in range(20, 38) if Reading.PREFIX_QUERIED in look(page)] == list(range(20, 30))


def known_at(held: Held, page: int) -> Mapping[Reading, float]:
    held.then.at = held.time(page) + AFTER
    return held.source.look(datetime.fromtimestamp(held.then.at, UTC)).samples[PLANNER].values


@pytest.mark.parametrize("page", [6, 25, 37])
def test_names_that_were_rewritten_on_the_way_give_the_same_readings(whole: Held, flat: Held, page: int) -> None:
    said = []
    for server in (whole, flat):
        server.then.at = server.time(page) + AFTER
        samples = server.source.look(datetime.fromtimestamp(server.then.at, UTC)).samples
        said.append({(name, reading): value for name in samples for reading, value in samples[name].values.items()})
    ours, theirs = said
    assert len(ours) > 30
    assert theirs == pytest.approx(ours)
