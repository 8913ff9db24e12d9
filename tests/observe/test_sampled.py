"""A role whose readings come from Prometheus while its replicas are counted by the cluster."""

from controlplane.model.reading import Reading
from controlplane.model.role import Bounds
from controlplane.model.sighting import RoleSample, Sighting, WorkloadSighting
from controlplane.observe.assemble import History, assemble
from tests.builders import NOON, PLANNER, STEP, a_spec

WORKLOAD = WorkloadSighting(role=PLANNER, at=NOON, desired=2, ready=2, pending=0, bounds=Bounds(min=1, max=8))


def coverage(samples: dict[str, RoleSample]) -> float | None:
    sighting = Sighting(at=NOON, samples=samples, workloads={PLANNER: WORKLOAD})  # type: ignore[arg-type]
    fleet, _ = assemble(History.empty(STEP), sighting, (a_spec(),), NOON, name="x", budget=None)
    return fleet.roles[PLANNER].now(Reading.COVERAGE)


def test_who_asked_prometheus_also_knows_how_many_answered_it():
    sample = RoleSample(role=PLANNER, at=NOON, values={Reading.RUNNING: 3.0, Reading.COVERAGE: 1.0})
    assert coverage({PLANNER: sample}) == 1.0


def test_where_nobody_asked_none_of_the_ready_replicas_was_seen():
    assert coverage({}) == 0.0
