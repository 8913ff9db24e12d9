"""How a target is doing, from its scrapes: what Prometheus calls ``up`` and its relatives."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from yarl import URL

from controlplane.collect.exposition import PageReader
from controlplane.model.fleet import SourceHealth
from controlplane.model.page import Fault, Scrape, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReading:
    """One target's own readings; the counters start with the process or the target."""

    target: Target
    up: bool | None
    """Whether the newest scrape gave a page; ``None`` before the first."""
    last_good: datetime | None
    fault: Fault | None
    detail: str
    took_seconds: float | None
    """Duration of the newest scrape, failed or not."""
    series: int | None
    """Series kept of the newest page; ``None`` when the newest scrape failed."""
    body_bytes: int | None
    """Decompressed size of the newest page; ``None`` when the newest scrape failed."""
    scrapes: int
    failures: Mapping[Fault, int]
    missed: int
    """Scrapes that did not begin because the one before was still under way."""
    lag_seconds: float
    """How late the newest scrape began."""

    def health(self) -> SourceHealth:
        """The same in the words of the fleet page."""
        return SourceHealth(
            name=self.target.name,
            kind=self.target.job,
            role=self.target.role,
            last_good=self.last_good,
            fault=self.fault,
            detail=self.detail,
            took_seconds=self.took_seconds,
            series=self.series,
        )


@dataclass(slots=True)
class Watched:
    """What the scraper knows of one target. Changed only by the scraper's loop."""

    target: Target
    reader: PageReader
    place: str | URL
    """The target's URL, taken apart once."""
    scrape: Scrape | None = None
    last_good: datetime | None = None
    scrapes: int = 0
    failures: Counter[Fault] = field(default_factory=Counter)
    missed: int = 0
    lag: float = 0.0

    def keep(self, scrape: Scrape) -> None:
        """Take in the newest scrape."""
        self.scrapes += 1
        if scrape.fault is not None:
            self.failures[scrape.fault] += 1
        else:
            self.last_good = scrape.at
        self.scrape = scrape

    def reading(self) -> TargetReading:
        """A snapshot for other threads."""
        newest = self.scrape
        page = None if newest is None else newest.page
        return TargetReading(
            target=self.target,
            up=None if newest is None else newest.up,
            last_good=self.last_good,
            fault=None if newest is None else newest.fault,
            detail="" if newest is None else newest.detail,
            took_seconds=None if newest is None else newest.took.total_seconds(),
            series=None if page is None else len(page.values),
            body_bytes=None if page is None or newest is None else newest.body_bytes,
            scrapes=self.scrapes,
            failures=dict(self.failures),
            missed=self.missed,
            lag_seconds=self.lag,
        )
