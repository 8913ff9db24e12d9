"""A captured ramp of a real vLLM server: the KV-pressure finding opens and closes at the right pages.

The pages, read by hand (planner, one every 5 s; ``kv`` is ``vllm:kv_cache_usage_perc``, ``w`` waiting,
``p`` ``vllm:num_preemptions_total``)::

    0016 kv .505 w 0 p 28   0021 kv .874 w 2 p 38   0026 kv .779 w 3 p 43   0031 kv .000 w 0 p 45
    0017 kv .516 w 4 p 28   0022 kv .758 w 3 p 38   0027 kv .863 w 2 p 44   0032 kv .042 w 0 p 45
    0018 kv .789 w 4 p 30   0023 kv .958 w 2 p 41   0028 kv 1.00 w 0 p 44   ...
    0019 kv .979 w 5 p 34   0024 kv .937 w 2 p 41   0029 kv .747 w 0 p 45   0038 kv .000 w 0 p 45
    0020 kv .979 w 2 p 36   0025 kv .947 w 2 p 42   0030 kv .000 w 0 p 45

Patience and settling are scaled to a recording of 190 s: two minutes become 5 s and 10 s. So the pressure
begins with page 0019 and has lasted 5 s at page 0020: it opens there. One page under 0.81 (0022, 0026) is
not an end; 0029, 0030 and 0031 are three in a row, 10 s long: it closes at page 0031.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.collect.exposition import PageReader
from controlplane.collect.limits import Limits
from controlplane.detect import detect
from controlplane.model.finding import FindingRecord
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.page import Job, Scrape, Target
from controlplane.model.reading import Reading
from controlplane.model.sighting import Sighting
from controlplane.observe.assemble import History, assemble
from controlplane.promql.catalogue import WANTED
from controlplane.settings.load import examine
from controlplane.simulate.recording import Series, read_recording

STEP = timedelta(seconds=5)
BEGAN = datetime(2026, 11, 22, 16, 26, 33, tzinfo=UTC)

FLEET = """
fleet: recorded
sources: {scrape_interval: 5s}
tick: 5s
roles:
  planner: {model: {name: planner}, targets: ["http://127.0.0.1:8100/metrics"], mode: observe}
detectors:
  kv-pressure: {limit: 0.9, patience: 5s, leave: 0.9, settle: 10s}
"""


def page_number(at: datetime) -> int:
    return round((at - BEGAN) / STEP) + 1


@pytest.fixture(scope="module")
def series() -> Series:
    (series,) = read_recording(Path(__file__).parent / "data" / "ramp-planner.tar.xz")
    return series


@pytest.fixture(scope="module")
def fleets(series: Series) -> list[Fleet]:
    """One fleet per recorded page: page n is read at its own moment, the tick follows it."""
    settings = examine(FLEET.encode(), folder=Path("/")).settings
    reader = PageReader(Limits(), WANTED)
    target = Target("http://127.0.0.1:8100/metrics", Job.ENGINE, RoleName("planner"))
    history, fleets = History.empty(STEP), []
    for i, shot in enumerate(series.shots):
        assert shot.body is not None
        now = BEGAN + i * STEP
        scrape = Scrape(target, now, timedelta(milliseconds=40), reader.read(shot.body, shot.content_type))
        sighting = Sighting(at=now, scrapes=(scrape,))
        fleet, history = assemble(history, sighting, settings.role_specs(), now, name="recorded")
        fleets.append(fleet)
    return fleets


def test_the_kv_pressure_finding_opens_at_page_20_with_its_beginning_at_page_19_and_closes_at_page_31(
    fleets: list[Fleet],
):
    detectors = examine(FLEET.encode(), folder=Path("/")).settings.policy_parts().detectors
    pressure = [d for d in detectors if d.id == "kv-pressure"]
    records: tuple[FindingRecord, ...] = ()
    held = []
    for fleet in fleets:
        seen = detect(fleet, {}, records, pressure)
        held.append(bool(seen.findings or seen.unsure))
        for finding in seen.findings:
            since = page_number(finding.since)
            records = (FindingRecord(finding=finding, number=1, opened=fleet.at, seen=fleet.at),)
            assert since == 19
        if not held[-1]:
            records = ()
    assert [i + 1 for i, holds in enumerate(held) if holds] == list(range(20, 31))


@pytest.mark.parametrize(
    ("page", "reading", "value"),
    [
        (17, Reading.WAITING, 4),
        (18, Reading.KV_USAGE_MAX, 0.7894736842105263),
        (19, Reading.KV_USAGE_MAX, 0.9789473684210527),
        (19, Reading.RUNNING, 7),
        (19, Reading.WAITING_PER_REPLICA, 5),
        (28, Reading.KV_USAGE_MAX, 1.0),
        (30, Reading.RUNNING, 0),
        (24, Reading.PREEMPTIONS, (41 - 28) / 60),
    ],
)
def test_readings_are_what_the_pages_say(fleets: list[Fleet], page: int, reading: Reading, value: float):
    """Preemptions: page 0024 says 41, page 0012, a minute before, said 28."""
    assert fleets[page - 1].roles[RoleName("planner")].now(reading) == pytest.approx(value, rel=0.01)


def test_the_pages_are_the_recorded_ones(series: Series):
    numbers = [shot.file for shot in series.shots]
    assert numbers == [f"{i:04d}.prom" for i in range(1, 39)]
