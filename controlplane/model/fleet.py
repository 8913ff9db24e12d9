"""Everything one fleet.yaml describes, at one tick."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controlplane.model.gpu import GpuNode
from controlplane.model.keys import RoleName
from controlplane.model.money import Bill
from controlplane.model.page import Fault
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView
from controlplane.model.workload import MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """How one place we read from is doing: a target, Prometheus, the Kubernetes API."""

    name: str
    kind: str
    """engine, dcgm, kube-state-metrics, router, prometheus, kubernetes."""
    role: RoleName | None = None
    last_good: datetime | None = None
    fault: Fault | None = None
    detail: str = ""
    took_seconds: float | None = None
    series: int | None = None

    @property
    def ok(self) -> bool:
        """Whether its last answer could be used."""
        return self.fault is None and self.last_good is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The fleet at one tick. Roles keep the order of fleet.yaml."""

    name: str
    at: datetime
    roles: Mapping[RoleName, RoleView]
    sources: tuple[SourceHealth, ...] = ()
    budget_dollars_per_hour: float | None = None
    nodes: tuple[GpuNode, ...] = ()
    """Machines whose GPUs are shown by an exporter or held by a replica."""
    machines: tuple[MachineView, ...] = ()
    """The cluster's machines with GPUs, by its API; empty where we may not see them."""
    bill: Bill = field(default_factory=Bill)
    """What this tick costs and delivers."""

    @property
    def dollars_per_hour(self) -> float | None:
        """Spend of all roles; ``None`` as soon as one role's spend is unknown: half a bill is not a bill."""
        total = 0.0
        for role in self.roles.values():
            spend = role.now(Reading.DOLLARS_PER_HOUR)
            if spend is None:
                return None
            total += spend
        return total
