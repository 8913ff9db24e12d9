"""A finding opens once, stays the same finding, and closes only when it is known to be over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controlplane.detect import DEFAULT_DETECTORS, Detector, detect
from controlplane.detect.queue import QueueBuildup
from controlplane.model.finding import FindingRecord
from tests.builders import NOON, a_calm_role, a_finding, a_finding_record, a_fleet, a_role, ticking

ID = "queue-buildup:planner"


@dataclass
class Life:
    """What became of the queue finding while ``values`` came in tick by tick, as the ledger would keep it."""

    detectors: Sequence[Detector] = (QueueBuildup(),)
    record: FindingRecord | None = None
    opened: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    unsure: list[int] = field(default_factory=list)
    sinces: set[datetime] = field(default_factory=set)

    def live(self, values: Sequence[float | None]) -> "Life":
        for i in range(len(values)):
            at = NOON + timedelta(seconds=15 * i)
            role = a_role(at=at, waiting_per_replica=ticking(*values[: i + 1]))
            seen = detect(a_fleet(role), {}, (self.record,) if self.record else (), self.detectors)
            found = [f for f in seen.findings if f.id == ID]
            if found:
                self.sinces.add(found[0].since)
                if self.record is None:
                    self.opened.append(i)
                self.record = a_finding_record(found[0])
            elif ID in seen.unsure:
                self.unsure.append(i)
            elif self.record is not None:
                self.record = None
                self.closed.append(i)
        return self


def test_it_opens_after_patience_and_closes_after_the_settling_time():
    life = Life().live([9] * 20 + [0] * 20)
    assert (life.opened, life.closed) == ([8], [28])
    assert len(life.sinces) == 1


def test_it_does_not_flap_around_its_limit():
    life = Life().live([9] * 10 + [4.8, 5.2] * 40)
    assert (life.opened, life.closed) == ([8], [])


def test_a_square_wave_opens_and_closes_no_more_often_than_it_must():
    """Row A15, E6: a target that flaps each minute is one finding, not thirty."""
    life = Life().live([9] * 10 + ([0] * 4 + [9] * 4) * 30)
    assert (len(life.opened), life.closed) == (1, [])


def test_lost_data_closes_nothing():
    life = Life().live([9] * 10 + [None] * 200)
    assert life.closed == []
    assert life.unsure == list(range(10, 210))


def test_after_lost_data_it_is_the_same_finding():
    life = Life().live([9] * 10 + [None] * 20 + [9] * 10)
    assert (life.opened, life.closed) == ([8], [])
    assert len(life.sinces) == 1


def test_after_lost_data_the_settling_time_begins_anew():
    life = Life().live([9] * 10 + [0] * 5 + [None] * 20 + [0] * 20)
    assert life.closed == [10 + 5 + 20 + 8]


def test_a_restart_with_an_empty_memory_closes_nothing_and_opens_nothing_early():
    """Row E7: after our own restart the history is empty, the ledger is not."""
    still_bad = Life(record=a_finding_record(a_finding())).live([9] * 20)
    gone = Life(record=a_finding_record(a_finding())).live([0] * 20)
    fresh = Life().live([9] * 20)
    assert (still_bad.opened, still_bad.closed) == ([], [])
    assert still_bad.sinces == {a_finding().since}
    assert gone.closed == [8]
    assert fresh.opened == [8]


def test_a_finding_of_a_role_or_detector_that_is_no_more_is_over():
    records = (a_finding_record(a_finding(role="gone")), a_finding_record(a_finding(detector="retired")))
    seen = detect(a_fleet(a_role(waiting_per_replica=ticking(9))), {}, records, DEFAULT_DETECTORS)
    assert not {r.finding.id for r in records} & ({f.id for f in seen.findings} | set(seen.unsure))


def test_ids_of_detectors_are_unique():
    assert len({d.id for d in DEFAULT_DETECTORS}) == len(DEFAULT_DETECTORS) == 10


class Broken(QueueBuildup):
    """A detector with a fault of its own."""

    def detect(self, role, beliefs):
        raise ZeroDivisionError(role.name)


def test_a_detector_that_fails_costs_its_own_finding_and_nothing_else():
    fleet = a_fleet(a_calm_role(waiting_per_replica=9.0))
    seen = detect(fleet, {}, (), (Broken(), QueueBuildup()))
    assert [f.detector for f in seen.findings] == ["queue-buildup"]
    assert seen.faults == ("queue-buildup on planner: ZeroDivisionError: planner",)


def test_what_a_failing_detector_had_found_stays_open_unsure():
    record = a_finding_record()
    seen = detect(a_fleet(), {}, (record,), (Broken(),))
    assert seen.findings == ()
    assert seen.unsure == (record.finding.id,)
