"""When much of the fleet cannot be seen, something larger is going on: look, do not touch."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import ReplicaKey
from controlplane.model.role import ReplicaState


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHealth:
    """Objects when more than ``unknown`` of the sources did not answer. A replica that starts need not."""

    id: ClassVar[str] = "fleet-health"

    unknown: float = 0.1
    """Share of the sources (0..1) that may be silent."""

    def check(self, case: Case) -> Check:
        starting = {
            replica.key
            for role in case.fleet.roles.values()
            for replica in role.replicas
            if replica.state is ReplicaState.STARTING
        }
        expected = [source for source in case.fleet.sources if not _starts(source, starting)]
        silent = sum(not source.ok for source in expected)
        number = f"{silent} of {len(expected)} silent"
        if not expected:
            return objection(self.id, "no source is known to answer", "0 sources")
        if silent > self.unknown * len(expected):
            return objection(self.id, "too much of the fleet cannot be seen: observe only", number)
        return fine(self.id, "the fleet can be seen", number)


def _starts(source: SourceHealth, starting: set[ReplicaKey]) -> bool:
    return source.role is not None and ReplicaKey(source.role, source.name) in starting
