"""Replicas are paid for and hardly used.

One low number is not idleness: a GPU counter may be stuck at zero for weeks, and a decoding engine may
show little of one counter and much of another. So the engine itself must be idle, two signals must agree,
none may disagree, for half an hour of complete data from all replicas. Partial data says nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.detect.watch import COMPLETE, Ending, Number, ending, evidence, require_apart, sustained
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding, Severity
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.units import Unit, seconds_text, text

_SIGNALS = (Reading.GPU_ACTIVITY, Reading.GPU_DRAM_ACTIVITY, Reading.KV_USAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LowUtilisation:
    """Raised when the engine is idle and two of GPU, GPU memory bus and KV cache agree that it is."""

    id: ClassVar[str] = "low-utilisation"
    needs: ClassVar[tuple[Reading, ...]] = (
        Reading.RUNNING,
        Reading.WAITING,
        Reading.COVERAGE,
        Reading.GPU_ACTIVITY,
        Reading.GPU_DRAM_ACTIVITY,
    )

    limit: float = 0.2
    """Share of its capacity (0..1) under which a signal counts as idle."""

    busy: float = 0.5
    """Running requests per ready replica from which the engine is not idle."""

    patience: timedelta = timedelta(minutes=30)
    """How long it must be idle: a GPU given back takes minutes to come again."""

    leave: float = 1.5
    """It is over when a signal rises above this multiple of ``limit``; at least 1.1, or it would flap."""

    settle: timedelta = timedelta(minutes=5)
    """How long it must be known to be in use again."""

    def __post_init__(self) -> None:
        require_apart(self.limit, max(self.limit, self.limit * self.leave))

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        def idle(running: float, waiting: float, coverage: float, ready: Number) -> bool:
            return waiting == 0 and running < self.busy * (ready or 0) and coverage >= COMPLETE

        engine = sustained(
            role,
            self.patience,
            idle,
            Reading.RUNNING,
            Reading.WAITING,
            Reading.COVERAGE,
            also=(Reading.REPLICAS_READY,),
        )
        if engine is None:
            return None
        agreed = []
        for signal in _SIGNALS:
            if not role.series(signal).last(self.patience).known():
                continue  # nobody measures it; the others must do
            since = sustained(role, self.patience, lambda value: value < self.limit, signal)
            if since is None:
                return None
            agreed.append(since)
        return self.describe(role, beliefs, max(engine, *agreed)) if len(agreed) >= 2 else None

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:  # noqa: ARG002  as seen
        idle_for = seconds_text(max(self.patience, role.at - since).total_seconds())
        return Finding(
            detector=self.id,
            role=role.name,
            severity=Severity.INFO,
            since=since,
            summary=f"hardly used for {idle_for}: under {text(self.limit, Unit.RATIO)} by every signal",
            evidence=(
                *(
                    evidence(
                        role,
                        signal,
                        f"What is {signal.about.words}?",
                        limit=self.limit,
                        comparison="<",
                        since=since,
                    )
                    for signal in _SIGNALS
                    if role.now(signal) is not None
                ),
                evidence(role, Reading.RUNNING, "How many requests run?"),
                evidence(role, Reading.REPLICAS_READY, "How many replicas serve?"),
                evidence(role, Reading.DOLLARS_PER_HOUR, "What do they cost?"),
            ),
            dollars_per_hour=self._idle_dollars(role),
        )

    def _idle_dollars(self, role: RoleView) -> float | None:
        """What the unused share costs, by the busiest signal; ``None`` when the price is unknown."""
        spend = role.now(Reading.DOLLARS_PER_HOUR)
        ready, price = role.now(Reading.REPLICAS_READY), role.spec.dollars_per_replica
        if spend is None and ready is not None and price is not None:
            spend = ready * price
        known = [value for signal in _SIGNALS if (value := role.now(signal)) is not None]
        if spend is None or not known:
            return None
        return spend * (1 - min(1.0, max(known)))

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:  # noqa: ARG002  as seen
        def in_use(running: float, waiting: float, ready: Number) -> bool:
            return waiting > 0 or running >= self.busy * (ready or 1)

        engine = ending(role, self.settle, in_use, Reading.RUNNING, Reading.WAITING, also=(Reading.REPLICAS_READY,))
        signals = [
            ending(role, self.settle, lambda value: value > self.limit * self.leave, signal) for signal in _SIGNALS
        ]
        said = [engine, *signals]
        if Ending.OVER in said:
            return Ending.OVER
        if Ending.SETTLING in said:
            return Ending.SETTLING
        enough = engine is Ending.HOLDS and signals.count(Ending.HOLDS) >= 2
        return Ending.HOLDS if enough else Ending.UNKNOWN

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:  # noqa: ARG002  the same for every role
        return tuple(
            Limit(reading=reading, comparison="<", value=self.limit, words="hardly used")
            for reading in (Reading.GPU_ACTIVITY, Reading.GPU_DRAM_ACTIVITY)
        )
