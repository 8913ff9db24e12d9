"""The only file that asks what time it is.

Decisions take ``now`` as an argument; edges are handed a :class:`Clock` by wiring. Stored instants are
UTC. Durations inside one process are measured with the monotonic clock, which a clock step cannot bend.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the edges need to know about time."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds of real time from an arbitrary start that never run backwards."""
        ...

    def real(self, span: timedelta) -> float:
        """Real seconds to wait for ``span`` of this clock to pass."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def real(self, span: timedelta) -> float:
        return span.total_seconds()


@dataclass(frozen=True, slots=True)
class FastClock:
    """Time that runs ``speed`` times faster, from the moment it is made; for simulations and replays."""

    speed: float
    epoch: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.epoch + timedelta(seconds=(time.monotonic() - self.started) * self.speed)

    def monotonic(self) -> float:
        return time.monotonic()

    def real(self, span: timedelta) -> float:
        return span.total_seconds() / self.speed
