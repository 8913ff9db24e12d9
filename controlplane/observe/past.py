"""What a tick knows of the ones before: each target's counters, each role's flow, the columns for charts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.model.history import RoleHistory
from controlplane.model.keys import RoleName
from controlplane.model.page import Layout
from controlplane.observe.columns import RolePast
from controlplane.observe.dcgm import DevicePlan
from controlplane.observe.ksm import ClusterPlan
from controlplane.observe.replicas import EnginePast

SPAN = timedelta(minutes=45)
"""How much of the past detectors and recommenders see: half an hour of patience, and some more."""

STALE_STEPS = 2.0
"""A page older than this many steps is unknown."""

GAP_STEPS = 2.5
"""Two pages of a target further apart than this have a hole between them: 2 steps is one missed page."""


@dataclass(frozen=True, slots=True, eq=False)
class PagePast:
    """A DCGM or kube-state-metrics target: its layout, worked out once."""

    layout: Layout
    plan: DevicePlan | ClusterPlan
    last_good: datetime


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """What a tick knows of the ticks before."""

    step: timedelta
    span: timedelta = SPAN
    stale_after: timedelta
    ticks: tuple[datetime, ...] = ()
    engines: Mapping[str, EnginePast] = field(default_factory=lambda: MappingProxyType({}))
    pages: Mapping[str, PagePast] = field(default_factory=lambda: MappingProxyType({}))
    roles: Mapping[RoleName, RolePast] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def empty(cls, step: timedelta, span: timedelta = SPAN, *, stale_after: timedelta | None = None) -> "History":
        """The beginning. ``step``: intended distance between ticks; ``stale_after``: two steps unless said.

        Say ``stale_after`` (twice the scrape interval) when pages are read more rarely than ticks happen.
        """
        return cls(step=step, span=span, stale_after=stale_after or step * STALE_STEPS)

    @classmethod
    def restore(
        cls,
        step: timedelta,
        kept: Iterable[RoleHistory],
        span: timedelta = SPAN,
        *,
        stale_after: timedelta | None = None,
    ) -> "History":
        """Go on after a restart with what the ledger kept, so that charts and patience do not begin anew.

        Instants that some role lacks are gaps. Counters are not restored: their first interval stays unknown.
        Only columns kept tick by tick are of use; a rollup (``kept.step`` wider than ``step``) is left out.
        """
        usable = [role for role in kept if role.step <= step]
        ticks = tuple(sorted({at for role in usable for at in role.at}))
        roles = {}
        for role in usable:
            where = {at: i for i, at in enumerate(role.at)}
            places = [where.get(at) for at in ticks]
            columns = {
                reading: tuple(None if i is None else column[i] for i in places)
                for reading, column in role.columns.items()
            }
            roles[role.role] = RolePast(columns=columns)
        empty = cls.empty(step, span, stale_after=stale_after)
        return replace(empty, ticks=ticks, roles=MappingProxyType(roles))

    @property
    def gap(self) -> timedelta:
        """An interval longer than this has a hole in it."""
        return max(self.step, self.stale_after / STALE_STEPS) * GAP_STEPS
