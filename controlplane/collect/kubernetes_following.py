"""Follow many lists of objects at once, each in a thread of its own, so that a look never waits for the server.

Only the first look waits, for :data:`FIRST` at most: a service that has just begun would else see an empty
cluster for a tick.
"""

import threading
from collections.abc import Mapping, Sequence

from controlplane.clock import Clock
from controlplane.collect.kubernetes_api import KubernetesApi
from controlplane.collect.kubernetes_follow import Follower, Pace
from controlplane.collect.kubernetes_kinds import Known, Listing, Trouble
from controlplane.model.page import Fault

FIRST = 5.0
"""Seconds the first look may wait."""
LAST = 1.0
"""Seconds to wait for the threads at the end; one that waits for an answer ends with the process."""


class Following:
    """Lists, followed from the first time they are asked for.

    Args:
        api: where to ask.
        clock: the service's time.
        pace: how often what is done.
        first: seconds the first look may wait.
    """

    def __init__(self, api: KubernetesApi, clock: Clock, *, pace: Pace | None = None, first: float = FIRST) -> None:
        self._first = first
        self._api = api
        self._clock = clock
        self._pace = pace or Pace()
        self._followers: dict[Listing, Follower] = {}
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()

    def read(self, listings: Sequence[Listing]) -> Mapping[Listing, Known]:
        """What is known now of each that was ever had."""
        fresh = [self._follow(listing) for listing in listings if listing not in self._followers]
        until = self._clock.monotonic() + self._first
        for follower in fresh:
            follower.first.wait(max(0.0, until - self._clock.monotonic()))
        return {listing: f.known for listing, f in self._followers.items() if f.known is not None}

    def troubles(self) -> Sequence[Trouble]:
        found = []
        for listing, follower in self._followers.items():
            if follower.trouble is not None:
                found.append(follower.trouble)
            elif not follower.first.is_set():
                found.append(Trouble(listing, Fault.TIMEOUT, f"{listing} is not listed yet"))
        return tuple(found)

    def close(self) -> None:
        self._over.set()
        for follower in self._followers.values():
            follower.end()
        until = self._clock.monotonic() + LAST
        for thread in self._threads:
            thread.join(max(0.0, until - self._clock.monotonic()))
        self._api.close()

    def _follow(self, listing: Listing) -> Follower:
        follower = Follower(self._api, listing, monotonic=self._clock.monotonic, pace=self._pace)
        self._followers[listing] = follower
        thread = threading.Thread(target=self._run, args=(follower,), name=f"follow {listing}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return follower

    def _run(self, follower: Follower) -> None:
        while not self._over.is_set():
            self._over.wait(follower.step())
