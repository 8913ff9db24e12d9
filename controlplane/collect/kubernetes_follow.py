"""Follow one list of objects: list it whole, watch what changes, and list it whole again before long.

A list is the truth, a watch only saves asking for it. Whatever is odd about a watch (it breaks, says nothing for
too long, has forgotten where we were, sends what is no event) ends in a new list. The server ends each watch after
:attr:`Pace.watch`; a stream that is silent for longer than that has died without a word, and we hang up.
"""

import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from controlplane.collect.answers import Breaker
from controlplane.collect.kubernetes_api import AbsentError, BusyError, ForbiddenError, KubernetesApi
from controlplane.collect.kubernetes_kinds import Known, Listing, Object, Trouble, slim
from controlplane.collect.kubernetes_stream import GoneError, Happened, Stream
from controlplane.errors import SourceError
from controlplane.model.page import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often what is done."""

    watch: timedelta = timedelta(seconds=20)
    """How long one watch lasts. It is also how long nothing may be heard while all is well: shorter than three
    ticks, after which what is known counts as old."""

    grace: timedelta = timedelta(seconds=5)
    """How much longer than that we wait for a word."""

    relist: timedelta = timedelta(minutes=5)
    """How often the whole list is read although the watch works. 500 pods are 4 MiB."""

    poll: timedelta = timedelta(seconds=15)
    """How often the whole list is read where we may list but not watch: a tick."""

    absent: timedelta = timedelta(seconds=30)
    """How often we ask for a kind that the cluster does not have: KEDA may be installed tomorrow."""

    spread: timedelta = timedelta(seconds=1)
    """Over how long lists begin anew after a trouble they all have: a server that comes back is not stormed."""


class Follower:
    """One listing, followed. :meth:`step` belongs to one thread; everything else may be asked from any.

    Args:
        api: where to ask.
        listing: what to follow.
        monotonic: seconds of real time.
        pace: how often what is done.
    """

    def __init__(
        self, api: KubernetesApi, listing: Listing, *, monotonic: Callable[[], float], pace: Pace | None = None
    ) -> None:
        self.listing = listing
        self._api = api
        self._monotonic = monotonic
        self._pace = pace or Pace()
        self._spread = zlib.crc32(repr(listing).encode()) % 1000 / 1000 * self._pace.spread.total_seconds()
        self._breaker = Breaker(first=1.0, longest=30.0)
        self._items: dict[str, Object] = {}
        self._version = ""
        """From where to watch; empty: list first."""
        self._listed = -self._pace.relist.total_seconds()
        self._no_watch_until = 0.0
        """We were told that we may list but not watch: when to try again."""
        self._known: Known | None = None
        self._trouble: Trouble | None = None
        self._stream: Stream | None = None
        self._ended = False
        self.first = threading.Event()
        """Set once the first list was had or failed."""

    @property
    def known(self) -> Known | None:
        """What is known of the listing; ``None`` before the first list."""
        return self._known

    @property
    def trouble(self) -> Trouble | None:
        """Why it could not be had the last time; ``None`` when it could."""
        return self._trouble

    def step(self) -> float:
        """List once or watch once; how many seconds to wait before the next step. Never raises."""
        try:
            return self._listing() if self._wants_list() else self._watching()
        except AbsentError:
            self._replace((), "")
            self._trouble = None
            return self._pace.absent.total_seconds()
        except GoneError:
            return self._failed(None)
        except SourceError as problem:
            return self._failed(problem)
        except Exception as problem:  # noqa: BLE001 – a fault of ours must not end the following
            return self._failed(SourceError(Fault.INTERNAL, f"{type(problem).__name__}: {problem}"[:120]))
        finally:
            self.first.set()

    def end(self) -> None:
        """Hang up, so that a step that waits for news ends."""
        self._ended = True
        stream = self._stream
        if stream is not None:
            stream.wake()

    def _wants_list(self) -> bool:
        return not self._version or self._monotonic() - self._listed >= self._pace.relist.total_seconds()

    def _listing(self) -> float:
        begun = self._monotonic()
        listed = self._api.listed(self.listing)
        self._listed = begun
        items = tuple(slim(self.listing.kind, item) for item in listed.items)
        self._replace(items, listed.version if begun >= self._no_watch_until else "", seen=begun)
        self._trouble = None
        if self._version:
            return 0.0
        self._breaker.worked()
        return self._pace.poll.total_seconds()

    def _watching(self) -> float:
        begun = self._monotonic()
        try:
            stream = self._api.watch(
                self.listing, self._version, int(self._pace.watch.total_seconds()), self._pace.grace.total_seconds()
            )
        except ForbiddenError:
            self._no_watch_until, self._version = begun + self._pace.relist.total_seconds(), ""
            return 0.0
        self._stream = stream
        try:
            if not self._ended:
                self._heard()
                self._follow(stream)
        finally:
            self._stream = None
            stream.end()
        self._heard()
        self._trouble = None
        self._breaker.worked()
        return 0.0 if self._monotonic() - begun >= 1 else 1.0  # a server that ends each watch at once is not stormed

    def _follow(self, stream: Stream) -> None:
        for event in stream.events():
            match event.happened:
                case Happened.BOOKMARK:
                    pass
                case Happened.DELETED:
                    self._items.pop(event.name, None)
                case _:
                    self._items[event.name] = slim(self.listing.kind, event.object)
            self._version = event.version
            self._heard(changed=event.happened is not Happened.BOOKMARK)

    def _heard(self, *, changed: bool = False) -> None:
        """Note that what we hold is true now."""
        items = tuple(self._items.values()) if changed or self._known is None else self._known.items
        self._known = Known(items, self._monotonic())

    def _replace(self, items: tuple[Object, ...], version: str, seen: float | None = None) -> None:
        self._items = {str(item.get("metadata", {}).get("name", number)): item for number, item in enumerate(items)}
        self._version = version
        self._known = Known(items, self._monotonic() if seen is None else seen)

    def _failed(self, problem: SourceError | None) -> float:
        """List anew after a while; ``None``: nothing is wrong, we only have to list anew."""
        if self._ended:
            return 0.0
        self._version = ""
        if problem is not None:
            needless = self.listing.optional and isinstance(problem, ForbiddenError)
            self._trouble = None if needless else Trouble(self.listing, problem.fault, problem.detail)
        now = self._monotonic()
        self._breaker.failed(now, wait=problem.wait if isinstance(problem, BusyError) else 0.0)
        if isinstance(problem, ForbiddenError):
            return self._pace.absent.total_seconds()
        return max(0.0, self._breaker.until - now) + self._spread
