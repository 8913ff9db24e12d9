"""What a detector is: it says that something is wrong, describes it, and says when it is over."""

from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

from controlplane.detect.watch import Ending
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView


@runtime_checkable
class Detector(Protocol):
    """Looks at one role. A frozen dataclass whose fields are its settings; never raises, knows no clock."""

    id: ClassVar[str]
    """Name in fleet.yaml, in alerts and in the ledger."""
    needs: ClassVar[tuple[Reading, ...]]
    """Readings without which this detector sees nothing."""

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        """What is wrong by now, seen for long enough in complete data; ``None`` when nothing can be said."""
        ...

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:
        """The finding in this tick's numbers, for one that is open since ``since``."""
        ...

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:
        """What can be said about the end of an open finding."""
        ...

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:
        """The limits as lines on a chart or thresholds in an alert."""
        ...
