"""A clock that stands."""

from datetime import datetime, timedelta

from tests.builders import NOON


class Still:
    """Always noon."""

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0

    def real(self, span: timedelta) -> float:
        return span.total_seconds()
