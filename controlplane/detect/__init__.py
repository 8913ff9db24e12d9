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
from controlplane.detect.ttft import TtftObjective
from controlplane.detect.utilisation import LowUtilisation
from controlplane.detect.watch import Ending
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding, FindingRecord
from controlplane.model.fleet import Fleet
from controlplane.model.keys import FindingId, RoleName

__all__ = ["DEFAULT_DETECTORS", "Detector", "Seen", "detect"]

DEFAULT_DETECTORS: tuple[Detector, ...] = (
    QueueBuildup(),
    TtftObjective(),
    ItlObjective(),
    KvPressure(),
    PreemptionStorm(),
    LowUtilisation(),
    PrefixCollapse(),
    BlindSpot(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What all detectors say at one tick."""

    findings: tuple[Finding, ...]
    """What holds: newly seen, or open and not known to have gone."""
    unsure: tuple[FindingId, ...]
    """Open findings that stay open without holding: unknown data, or gone too short a time ago."""


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
    for role in fleet.roles.values():
        known = beliefs.get(role.name) or RoleBeliefs(role=role.name)
        for detector in detectors:
            was_open = already.get(FindingId(f"{detector.id}:{role.name}"))
            found = detector.detect(role, known)
            if found is not None:
                since = min(found.since, was_open.since) if was_open else found.since
                findings.append(replace(found, since=since))
            elif was_open is not None:
                said = detector.ending(role, known)
                if said is Ending.HOLDS:
                    findings.append(detector.describe(role, known, was_open.since))
                elif said is not Ending.OVER:
                    unsure.append(was_open.id)
    return Seen(findings=tuple(findings), unsure=tuple(unsure))
