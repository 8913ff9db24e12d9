"""Ask a cluster for whole lists at every look: right for one look, as ``controlplane doctor`` takes it.

A list that fails leaves its part unknown and the others alone. A way that is broken would fail all the others
alike, each after its own time-out: then nothing more is asked in this look.
"""

from collections.abc import Mapping, Sequence

from controlplane.clock import Clock
from controlplane.collect.answers import Breaker
from controlplane.collect.kubernetes_api import AbsentError, BusyError, ForbiddenError, KubernetesApi
from controlplane.collect.kubernetes_kinds import Known, Listing, Trouble
from controlplane.errors import SourceError
from controlplane.model.page import Fault

NETWORK = frozenset({Fault.REFUSED, Fault.UNREACHABLE, Fault.NAME, Fault.TIMEOUT, Fault.TLS, Fault.TRUNCATED})
"""Faults of the way to the server."""


class Asking:
    """Lists, each asked for anew at every read.

    Args:
        api: where to ask.
        clock: the service's time.
    """

    def __init__(self, api: KubernetesApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[Listing, Known] = {}
        self._troubles: list[Trouble] = []
        self._breaker = Breaker()

    def read(self, listings: Sequence[Listing]) -> Mapping[Listing, Known]:
        """Ask for all of them; what fails is what it was before."""
        if not self._breaker.open(self._clock.monotonic()):
            self._troubles = []
            self._ask(listings)
        return dict(self._known)

    def troubles(self) -> Sequence[Trouble]:
        return tuple(self._troubles)

    def close(self) -> None:
        self._api.close()

    def _ask(self, listings: Sequence[Listing]) -> None:
        for listing in listings:
            begun = self._clock.monotonic()
            try:
                items = self._api.listed(listing).items
            except AbsentError:
                items = ()
            except SourceError as problem:
                if listing.optional and isinstance(problem, ForbiddenError):
                    continue
                self._troubles.append(Trouble(listing, problem.fault, problem.detail))
                if isinstance(problem, BusyError) or problem.fault in NETWORK:
                    wait = problem.wait if isinstance(problem, BusyError) else 0.0
                    self._breaker.failed(self._clock.monotonic(), wait=wait)
                    return
                continue
            self._known[listing] = Known(items, begun)
        self._breaker.worked()
