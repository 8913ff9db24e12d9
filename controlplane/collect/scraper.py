"""Read every target's page at its own moment of each interval, for ever; one target's fault stays its own.

The moments are spread by a hash of the URL, so that a fleet is never asked all at once, and a target keeps its
moment when others come and go. A new target is looked at right away: nobody wants to wait for a first number.
"""

import asyncio
import contextlib
import logging
import resource
import zlib
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from yarl import URL

from controlplane.clock import Clock
from controlplane.collect.exposition import PageReader
from controlplane.collect.exposition_book import Book
from controlplane.collect.fetch import Fetcher
from controlplane.collect.limits import Limits
from controlplane.collect.readings import TargetReading, Watched
from controlplane.errors import ExpositionError, SourceError
from controlplane.model.fleet import SourceHealth
from controlplane.model.page import Fault, Page, Scrape, Target

FIRST_LOOKS_PER_SECOND = 100
"""New targets that are looked at per second before their regular moments: a first page costs some 8 ms."""
SLOT = 0.25
"""Seconds between the moments at which scrapes begin. Those of one moment follow each other with warm caches, which
saved a third of their CPU (0.66 to 0.44 ms a page); at 2,000 targets every 15 s some 33 begin at once."""
SOCKETS = 65_536
"""Open files we ask the system for: each target keeps its connection."""

_log = logging.getLogger(__name__)


def _no_bearer(_target: Target) -> str | None:
    return None


class Scraper:
    """Scrapes targets and keeps the newest result of each.

    Args:
        targets: what to scrape; asked again several times an interval, in a thread of its own.
        interval: time between two scrapes of a target, on ``clock``.
        clock: stamps and waits follow it; deadlines are real seconds.
        limits: bounds of one page; the deadline is never longer than nine tenths of the interval.
        wanted: sample names to keep; all when left out.
        bearer: token to show to a target.
    """

    def __init__(
        self,
        targets: Callable[[], Sequence[Target]],
        *,
        interval: timedelta,
        clock: Clock,
        limits: Limits | None = None,
        wanted: Collection[str] | None = None,
        bearer: Callable[[Target], str | None] = _no_bearer,
    ) -> None:
        self._targets = targets
        self._interval = interval
        self._clock = clock
        self._limits = limits or Limits()
        self._bearer = bearer
        self._book = Book(limits=self._limits, wanted=None if wanted is None else frozenset(wanted))
        self._deadline = min(self._limits.deadline, 0.9 * interval).total_seconds()
        self._watched: dict[Target, Watched] = {}
        self._fetcher: Fetcher | None = None

    # --- what others may ask, from any thread ---------------------------------------------------------------------

    def latest(self) -> tuple[Scrape, ...]:
        """The newest scrape of every current target, good or bad. A target not looked at yet is not in here."""
        return tuple(w.scrape for w in self._everyone() if w.scrape is not None)

    def readings(self) -> tuple[TargetReading, ...]:
        """How every current target is doing: what Prometheus calls ``up`` and its relatives."""
        return tuple(w.reading() for w in self._everyone())

    def health(self) -> tuple[SourceHealth, ...]:
        """The same in the words of the fleet page."""
        return tuple(r.health() for r in self.readings())

    def _everyone(self) -> list[Watched]:
        return list(self._watched.copy().values())

    # --- the work ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Scrape until cancelled."""
        _make_room_for_sockets()
        period = self._clock.real(self._interval)
        async with Fetcher(self._limits, keep_alive=2 * period + 5) as fetcher, asyncio.TaskGroup() as group:
            self._fetcher = fetcher
            tasks: dict[Target, asyncio.Task[None]] = {}
            try:
                while True:
                    current = await self._listed()
                    if current is not None:
                        self._follow(current, tasks, group, period)
                    await asyncio.sleep(min(5.0, max(0.1, period / 3)))
            finally:
                self._fetcher = None

    async def scrape_once(self, target: Target) -> Scrape:
        """Scrape one target now and keep the result. Never raises for the target."""
        watched = self._watched.setdefault(target, self._new(target))
        if self._fetcher is not None:
            return await self._scrape(self._fetcher, watched)
        async with Fetcher(self._limits) as fetcher:
            return await self._scrape(fetcher, watched)

    def _new(self, target: Target) -> Watched:
        place: str | URL = target.url
        with contextlib.suppress(ValueError):  # the fetcher will say what is wrong with it
            place = URL(target.url)
        return Watched(target, PageReader(book=self._book), place)

    async def _listed(self) -> tuple[Target, ...] | None:
        try:
            return tuple(dict.fromkeys(await asyncio.to_thread(self._targets)))
        except Exception:  # noqa: BLE001 - whatever a provider does, the fleet is not forgotten for it
            _log.exception("the list of targets failed; the last one stays")
            return None

    def _follow(
        self,
        current: Sequence[Target],
        tasks: dict[Target, asyncio.Task[None]],
        group: asyncio.TaskGroup,
        period: float,
    ) -> None:
        for gone in set(self._watched).difference(current):
            del self._watched[gone]
            if gone in tasks:
                tasks.pop(gone).cancel()
        fresh = [target for target in current if target not in tasks]
        for target in fresh:
            watched = self._watched.setdefault(target, self._new(target))
            soon = min(period, len(fresh) / FIRST_LOOKS_PER_SECOND)
            tasks[target] = group.create_task(self._watch(watched, period, soon), name=target.url)

    async def _watch(self, watched: Watched, period: float, soon: float) -> None:
        """Scrape one target for ever: within ``soon`` seconds first, then at its own moment of each period."""
        fetcher = self._fetcher
        if fetcher is None:
            return
        slots = max(1, round(period / SLOT))
        phase = zlib.crc32(watched.target.url.encode()) % slots / slots
        await asyncio.sleep(phase * soon)
        await self._scrape(fetcher, watched)
        now = self._clock.monotonic()
        due = now - now % period + phase * period
        while due < now + period / 2:
            due += period
        while True:
            await asyncio.sleep(due - self._clock.monotonic())
            watched.lag = max(0.0, self._clock.monotonic() - due)
            await self._scrape(fetcher, watched)
            due += period
            late = self._clock.monotonic() - due
            if late > 0:
                skipped = int(late / period) + 1
                watched.missed += skipped
                due += skipped * period

    async def _scrape(self, fetcher: Fetcher, watched: Watched) -> Scrape:
        target = watched.target
        started = self._clock.monotonic()
        page: Page | None = None
        fault, detail, size, at = None, "", 0, None
        try:
            body = await fetcher.get(watched.place, bearer=self._bearer(target), deadline=self._deadline)
            at, size = self._clock.now(), len(body.data)
            page = watched.reader.read(body.data, body.content_type, received=at.timestamp())
        except SourceError as error:
            fault, detail = error.fault, error.detail
        except ExpositionError as error:
            fault, detail = error.fault, error.detail + (f" (line {error.line})" if error.line else "")
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not stop the other targets
            fault, detail = Fault.INTERNAL, type(error).__name__
            _log.exception("scraping %s failed by our own fault", target.url)
        at = at or self._clock.now()
        took = timedelta(seconds=self._clock.monotonic() - started)
        scrape = Scrape(target, at, took, page, fault, detail, size)
        _tell_changes(watched.scrape, scrape)
        watched.keep(scrape)
        return scrape


def _tell_changes(before: Scrape | None, after: Scrape) -> None:
    """Log when a target is lost or found again, not at each scrape in between."""
    if before is not None and before.fault is after.fault:
        return
    name = ascii(after.target.name)[1:-1]
    if after.fault is not None:
        _log.warning("%s: %s %s", name, after.fault, after.detail)
    elif before is not None:
        _log.info("%s: answers again", name)


def _make_room_for_sockets() -> None:
    """Raise the soft limit on open files as far as the hard one allows: 1,024 is the usual default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = SOCKETS if hard == resource.RLIM_INFINITY else min(hard, SOCKETS)
    if soft != resource.RLIM_INFINITY and soft < wished:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
