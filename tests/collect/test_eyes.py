"""The eyes put together what each place says; a part that fails is told and blinds no other part."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from controlplane.collect.eyes import FleetEyes
from controlplane.collect.kubernetes import ClusterView
from controlplane.collect.prometheus import PrometheusView
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault, Job, Scrape, Target
from controlplane.model.session import RoleSessions
from controlplane.model.sighting import RoleSample, SessionsSeen, WorkloadSighting

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLANNER, WORKER = RoleName("planner"), RoleName("worker")
SCRAPE = Scrape(Target("http://a/metrics", Job.ENGINE, PLANNER), NOON, timedelta(0), fault=Fault.REFUSED)


def health(name: str) -> SourceHealth:
    return SourceHealth(name=name, kind=name, last_good=NOON)


def workload(role: RoleName, ready: int) -> WorkloadSighting:
    return WorkloadSighting(role=role, at=NOON, ready=ready)


@dataclass
class Pages:
    scrapes: tuple[Scrape, ...] = (SCRAPE,)

    def latest(self) -> tuple[Scrape, ...]:
        return self.scrapes


@dataclass
class Metrics:
    samples: dict[RoleName, RoleSample] = field(default_factory=dict)
    workloads: dict[RoleName, WorkloadSighting] = field(default_factory=dict)

    def look(self, now: datetime) -> PrometheusView:
        return PrometheusView(samples=self.samples, workloads=self.workloads, health=health("prometheus"))


@dataclass
class Cluster:
    workloads: dict[RoleName, WorkloadSighting] = field(default_factory=dict)

    def look(self, now: datetime) -> ClusterView:
        return ClusterView(workloads=self.workloads, health=health("kubernetes"))


@dataclass
class Book:
    roles: dict[RoleName, RoleSessions] = field(default_factory=dict)

    def look(self, now: datetime) -> SessionsSeen:
        return SessionsSeen(roles=self.roles, health=health("sessions"))


class Broken:
    def latest(self) -> tuple[Scrape, ...]:
        raise RuntimeError("no pages today")

    def look(self, now: datetime) -> PrometheusView:
        raise ZeroDivisionError("our own fault")


def test_with_nothing_to_look_at_nothing_is_seen() -> None:
    sighting = FleetEyes().look(NOON)
    assert (sighting.at, sighting.scrapes, sighting.samples, sighting.sources) == (NOON, (), {}, ())


def test_everything_is_put_together_and_the_cluster_knows_replicas_best() -> None:
    sample = RoleSample(role=WORKER, at=NOON, values={})
    metrics = Metrics({WORKER: sample}, {PLANNER: workload(PLANNER, 1), WORKER: workload(WORKER, 5)})
    stale = SourceHealth(name="targets.json", kind="discovery", fault=Fault.STALE)
    eyes = FleetEyes(
        scraper=Pages(),
        prometheus=metrics,
        kubernetes=Cluster({PLANNER: workload(PLANNER, 2)}),
        discovery=lambda: (stale,),
    )
    sighting = eyes.look(NOON)
    assert sighting.scrapes == (SCRAPE,)
    assert sighting.samples == {WORKER: sample}
    assert {name: seen.ready for name, seen in sighting.workloads.items()} == {PLANNER: 2, WORKER: 5}
    assert [s.name for s in sighting.sources] == ["prometheus", "kubernetes", "targets.json"]


def test_a_part_that_fails_is_told_and_the_others_are_seen() -> None:
    sighting = FleetEyes(scraper=Pages(), prometheus=Broken(), kubernetes=Cluster()).look(NOON)
    assert sighting.scrapes == (SCRAPE,)
    assert [(s.name, s.fault) for s in sighting.sources] == [("kubernetes", None), ("prometheus", Fault.INTERNAL)]
    assert sighting.sources[1].detail == "ZeroDivisionError: our own fault"
    blind = FleetEyes(scraper=Broken()).look(NOON)
    assert (blind.scrapes, blind.sources[0].detail) == ((), "RuntimeError: no pages today")


def test_the_book_of_sessions_is_one_of_the_sources() -> None:
    busy = RoleSessions(active=3)
    sighting = FleetEyes(sessions=Book({PLANNER: busy})).look(NOON)
    assert sighting.sessions == {PLANNER: busy}
    assert [s.name for s in sighting.sources] == ["sessions"]
    blind = FleetEyes(sessions=Broken()).look(NOON)  # type: ignore[arg-type]  # it raises before it answers wrongly
    assert (blind.sessions, [(s.name, s.fault) for s in blind.sources]) == ({}, [("sessions", Fault.INTERNAL)])
