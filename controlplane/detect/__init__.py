"""What is wrong, or wasted, and since when. One file per detector: its settings, logic and wording together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from controlplane.detect.blind import BlindSpot
from controlplane.detect.detector import Detector
from controlplane.detect.itl import ItlObjective
from controlplane.detect.kv_pressure import KvPressure
from controlplane.detect.preemption import PreemptionStorm
from controlplane.detect.prefix import PrefixCollapse
from controlplane.detect.queue import QueueBuildup
from controlplane.detect.runaway import RunawaySession
from controlplane.detect.scaler import ScalerBlind
from controlplane.detect.ttft import TtftObjective
from controlplane.detect.utilisation import LowUtilisation
from controlplane.detect.watch import Ending
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding, FindingRecord
from controlplane.model.fleet import Fleet
from controlplane.model.keys import FindingId, RoleName
from controlplane.model.role import RoleView

__all__ = ["DEFAULT_DETECTORS", "Detector", "Seen", "detect"]

DEFAULT_DETECTORS: tuple[Detector, ...] = (
    QueueBuildup(),
    TtftObjective(),
    ItlObjective(),
    KvPressure(),
    PreemptionStorm(),
    LowUtilisation(),
    PrefixCollapse(),
    RunawaySession(),
    BlindSpot(),
    ScalerBlind(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What all detectors say at one tick."""

    findings: tuple[Finding, ...]
    """What holds: newly seen, or open and not known to have gone."""
    unsure: tuple[FindingId, ...]
    """Open findings that stay open without holding: unknown data, or gone too short a time ago."""
    faults: tuple[str, ...] = ()
    """Detectors that failed on a role, in words. What they had found stays open, unsure."""


def detect(
    fleet: Fleet,
    beliefs: Mapping[RoleName, RoleBeliefs],
    open_findings: Iterable[FindingRecord],
    detectors: Sequence[Detector],
) -> Seen:
    """Look at every role with every detector.

    A finding that is open stays the same finding, with its first ``since``, until it is known to be over.
    One that is in neither part of the answer is over (or its role or detector is no more).
    """
    already = {record.finding.id: record.finding for record in open_findings if record.closed is None}
    findings: list[Finding] = []
    unsure: list[FindingId] = []
    faults: list[str] = []
    for role in fleet.roles.values():
        known = beliefs.get(role.name) or RoleBeliefs(role=role.name)
        for detector in detectors:
            was_open = already.get(FindingId(f"{detector.id}:{role.name}"))
            try:
                found = _look(detector, role, known, was_open)
            except Exception as error:  # noqa: BLE001 - one detector's fault on one role must not blind the others
                faults.append(f"{detector.id} on {role.name}: {type(error).__name__}: {error}"[:200])
                found = None if was_open is None else was_open.id
            if isinstance(found, Finding):
                findings.append(found)
            elif found is not None:
                unsure.append(found)
    return Seen(findings=tuple(findings), unsure=tuple(unsure), faults=tuple(faults))


def _look(
    detector: Detector, role: RoleView, known: RoleBeliefs, was_open: Finding | None
) -> Finding | FindingId | None:
    """What one detector says of one role: a finding, the id of an open one it is not sure of, or nothing."""
    found = detector.detect(role, known)
    if found is not None:
        return replace(found, since=min(found.since, was_open.since) if was_open else found.since)
    if was_open is None:
        return None
    said = detector.ending(role, known)
    if said is Ending.HOLDS:
        return detector.describe(role, known, was_open.since)
    return None if said is Ending.OVER else was_open.id
