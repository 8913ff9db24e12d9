"""Watches a simulated fleet on a manual clock: the real parser and the real walk, no sockets."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from controlplane.collect.exposition import PageReader
from controlplane.collect.limits import Limits
from controlplane.decide.arbiter import DEFAULT_GUARDRAILS
from controlplane.detect import DEFAULT_DETECTORS, Detector
from controlplane.loop.walk import Policy, think
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.finding import FindingRecord
from controlplane.model.keys import RoleName
from controlplane.model.page import Job, Scrape, Target
from controlplane.model.role import RoleSpec
from controlplane.model.sighting import Sighting
from controlplane.observe.assemble import History, assemble
from controlplane.promql.catalogue import WANTED
from controlplane.recommend import DEFAULT_RECOMMENDERS
from controlplane.simulate.dcgm_page import dcgm_page
from controlplane.simulate.deployment import Phase
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.kube_page import kube_page
from controlplane.simulate.mood import Mood, Story
from controlplane.simulate.shape import ClusterShape
from controlplane.simulate.story import Steady
from controlplane.simulate.vllm_page import VllmPage

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
STEP = timedelta(seconds=15)


def a_fleet(cluster: ClusterShape, story: Story | None = None, *, seed: int = 7, **mood: float) -> Fleet:
    """A fleet at its start."""
    return Fleet(cluster, story or Steady(always=Mood(**mood)), Random(seed), START)  # type: ignore[arg-type]


class Reader:
    """The pages of a simulated fleet, read as the scraper would."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._pages: dict[str, VllmPage] = {}
        self._readers: dict[str, PageReader] = {}

    def sighting(self) -> Sighting:
        """Everything that can be seen at the fleet's present instant."""
        fleet = self.fleet
        texts: list[tuple[Target, str]] = []
        for pod in fleet.pods:
            if pod.phase is Phase.READY:
                page = self._pages.setdefault(pod.name, VllmPage(pod, fleet.start.timestamp()))
                labels = (("namespace", pod.role.namespace), ("node", pod.node.shape.name), ("pod", pod.name))  # type: ignore[union-attr]
                target = Target(f"http://sim/{pod.name}/metrics", Job.ENGINE, RoleName(pod.role.name), labels)
                texts.append((target, page.text()))
        texts += [
            (Target(f"http://sim/dcgm/{n.shape.name}/metrics", Job.DCGM), dcgm_page(fleet, n)) for n in fleet.nodes
        ]
        texts.append((Target("http://sim/ksm/metrics", Job.KUBE_STATE), kube_page(fleet)))
        return Sighting(at=fleet.now, scrapes=tuple(self._scrape(target, text) for target, text in texts))

    def _scrape(self, target: Target, text: str) -> Scrape:
        reader = self._readers.setdefault(target.url, PageReader(Limits(), WANTED))
        page = reader.read(text.encode(), "text/plain; version=1.0.0")
        return Scrape(target, self.fleet.now, timedelta(milliseconds=3), page)


@dataclass
class Watch:
    """The pure part of the walk over a fleet, with just enough memory."""

    fleet: Fleet
    roles: tuple[RoleSpec, ...]
    detectors: tuple[Detector, ...] = DEFAULT_DETECTORS
    cycles: list[Cycle] = field(default_factory=list)
    records: dict[str, FindingRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reader = Reader(self.fleet)
        self._history = History.empty(STEP)
        self._past = Recollection()
        self._policy = Policy(
            fleet="simulated",
            roles=self.roles,
            detectors=self.detectors,
            recommenders=DEFAULT_RECOMMENDERS,
            guardrails=DEFAULT_GUARDRAILS,
        )

    def ticks(self, number: int) -> Iterable[Cycle]:
        """Walk that many ticks."""
        for _ in range(number):
            self.fleet.advance(self.fleet.now + STEP)
            now = self.fleet.now
            seen, self._history = assemble(self._history, self._reader.sighting(), self.roles, now, name="simulated")
            cycle = think(seen, self._past, self._policy, now, lambda _: None)
            held = {f.id for f in cycle.findings} | set(cycle.unsure)
            for finding in cycle.findings:
                self.records.setdefault(finding.id, FindingRecord(finding=finding, number=1, opened=now, seen=now))
            is_open = tuple(r for id_, r in self.records.items() if id_ in held)
            self._past = Recollection(beliefs=cycle.beliefs, open_findings=is_open)
            self.cycles.append(cycle)
            yield cycle
