"""A ScaledObject and the HPA that KEDA makes of it: a queue trigger and an in-flight trigger between bounds.

The reactive law of the reference: wished = the larger of ceil(waiting / target) and ceil(in flight / target).
Up at once, down only to the highest wish of the last five minutes, as an HPA does by default.
"""

from collections import deque
from math import ceil

SYNC = 15.0
"""Seconds between two looks of the HPA controller."""
STABLE = 300.0
"""Seconds a lower wish must last: the HPA's ``scaleDown.stabilizationWindowSeconds``."""
TOLERANCE = 0.1
"""Deviation from the target the HPA ignores."""


class ScaledObject:
    """Bounds, targets, and the recent wishes of one role."""

    def __init__(self, least: int, most: int, *, queue_target: float, in_flight_target: float) -> None:
        self.min = least
        self.max = most
        self.wished = least
        self._queue_target = queue_target
        self._in_flight_target = in_flight_target
        self._wishes: deque[tuple[float, int]] = deque()

    @property
    def targets(self) -> tuple[float, float]:
        """Per replica: waiting requests, requests in flight."""
        return self._queue_target, self._in_flight_target

    def bound(self, least: int, most: int) -> None:
        """New bounds, as a patch would set them."""
        self.min, self.max = least, max(least, most)

    def sync(self, now: float, current: int, waiting: int, in_flight: int) -> int:
        """One look: returns the replicas wished from now on."""
        wish = max(
            self._wish(current, waiting, self._queue_target), self._wish(current, in_flight, self._in_flight_target)
        )
        self._wishes.append((now, wish))
        while self._wishes[0][0] < now - STABLE:
            self._wishes.popleft()
        if wish < current:
            wish = min(current, max(w for _, w in self._wishes))
        self.wished = min(max(wish, self.min), self.max)
        return self.wished

    @staticmethod
    def _wish(current: int, total: int, target: float) -> int:
        if current and abs(total / (current * target) - 1) <= TOLERANCE:
            return current
        return ceil(total / target)
