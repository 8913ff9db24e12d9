"""A clock that moves when told, and patience for what another thread does."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.simulate.watching import START


class HandClock:
    """Time moves when told."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return time.perf_counter()

    def real(self, span: timedelta) -> float:
        return span.total_seconds()

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def until(holds: Callable[[], bool]) -> None:
    """Wait for something another thread does, at most five seconds."""
    for _ in range(100):
        if holds():
            return
        threading.Event().wait(0.05)
    pytest.fail("it did not happen")
