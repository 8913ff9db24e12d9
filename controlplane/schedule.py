"""When things happen: every loop of the service, run one at a time, never queued, never silent.

A run that takes longer than its interval makes the next one be dropped and counted: ticks that pile up
would decide on yesterday's data. A loop that fails goes on, and says since when it has not succeeded.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.background import BackgroundScheduler

from controlplane.clock import Clock, SystemClock
from controlplane.loop.desk import Health

log = logging.getLogger(__name__)
logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of each dropped run; we count them


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

    def every(self, name: str, span: timedelta, job: Callable[[], object], *, first_after: timedelta) -> None:
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


class Forever:
    """An asynchronous loop that runs in a thread of its own until stopped: the scraper."""

    def __init__(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._run = run
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Cancel the loop and wait for its thread to end."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join()
        elif not self._loop.is_closed():
            self._loop.close()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._task = self._loop.create_task(self._run())
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except Exception:
            log.exception("%s ended", self._thread.name)
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
