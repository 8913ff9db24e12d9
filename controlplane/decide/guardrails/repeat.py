"""The same is not written twice: whoever changed it back, or has not merged it yet, had a reason."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.change import ChangeRecord, ChangeState
from controlplane.model.decision import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Objects when the last change of the role set the same fields to the same values."""

    id: ClassVar[str] = "repeat"

    quiet: timedelta = timedelta(hours=6)
    """How long the same patch is not written again: long enough for a person to look at who took it back."""

    def check(self, case: Case) -> Check:
        last: ChangeRecord | None = None
        for record in case.changes():
            last = record
        if last is None or not self._same(case, last) or case.now - last.change.at >= self.quiet:
            return fine(self.id, "not written before")
        at = f"{last.change.at:%H:%M} UTC"
        if last.state is ChangeState.DRY_RUN:
            return objection(self.id, f"already written at {at}, as a dry run: set hands.mode to act on it", at)
        return objection(self.id, f"already written at {at} and not in force: not merged yet, or changed back", at)

    def _same(self, case: Case, last: ChangeRecord) -> bool:
        new, old = case.recommendation.patch, last.change.patch
        wanted = [(field.path, field.after) for field in new.fields]
        return new.target == old.target and wanted == [(field.path, field.after) for field in old.fields]
