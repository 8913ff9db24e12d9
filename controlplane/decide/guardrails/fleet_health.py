"""When much of the fleet cannot be seen, something larger is going on: look, do not touch."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.role import ReplicaState
from controlplane.model.session import SOURCE as SESSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHealth:
    """Objects when more than ``unknown`` of the sources did not answer. A replica that starts need not.

    Nor need the source of sessions: replicas are counted and load is measured without it.
    """

    id: ClassVar[str] = "fleet-health"

    unknown: float = 0.1
    """Share of the sources (0..1) that may be silent."""

    def check(self, case: Case) -> Check:
        sources = [source for source in case.fleet.sources if source.name != SESSIONS]
        quiet = [source for source in sources if not source.ok]
        excused = _starting(case.fleet) if quiet else frozenset()
        silent = sum(source.role is None or (source.role, source.name) not in excused for source in quiet)
        expected = len(sources) - (len(quiet) - silent)
        number = f"{silent} of {expected} silent"
        if not expected:
            return objection(self.id, "no source is known to answer", "0 sources")
        if silent > self.unknown * expected:
            return objection(self.id, "too much of the fleet cannot be seen: observe only", number)
        return fine(self.id, "the fleet can be seen", number)


def _starting(fleet: Fleet) -> frozenset[tuple[RoleName, str]]:
    """Role and name of the replicas that are still starting."""
    return frozenset(
        (role.name, replica.key.name)
        for role in fleet.roles.values()
        for replica in role.replicas
        if replica.state is ReplicaState.STARTING
    )
