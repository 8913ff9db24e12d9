"""Hands that touch nothing and say exactly what they would have done. The default."""

from controlplane.clock import Clock
from controlplane.loop.ports import Hands
from controlplane.model.change import Change, ChangeState, Receipt


class DryRun(Hands):
    """Implements the port Hands without any effect."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def apply(self, change: Change) -> Receipt:
        return Receipt(
            change=change.id,
            state=ChangeState.DRY_RUN,
            at=self._clock.now(),
            said=f"dry run: would set {change.patch}",
            where=str(change.patch.target),
        )

    def look_up(self, change: Change) -> Receipt | None:  # noqa: ARG002  the port asks about a change
        return None
