"""A reading over time, with its gaps left in."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite

GAP_FACTOR = 2.5
"""Two ticks further apart than this many steps have a hole between them: 2 steps is one missed tick."""


@dataclass(frozen=True, slots=True)
class Series:
    """One reading at consecutive ticks, oldest first; ``None`` where it was unknown.

    ``at`` and ``values`` have the same length; ``step`` is the intended distance between ticks.
    """

    at: tuple[datetime, ...]
    values: tuple[float | None, ...]
    step: timedelta

    def __len__(self) -> int:
        return len(self.at)

    @property
    def latest(self) -> float | None:
        """Value at the newest tick, ``None`` when unknown."""
        return self.values[-1] if self.values else None

    def last(self, span: timedelta) -> "Series":
        """The part not older than ``span`` before the newest tick."""
        if not self.at:
            return self
        start = bisect_left(self.at, self.at[-1] - span)
        return Series(self.at[start:], self.values[start:], self.step)

    def known(self) -> tuple[float, ...]:
        """All known values, oldest first; anything but a finite number is not known."""
        return tuple(v for v in self.values if v is not None and isfinite(v))

    def mean(self) -> float | None:
        """Mean of the known values; ``None`` when there is none."""
        known = self.known()
        return sum(known) / len(known) if known else None

    def completeness(self, span: timedelta) -> float:
        """Known values in the last ``span`` divided by the ticks that should be there (0..1)."""
        expected = max(1, round(span / self.step))
        return min(1.0, len(self.last(span - self.step / 2).known()) / expected)

    def holds_since(self, holds: Callable[[float], bool]) -> datetime | None:
        """The tick since which ``holds`` is true without a break, up to the newest tick.

        An unknown value or a hole between ticks is a break: nothing is concluded from what was not seen.
        """
        return holds_since(self.at, (self.values,), self.step, lambda row: holds(row[0]))


def holds_since(
    at: Sequence[datetime],
    columns: Sequence[Sequence[float | None]],
    step: timedelta,
    holds: Callable[[tuple[float, ...]], bool],
) -> datetime | None:
    """Like :meth:`Series.holds_since` over several readings at once; a row with any unknown is a break."""
    since: datetime | None = None
    longest = step * GAP_FACTOR
    for i in range(len(at) - 1, -1, -1):
        if since is not None and since - at[i] > longest:
            break
        row: list[float] = []
        for column in columns:
            value = column[i]
            if value is None:
                return since
            row.append(value)
        if not holds(tuple(row)):
            break
        since = at[i]
    return since
