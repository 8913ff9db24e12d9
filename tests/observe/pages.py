"""Pages for tests of observing: real captured ones, and written ones where only a few series matter.

The files under ``data`` are scrapes of real servers of which only the lines we read were kept.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controlplane.collect.exposition import PageReader, parse
from controlplane.model.fleet import Fleet
from controlplane.model.page import Fault, Job, Labels, Page, Scrape, Target
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.sighting import Sighting, WorkloadSighting
from controlplane.observe.assemble import History, assemble
from tests.builders import NOON, a_spec

DATA = Path(__file__).parent / "data"
STEP = timedelta(seconds=15)

RAMP = {
    "0010": 1795364838.441,
    "0013": 1795364853.441,
    "0016": 1795364868.444,
    "0019": 1795364883.449,
    "0022": 1795364898.442,
    "0025": 1795364913.444,
}
"""Pages of a real vLLM 0.32 while load ramps up, with the unix time of each scrape."""

RESTART = {"0008": 1795365253.055, "0009": 1795365258.051, "0040": 1795365413.05, "0041": 1795365418.058}
"""The last two pages before a real restart and the first two after it."""


def captured(name: str) -> Page:
    """One recorded page."""
    return parse((DATA / name).read_bytes())


def recorded(folder: str, times: dict[str, float]) -> list[tuple[datetime, Page]]:
    """A recorded series with one reader, as the scraper would read it."""
    reader = PageReader()
    return [
        (datetime.fromtimestamp(unix, UTC), reader.read((DATA / folder / f"{name}.prom").read_bytes()))
        for name, unix in times.items()
    ]


def a_page(*lines: str) -> Page:
    """A page written out line by line."""
    return parse(("\n".join(lines) + "\n").encode())


def a_vllm_page(waiting: float | str = 0, running: float | str = 1, kv: float | str = 0.5, **counters: float) -> Page:
    """A small page of one vLLM engine; counters by stem, such as ``generation_tokens=5``."""
    labels = '{engine="0",model_name="m"}'
    return a_page(
        f"vllm:num_requests_running{labels} {running}",
        f"vllm:num_requests_waiting{labels} {waiting}",
        f"vllm:kv_cache_usage_perc{labels} {kv}",
        *(f"vllm:{name}_total{labels} {value}" for name, value in counters.items()),
    )


def a_target(role: str = "planner", number: int = 0, job: Job = Job.ENGINE, labels: Labels | None = None) -> Target:
    """A replica's page in a cluster."""
    pod = f"{role}-{number}"
    where = (("namespace", "llm"), ("pod", pod)) if labels is None else labels
    return Target(f"http://{pod}:8000/metrics", job, a_spec(role).name if job is Job.ENGINE else None, where)


def good(page: Page, at: datetime = NOON, target: Target | None = None) -> Scrape:
    """A scrape that gave a page."""
    return Scrape(target or a_target(), at, timedelta(milliseconds=5), page)


def bad(at: datetime = NOON, target: Target | None = None, fault: Fault = Fault.REFUSED) -> Scrape:
    """A scrape that gave none."""
    return Scrape(target or a_target(), at, timedelta(0), None, fault)


class Watcher:
    """Walks ticks through ``assemble`` and keeps the newest fleet."""

    def __init__(self, *specs: RoleSpec, step: timedelta = STEP) -> None:
        self.specs: Sequence[RoleSpec] = specs or (a_spec(),)
        self.history = History.empty(step)
        self.fleet: Fleet | None = None

    def see(self, at: datetime, *scrapes: Scrape, workloads: Iterable[WorkloadSighting] = ()) -> RoleView:
        """One tick; returns the first role."""
        sighting = Sighting(at=at, scrapes=scrapes, workloads={w.role: w for w in workloads})
        self.fleet, self.history = assemble(self.history, sighting, self.specs, at, name="test")
        return self.fleet.roles[self.specs[0].name]
