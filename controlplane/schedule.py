"""When things happen: every loop of the service, run one at a time, never queued, never silent.

A run that takes longer than its interval makes the next one be dropped and counted: ticks that pile up
would decide on yesterday's data. A loop that fails goes on, and says since when it has not succeeded.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.background import BackgroundScheduler

from controlplane.clock import Clock, SystemClock
from controlplane.loop.desk import Health

log = logging.getLogger(__name__)


class Schedule:
    """The service's loops. Intervals are in the service's own time; the scheduler waits in real time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall = SystemClock()
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._scheduler.add_listener(self._dropped, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED)
        self._lock = threading.Lock()
        self._last_success: dict[str, datetime] = {}
        self._errors: dict[str, str] = {}
        self.dropped: Counter[str] = Counter()
        """Runs that did not happen because the one before was still busy, by loop."""

    def every(self, name: str, span: timedelta, job: Callable[[], None], *, first_after: timedelta) -> None:
        """Run ``job`` each ``span``, the first time ``first_after`` the start."""

        def run() -> None:
            try:
                job()
            except Exception as error:  # a loop outlives whatever one of its runs met
                log.exception("loop %s failed", name)
                with self._lock:
                    self._errors[name] = f"{type(error).__name__}: {error}"[:200]
            else:
                with self._lock:
                    self._last_success[name] = self._clock.now()
                    self._errors.pop(name, None)

        seconds = self._clock.real(span)
        self._scheduler.add_job(
            run,
            "interval",
            seconds=seconds,
            id=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=max(1, round(seconds)),
            next_run_time=self._wall.now() + timedelta(seconds=self._clock.real(first_after)),
        )

    def soon(self, name: str) -> None:
        """Run a loop now rather than at its next turn."""
        job = self._scheduler.get_job(name)
        if job is not None:
            job.modify(next_run_time=self._wall.now())

    def start(self) -> None:
        """Start all loops."""
        self._scheduler.start()

    def stop(self) -> None:
        """Let running jobs end, start no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def health(self) -> Health:
        """When each loop last succeeded, and what the failing ones say."""
        with self._lock:
            return Health(last_success=dict(self._last_success), errors=dict(self._errors))

    def _dropped(self, event: JobEvent) -> None:
        self.dropped[event.job_id] += 1
