"""The same is not written twice: whoever changed it back, or has not merged it yet, had a reason.

And what did harm once is not tried again the same day, or a release and its undo would take turns for ever.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.change import ChangeRecord, ChangeState, OutcomeState
from controlplane.model.decision import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Objects when the same fields were set to the same values before: by the last change, or with harm."""

    id: ClassVar[str] = "repeat"

    quiet: timedelta = timedelta(hours=6)
    """How long the same patch is not written again: long enough for a person to look at who took it back."""

    after_harm: timedelta = timedelta(days=1)
    """How long a patch that made things worse is not written again; no more than a day is remembered."""

    def check(self, case: Case) -> Check:
        last: ChangeRecord | None = None
        for record in case.changes():
            last = record
            harmful = record.outcome is not None and record.outcome.state is OutcomeState.WORSE
            if harmful and self._same(case, record) and case.now - record.change.at < self.after_harm:
                at = f"{record.change.at:%H:%M} UTC"
                return objection(self.id, f"the same made things worse at {at}", at)
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
