"""What two detectors of broken promises have in common: a 95th percentile over its objective, with traffic.

A percentile of a handful of requests is chance, so nothing is said below a traffic floor; and a role
nobody asks for anything keeps its promise.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.detect.watch import QUORUM, Ending, above, answered, ending, evidence, sustained, unasked
from controlplane.model.finding import Finding, Severity
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView
from controlplane.model.units import text


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One promised percentile, and how strictly it is held against the role."""

    detector: str
    reading: Reading
    objective: float
    """Seconds."""
    patience: timedelta
    settle: timedelta
    leave: float
    floor: float
    """Requests a second."""

    def broken_since(self, role: RoleView) -> datetime | None:
        """Since when the promise is broken, when that is long enough and there is traffic to tell."""
        since = sustained(role, self.patience, lambda seconds: seconds > self.objective, self.reading)
        if since is None or not answered(role, QUORUM) or not self._traffic(role):
            return None
        return since

    def _traffic(self, role: RoleView) -> bool:
        """Enough requests finished, or as many as that are held up in the engine and do not finish."""
        finished = role.series(Reading.REQUESTS).last(self.patience).mean()
        running = role.series(Reading.RUNNING).last(self.patience).mean()
        return above(finished, self.floor) or above(running, 1.0)

    def kept(self, role: RoleView) -> Ending:
        """Whether the promise is kept again; it also is when nobody asks."""
        said = ending(role, self.settle, lambda seconds: seconds <= self.objective * self.leave, self.reading)
        return Ending.OVER if said is not Ending.OVER and unasked(role, self.settle) else said

    def finding(self, role: RoleView, since: datetime, evidence_of: tuple[tuple[Reading, str], ...]) -> Finding:
        """In words, critical from twice the objective."""
        words = self.reading.about.words
        value = role.now(self.reading)
        return Finding(
            detector=self.detector,
            role=role.name,
            severity=Severity.CRITICAL if above(value, 2 * self.objective) else Severity.WARNING,
            since=since,
            summary=f"{words} is over its objective of {text(self.objective, self.reading.unit)}",
            evidence=(
                evidence(role, self.reading, f"What is {words}?", limit=self.objective, comparison=">", since=since),
                *(evidence(role, reading, question) for reading, question in evidence_of),
            ),
        )

    def limit(self) -> Limit:
        """The objective as a line."""
        return Limit(reading=self.reading, comparison=">", value=self.objective, words="objective")
