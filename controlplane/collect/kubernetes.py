"""Look at a cluster, read only: which pods are a role's replicas, how many are wished, ready, allowed.

One list per kind and namespace, whatever the number of roles, followed or asked for. A list that fails leaves
its part unknown, and the others alone; the last good one stands in for it only while it is fresh enough to be
true. Pages go on being read for longer: a pod that is gone says so itself, and losing the API server must not
look like losing the fleet.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.clock import Clock
from controlplane.collect.kubernetes_kinds import (
    DEPLOYMENT,
    HPA,
    NODE,
    POD,
    SCALED_OBJECT,
    STATEFUL_SET,
    WORKLOADS,
    Known,
    Listing,
    Object,
    Reader,
    Trouble,
)
from controlplane.collect.kubernetes_objects import Objects, PodSelection, sighting, targets
from controlplane.collect.kubernetes_reading import machines
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.page import Target
from controlplane.model.role import RoleSpec
from controlplane.model.sighting import WorkloadSighting
from controlplane.model.workload import MachineView

FRESH = timedelta(seconds=45)
"""How long a list stays true when the next ones fail: three ticks. Pods die and are born faster than that rarely."""

FOLLOWED = timedelta(minutes=10)
"""How long pages go on being read when pods cannot be listed. Addresses are given away again, if rarely sooner."""

MACHINES = Listing(NODE, optional=True)
"""Nodes belong to no namespace: seeing them takes a ClusterRole, which not everybody grants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """What the cluster says at a tick."""

    workloads: Mapping[RoleName, WorkloadSighting] = field(default_factory=lambda: MappingProxyType({}))
    machines: tuple[MachineView, ...] = ()
    health: SourceHealth


class KubernetesSource:
    """The eyes on one cluster.

    Args:
        reader: how lists of objects are had: followed (the service), or asked for at each look.
        roles: the fleet; their ``workload`` and ``scaled_object`` are looked up.
        pods: where roles' replicas are found as pods.
        clock: the service's time.
        fresh: how long a list may stand in for later ones that failed.
    """

    def __init__(
        self,
        reader: Reader,
        roles: Sequence[RoleSpec],
        *,
        pods: Mapping[RoleName, PodSelection],
        clock: Clock,
        fresh: timedelta = FRESH,
    ) -> None:
        self._reader = reader
        self._roles = tuple(roles)
        self._pods = dict(pods)
        self._clock = clock
        self._fresh = fresh
        self._wanted = self._listings()
        self._current: Mapping[Listing, Known] = {}
        self._targets: tuple[Target, ...] = ()
        self._turn = threading.Lock()

    def targets(self) -> tuple[Target, ...]:
        """The replicas' pages as of the last look; safe to ask from any thread."""
        return self._targets

    def look(self, now: datetime) -> ClusterView:
        """What is known of the roles' objects. Never raises for the cluster's sake."""
        with self._turn:
            begun = self._clock.monotonic()
            known = self._reader.read(self._wanted)
            moment = self._clock.monotonic()
            ages = {listing: timedelta(seconds=moment - one.seen) for listing, one in known.items()}
            self._current = {listing: one for listing, one in known.items() if ages[listing] <= self._fresh}
            followed = {listing: one for listing, one in known.items() if ages[listing] <= FOLLOWED}
            self._targets = tuple(t for role in self._roles for t in self._pages(role, followed))
            sightings = {r.name: sighting(r, self._seen(r), now - self._age(r, ages)) for r in self._roles}
            return ClusterView(
                workloads=MappingProxyType({name: s for name, s in sightings.items() if s is not None}),
                machines=machines(self._items(MACHINES)),
                health=self._health(now - max(ages.values()) if ages else None, moment - begun),
            )

    def close(self) -> None:
        """Give connections back."""
        self._reader.close()

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
            if (home := role.workload or role.scaled_object) and role.name not in self._pods:
                wanted.append(Listing(POD, home.namespace))
        return tuple(dict.fromkeys([*wanted, MACHINES] if wanted else wanted))

    def _items(self, listing: Listing) -> tuple[Object, ...] | None:
        known = self._current.get(listing)
        return None if known is None else known.items

    def _seen(self, role: RoleSpec) -> Objects:
        where = self._pods.get(role.name)
        scaled = role.scaled_object
        home = role.workload or scaled
        return Objects(
            pods=None if where is None else self._items(Listing(POD, where.namespace, where.selector)),
            neighbours=None if where or home is None else self._items(Listing(POD, home.namespace)),
            workloads={k: self._items(Listing(kind, home.namespace)) for k, kind in WORKLOADS.items()} if home else {},
            autoscalers=None if home is None else self._items(Listing(HPA, home.namespace)),
            scaled_objects=None if scaled is None else self._items(Listing(SCALED_OBJECT, scaled.namespace)),
        )

    def _pages(self, role: RoleSpec, followed: Mapping[Listing, Known]) -> tuple[Target, ...]:
        where = self._pods.get(role.name)
        known = None if where is None else followed.get(Listing(POD, where.namespace, where.selector))
        return () if where is None or known is None else targets(known.items, role.name, where)

    def _age(self, role: RoleSpec, ages: Mapping[Listing, timedelta]) -> timedelta:
        """Age of the oldest list behind a role's sighting."""
        spaces = {ref.namespace for ref in (role.workload, role.scaled_object) if ref}
        where = self._pods.get(role.name)
        own = where and Listing(POD, where.namespace, where.selector)
        behind = [
            ages[listing]
            for listing in self._current
            if listing == own or (listing.namespace in spaces and (listing.kind is not POD or own is None))
        ]
        return max(behind, default=timedelta(0))

    def _health(self, oldest: datetime | None, took: float) -> SourceHealth:
        """``oldest``: since when some list was not heard of."""
        troubles: Sequence[Trouble] = self._reader.troubles()
        first = troubles[0] if troubles else None
        more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
        return SourceHealth(
            name="kubernetes",
            kind="kubernetes",
            last_good=oldest,
            fault=first.fault if first else None,
            detail=first.detail + more if first else "",
            took_seconds=took,
            series=sum(len(known.items) for known in self._current.values()),
        )
