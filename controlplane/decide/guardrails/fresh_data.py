"""Nothing is changed on old or patchy data, and capacity is taken away only on complete data.

Missing metrics once drove fleets to their minimum at peak, and so did the first minutes after an outage,
when averages over half-filled windows are low. Kubernetes' own rule is ours: with a reading missing, scaling
up may go on, scaling down may not.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.detect.watch import COMPLETE
from controlplane.model.decision import Check
from controlplane.model.reading import Reading
from controlplane.model.units import seconds_text
from controlplane.recommend.patches import actionable

_TIGHTENING = (Reading.COVERAGE, Reading.REPLICAS_READY)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshData:
    """Objects when the readings behind a recommendation are old, unknown or full of holes."""

    id: ClassVar[str] = "fresh-data"

    newest: timedelta = timedelta(minutes=1)
    """Greatest age of the newest tick: four ticks of 15 s."""

    window: timedelta = timedelta(minutes=2)
    """How far back the readings must be complete before capacity is added."""

    tighten_window: timedelta = timedelta(minutes=30)
    """How far back they must be complete before capacity is taken away: one full window after any gap."""

    complete: float = COMPLETE
    """Share of the ticks (0..1) in the window that must be known."""

    def check(self, case: Case) -> Check:
        role = case.role
        age = case.now - role.at
        if not timedelta(0) <= age <= self.newest:
            words = seconds_text(abs(age.total_seconds()))
            return objection(self.id, f"the newest data is {words} old", f"{words} > {self.newest.total_seconds():g} s")
        needed = {e.reading for e in case.recommendation.evidence if e.reading is not None and e.since is not None}
        if case.tightens:
            needed.update(_TIGHTENING)
        window = self.tighten_window if case.tightens else self.window
        worst, worst_share = None, 1.0
        for reading in sorted(needed):
            if role.now(reading) is None:
                return objection(self.id, f"{reading.about.words} is unknown", "unknown")
            share = role.series(reading).completeness(window)
            if share < worst_share:
                worst, worst_share = reading, share
        if worst is not None and worst_share < self.complete:
            words = f"{worst.about.words} was seen at {worst_share:.0%} of the last {window.total_seconds():g} s"
            return objection(self.id, words, f"{worst_share:.2f} < {self.complete:g}")
        return self._cluster(case, worst_share)

    def _cluster(self, case: Case, complete: float) -> Check:
        coverage = case.role.now(Reading.COVERAGE)
        if case.tightens and (coverage is None or coverage < self.complete):
            number = "unknown" if coverage is None else f"{coverage:.2f} < {self.complete:g}"
            return objection(self.id, "not all replicas answered", number)
        if case.role.bounds is None and actionable(case.recommendation.patch) and self._sets_bounds(case):
            words = "the bounds in force are not seen; those of fleet.yaml are assumed"
            return objection(self.id, words, "unknown", answerable=not case.tightens)
        return fine(self.id, "the data is fresh and complete", f"{complete:.2f} ≥ {self.complete:g}")

    def _sets_bounds(self, case: Case) -> bool:
        return any(field.path.endswith("ReplicaCount") for field in case.recommendation.patch.fields)
