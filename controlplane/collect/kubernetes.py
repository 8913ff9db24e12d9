"""Look at a cluster, read only: which pods are a role's replicas, how many are wished, ready, allowed.

One list per kind and namespace, whatever the number of roles. A list that fails leaves its part unknown, and
the others alone; the last good one stands in for it only while it is fresh enough to be true. Pages go on being
read for longer: a pod that is gone says so itself, and losing the API server must not look like losing the fleet.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.clock import Clock
from controlplane.collect.answers import Breaker
from controlplane.collect.kubernetes_api import (
    DEPLOYMENT,
    HPA,
    LEADER_WORKER_SET,
    POD,
    SCALED_OBJECT,
    STATEFUL_SET,
    AbsentError,
    BusyError,
    Kind,
    KubernetesApi,
)
from controlplane.collect.kubernetes_objects import Object, Objects, PodSelection, sighting, targets
from controlplane.errors import SourceError
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault, Target
from controlplane.model.role import RoleSpec
from controlplane.model.sighting import WorkloadSighting

FRESH = timedelta(seconds=45)
"""How long a list stays true when the next ones fail: three ticks. Pods die and are born faster than that rarely."""

FOLLOWED = timedelta(minutes=10)
"""How long pages go on being read when pods cannot be listed. Addresses are given away again, if rarely sooner."""

WORKLOADS = {kind.name: kind for kind in (DEPLOYMENT, STATEFUL_SET, LEADER_WORKER_SET)}
NETWORK = frozenset({Fault.REFUSED, Fault.UNREACHABLE, Fault.NAME, Fault.TIMEOUT, Fault.TLS, Fault.TRUNCATED})
"""Faults of the way to the server: the other lists of this tick would fail alike, each after its own time-out."""


@dataclass(frozen=True, slots=True, order=True)
class Listing:
    """One list to ask for."""

    kind: Kind
    namespace: str
    selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """What the cluster says at a tick."""

    workloads: Mapping[RoleName, WorkloadSighting] = field(default_factory=lambda: MappingProxyType({}))
    health: SourceHealth


@dataclass(frozen=True, slots=True)
class _Kept:
    at: datetime
    items: tuple[Object, ...]


class KubernetesSource:
    """The eyes on one cluster.

    Args:
        api: lists of objects.
        roles: the fleet; their ``workload`` and ``scaled_object`` are looked up.
        pods: where roles' replicas are found as pods.
        clock: the service's time.
        fresh: how long a list may stand in for later ones that failed.
    """

    def __init__(
        self,
        api: KubernetesApi,
        roles: Sequence[RoleSpec],
        *,
        pods: Mapping[RoleName, PodSelection],
        clock: Clock,
        fresh: timedelta = FRESH,
    ) -> None:
        self._api = api
        self._roles = tuple(roles)
        self._pods = dict(pods)
        self._clock = clock
        self._fresh = fresh
        self._kept: dict[Listing, _Kept] = {}
        self._current: dict[Listing, _Kept] = {}
        self._targets: tuple[Target, ...] = ()
        self._last_good: datetime | None = None
        self._breaker = Breaker()
        self._said = (Fault.UNREACHABLE, "not asked yet")
        self._turn = threading.Lock()

    def targets(self) -> tuple[Target, ...]:
        """The replicas' pages as of the last look; safe to ask from any thread."""
        return self._targets

    def look(self, now: datetime) -> ClusterView:
        """List what the roles need. Never raises for the cluster's sake."""
        with self._turn:
            begun = self._clock.monotonic()
            problems = [self._said] if self._breaker.open(begun) else self._ask(now)
            self._kept = {listing: kept for listing, kept in self._kept.items() if now - kept.at <= FOLLOWED}
            self._current = {listing: kept for listing, kept in self._kept.items() if now - kept.at <= self._fresh}
            seen = {role.name: self._seen(role) for role in self._roles}
            self._targets = tuple(t for role in self._roles for t in self._pages(role))
            sightings = {role.name: sighting(role, seen[role.name], self._oldest(role, now)) for role in self._roles}
            return ClusterView(
                workloads=MappingProxyType({name: s for name, s in sightings.items() if s is not None}),
                health=self._health(problems, self._clock.monotonic() - begun),
            )

    def close(self) -> None:
        """Give connections back."""
        self._api.close()

    def _ask(self, now: datetime) -> list[tuple[Fault, str]]:
        problems: list[tuple[Fault, str]] = []
        for listing in self._listings():
            try:
                items = self._api.list(listing.kind, listing.namespace, listing.selector)
            except AbsentError:
                self._kept[listing] = _Kept(now, ())
            except SourceError as problem:
                problems.append((problem.fault, problem.detail))
                if isinstance(problem, BusyError) or problem.fault in NETWORK:
                    wait = problem.wait if isinstance(problem, BusyError) else 0.0
                    self._breaker.failed(self._clock.monotonic(), wait=wait)
                    self._said = problems[-1]
                    return problems
            else:
                self._kept[listing] = _Kept(now, items)
                self._last_good = now
        self._breaker.worked()
        return problems

    def _listings(self) -> tuple[Listing, ...]:
        """What to list: pods by role, everything else by namespace."""
        wanted = [Listing(POD, where.namespace, where.selector) for where in self._pods.values()]
        for role in self._roles:
            if role.scaled_object:
                wanted.append(Listing(SCALED_OBJECT, role.scaled_object.namespace))
                wanted.append(Listing(HPA, role.scaled_object.namespace))
            if role.workload and role.workload.kind in WORKLOADS:
                wanted.append(Listing(WORKLOADS[role.workload.kind], role.workload.namespace))
                wanted.append(Listing(HPA, role.workload.namespace))
            if role.scaled_object and not role.workload:
                wanted.append(Listing(DEPLOYMENT, role.scaled_object.namespace))
                wanted.append(Listing(STATEFUL_SET, role.scaled_object.namespace))
        return tuple(dict.fromkeys(wanted))

    def _items(self, listing: Listing) -> tuple[Object, ...] | None:
        kept = self._current.get(listing)
        return None if kept is None else kept.items

    def _seen(self, role: RoleSpec) -> Objects:
        where = self._pods.get(role.name)
        scaled = role.scaled_object
        home = role.workload or scaled
        return Objects(
            pods=None if where is None else self._items(Listing(POD, where.namespace, where.selector)),
            workloads={k: self._items(Listing(kind, home.namespace)) for k, kind in WORKLOADS.items()} if home else {},
            autoscalers=None if home is None else self._items(Listing(HPA, home.namespace)),
            scaled_objects=None if scaled is None else self._items(Listing(SCALED_OBJECT, scaled.namespace)),
        )

    def _pages(self, role: RoleSpec) -> tuple[Target, ...]:
        where = self._pods.get(role.name)
        kept = None if where is None else self._kept.get(Listing(POD, where.namespace, where.selector))
        return () if where is None or kept is None else targets(kept.items, role.name, where)

    def _oldest(self, role: RoleSpec, now: datetime) -> datetime:
        """When the oldest list behind a role's sighting was read."""
        spaces = {ref.namespace for ref in (role.workload, role.scaled_object) if ref}
        where = self._pods.get(role.name)
        ages = [
            kept.at
            for listing, kept in self._current.items()
            if (listing.namespace in spaces and listing.kind is not POD)
            or (where is not None and listing == Listing(POD, where.namespace, where.selector))
        ]
        return min(ages, default=now)

    def _health(self, problems: Sequence[tuple[Fault, str]], took: float) -> SourceHealth:
        fault, detail = problems[0] if problems else (None, "")
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return SourceHealth(
            name="kubernetes",
            kind="kubernetes",
            last_good=self._last_good,
            fault=fault,
            detail=detail + more,
            took_seconds=took,
            series=sum(len(kept.items) for kept in self._current.values()),
        )
