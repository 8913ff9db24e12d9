"""Times at which nothing may be changed: a weekend, a launch, the last days of a quarter.

Several windows may overlap; one that is open is enough. A window that cannot be read is open: better to
ask why nothing happens than to change something on a day it was forbidden.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.decide.guardrails.cron import last_start, parse_schedule
from controlplane.model.decision import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeWindow:
    """One repeating window."""

    schedule: str
    """When it begins, as in cron: ``0 18 * * 5`` is Friday at 18:00."""
    duration: timedelta
    """How long it lasts."""
    timezone: str = "UTC"
    """Whose clock the schedule means: ``Europe/Berlin``."""
    why: str = ""
    """What people are told."""

    def open_since(self, now: datetime) -> datetime | None:
        """When it began, if it is open now.

        Raises:
            ValueError: schedule or time zone cannot be read.
        """
        try:
            zone = ZoneInfo(self.timezone)
        except (LookupError, OSError, ValueError) as error:
            raise ValueError(f"{self.timezone!r} is not a time zone") from error
        start = last_start(parse_schedule(self.schedule), zone, now, self.duration)
        return start if start is not None and now < start + self.duration else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Objects while any freeze window is open."""

    id: ClassVar[str] = "freeze"

    windows: tuple[FreezeWindow, ...] = ()
    """The windows under ``freeze`` in fleet.yaml; none by default."""

    def check(self, case: Case) -> Check:
        return self.at(case.now)

    def at(self, now: datetime) -> Check:
        """The same of an instant: nothing of what is to be changed matters."""
        for window in self.windows:
            try:
                since = window.open_since(now)
            except ValueError as error:
                return objection(self.id, f"a freeze window cannot be read: {error}", window.schedule)
            if since is not None:
                until = since + window.duration
                why = f": {window.why}" if window.why else ""
                return objection(self.id, f"frozen until {until:%a %H:%M} UTC{why}", window.schedule)
        return fine(self.id, "no freeze window is open", f"{len(self.windows)} windows")


def frozen(guardrails: Iterable[object], now: datetime) -> bool:
    """Whether any freeze among these guardrails is on."""
    return any(isinstance(guardrail, Freeze) and not guardrail.at(now).passed for guardrail in guardrails)
