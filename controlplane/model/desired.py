"""How many replicas a role should run, as one number with everything it was made of.

The number is an absolute level, never a step: whoever reads it twice does the same thing once. ``None`` means
that we do not know; it is then absent from our page, and whatever stands behind us takes over.
"""

from dataclasses import dataclass
from enum import StrEnum

from controlplane.model.keys import RoleName


class Binding(StrEnum):
    """What decided the number."""

    RATE = "rate"
    """Arrivals, their trend over a cold start, against what a replica sustains."""
    KV = "kv"
    """KV cache in use, summed over replicas."""
    KV_TREND = "kv-trend"
    """KV cache in use at the end of a cold start, if it goes on growing."""
    QUEUE = "queue"
    """Requests that wait longer than the promise to users allows."""
    RECENT = "recent"
    """The highest need of the window before a role may shrink."""
    SURVIVORS = "survivors"
    """Fewer replicas would not carry the load."""
    STEP = "step"
    """Not all at once: the largest step down."""
    HELD = "held"
    """Not all is known: as many as there are, or more, never fewer."""
    FLOOR = "floor"
    """Least replicas in fleet.yaml."""
    CEILING = "ceiling"
    """Most replicas in fleet.yaml."""
    UNKNOWN = "unknown"
    """Nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How many replicas one view of the load asks for, before rounding; ``None`` while that view is blind."""

    binding: Binding
    replicas: float | None
    said: str
    """The numbers it was made of, or what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The planner's word on one role at one tick."""

    role: RoleName
    replicas: int | None
    """Replicas the role should run; ``None`` when too little is known to say."""
    binding: Binding
    needs: tuple[Need, ...]
    because: str
    """One sentence with the number that decided."""

    @property
    def valid(self) -> bool:
        """Whether there is a number an autoscaler may use."""
        return self.replicas is not None
