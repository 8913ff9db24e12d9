"""The kill switch that needs no database: read immediately before each send, and whatever is unclear means stop."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from controlplane.clock import Clock, SystemClock
from controlplane.errors import StoreError
from controlplane.loop.ports import Hands
from controlplane.model.change import Change, ChangeState, Receipt, Rehearsal
from controlplane.model.cycle import Stop

Stopped = Callable[[], str | None]
"""Says why nothing may be sent now; ``None`` when it may."""


class Gated(Hands):
    """Hands that ask ``stopped`` right before every send. Looking is always allowed, and so is a rehearsal."""

    def __init__(self, hands: Hands, stopped: Stopped, *, clock: Clock | None = None) -> None:
        self._hands = hands
        self._stopped = stopped
        self._clock = clock or SystemClock()

    def apply(self, change: Change) -> Receipt:
        why = self._stopped()
        if why is None:
            return self._hands.apply(change)
        return Receipt(
            change=change.id, state=ChangeState.REFUSED, at=self._clock.now(), said=f"nothing was sent: {why}"
        )

    def rehearse(self, change: Change) -> Rehearsal:
        return self._hands.rehearse(change)

    def look_up(self, change: Change) -> Receipt | None:
        return self._hands.look_up(change)

    def abandon(self, change: Change, why: str, at: datetime) -> Receipt | None:
        return self._hands.abandon(change, why, at)

    def reverted(self, change: Change) -> Receipt | None:
        return self._hands.reverted(change)


def stop_file(path: Path | None) -> Stopped:
    """Stopped while the file is there; its first line is the reason. ``None``: no file, never stopped."""

    def stopped() -> str | None:
        if path is None:
            return None
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                words = " ".join(file.readline(500).split())[:200]
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"the stop file {path} cannot be read ({error.strerror}), which counts as stop"
        return f"the stop file {path} is there" + (f": {words}" if words else "")

    return stopped


def ledger_stop(stopped: Callable[[], Stop | None]) -> Stopped:
    """Stopped while a person has pulled the switch on the pages; a ledger that does not answer counts as stop."""

    def why() -> str | None:
        try:
            stop = stopped()
        except StoreError as problem:
            return f"whether somebody has stopped us cannot be read, which counts as stop: {problem}"
        return None if stop is None else f"stopped by {stop.by}: {stop.reason}"[:300]

    return why


def any_of(*stops: Stopped) -> Stopped:
    """Stopped as soon as one of them is."""

    def stopped() -> str | None:
        return next((why for stop in stops if (why := stop()) is not None), None)

    return stopped
