"""All that the doctor found, worst first, and what was looked at: silence about a part must not look like health."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.doctor.row import Row
from controlplane.model.finding import Severity

ORDER = tuple(Severity)
"""Worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The doctor's findings."""

    rows: tuple[Row, ...]
    facts: tuple[tuple[str, str], ...] = ()
    """What was found that is no fault: versions, namings, counts."""
    unseen: tuple[tuple[str, str], ...] = ()
    """What could not be looked at, and why."""

    def worse_than(self, limit: Severity | None) -> bool:
        """Whether there is a row as bad as ``limit`` or worse; never, when it is ``None``."""
        return limit is not None and any(ORDER.index(row.severity) <= ORDER.index(limit) for row in self.rows)

    def count(self, severity: Severity) -> int:
        """Rows of a severity."""
        return sum(row.severity is severity for row in self.rows)


def report(
    rows: Sequence[Row], *, facts: Sequence[tuple[str, str]] = (), unseen: Sequence[tuple[str, str]] = ()
) -> Report:
    """A report in its order: worst first, then by check and subject; each row once."""
    ordered = sorted(set(rows), key=lambda row: (ORDER.index(row.severity), row.check, row.subject, row.said))
    return Report(rows=tuple(ordered), facts=tuple(facts), unseen=tuple(unseen))
