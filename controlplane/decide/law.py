"""What the scaling law holds constant, each with the reason for its value."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingLaw:
    """How many replicas a role should run, from its load, its trend and how long a replica takes to start."""

    id: ClassVar[str] = "law"

    utilisation: float = 0.9
    """Share of what a replica sustains that is planned with (0..1): 0.80 is safer, 0.90 leaner."""

    spread: float = 1.6
    """Standard deviations of the arrivals of one start that are kept in reserve: 1.6 covers 95 %."""

    kv_fill: float = 0.85
    """Share of the KV cache (0..1) that may be in use over all replicas: above it requests begin to wait."""

    kv_fill_rising: float = 0.75
    """The same for where KV use will be after a start, while it rises: a guard for long generations."""

    waiting: float = 5.0
    """Waiting requests per replica that are normal while nothing better is known: the reference rule."""

    drain: timedelta = timedelta(seconds=45)
    """In how long a queue that breaks the promise to users should be gone."""

    patience: timedelta = timedelta(seconds=30)
    """How long a queue must be there: what one step of an engine clears is no queue."""

    assumed_lead: timedelta = timedelta(minutes=3)
    """How far ahead we look before a start was seen; afterwards as long as a start takes, and a tick."""

    window: timedelta = timedelta(minutes=4)
    """A role shrinks to the highest need of this time, or of a start if that is longer. It must be without gaps."""

    survivors: float = 0.8
    """Share of an objective (0..1) that the remaining replicas may use after others have gone."""

    step_down: float = 0.34
    """Largest step down, as a share of the replicas that are there; one replica at least."""

    heard: float = 0.8
    """Share of the replicas that must have answered before a role may shrink."""

    newest: timedelta = timedelta(minutes=1)
    """Data older than this says nothing: four ticks of 15 s."""

    idle_before_zero: timedelta = timedelta(minutes=15)
    """How long nobody must have asked before the last replica goes, where scale to zero was asked for."""

    def __post_init__(self) -> None:
        for name in ("utilisation", "kv_fill", "kv_fill_rising", "survivors", "step_down", "heard"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share above 0 and at most 1, not {getattr(self, name):g}")
        if self.waiting <= 0 or self.drain <= timedelta(0):
            raise ValueError("waiting and drain are above 0")


DEFAULT_LAW = ScalingLaw()
