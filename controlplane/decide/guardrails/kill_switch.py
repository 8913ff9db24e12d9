"""Somebody pulled the kill switch: nothing is written until it is released."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """Objects while the kill switch is on. It cannot be configured away, and hands read it again before each write."""

    id: ClassVar[str] = "kill-switch"

    def check(self, case: Case) -> Check:
        stop = case.past.stop
        if stop is None:
            return fine(self.id, "the kill switch is off")
        return objection(self.id, f"stopped by {stop.by} at {stop.at:%H:%M} UTC: {stop.reason}")
