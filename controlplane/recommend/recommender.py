"""What a recommender is: it turns findings about a role into one concrete change a person can approve."""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding
from controlplane.model.recommendation import Recommendation
from controlplane.model.role import RoleView


@runtime_checkable
class Recommender(Protocol):
    """Looks at one role. A frozen dataclass whose fields are its settings; never raises, knows no clock."""

    id: ClassVar[str]
    """Name in fleet.yaml."""

    def recommend(self, role: RoleView, beliefs: RoleBeliefs, findings: Sequence[Finding]) -> Recommendation | None:
        """One change that cures what ``findings`` (all of this role) say; ``None`` when there is none."""
        ...
