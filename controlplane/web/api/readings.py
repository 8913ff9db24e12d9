"""What is: the fleet, its roles, and their readings over time."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from controlplane.errors import NotFoundError, RefusedError
from controlplane.loop.desk import Desk
from controlplane.loop.rights import rights_lacking
from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading
from controlplane.web.api.live import FleetOut, HealthOut, Points, RoleOut, Source, Stop

LONGEST = timedelta(days=400)


def router(desk: Desk) -> APIRouter:
    """Routes ``/fleet``, ``/health``, ``/roles``, ``/readings``."""
    routes = APIRouter(tags=["readings"])

    def known(name: str) -> RoleName:
        if all(spec.name != name for spec in desk.roles):
            raise NotFoundError(f"no role {name!r} in this fleet; it has {', '.join(s.name for s in desk.roles)}")
        return RoleName(name)

    def views() -> dict[RoleName, RoleOut]:
        cycle = desk.latest()
        if cycle is None:
            return {}
        return {name: RoleOut.of(view, cycle.desired.get(name)) for name, view in cycle.fleet.roles.items()}

    @routes.get("/fleet")
    def fleet() -> FleetOut:
        """The fleet at the last tick: money, sources, the kill switch."""
        cycle = desk.latest()
        stop = desk.archive.stopped()
        return FleetOut(
            name=desk.fleet,
            at=cycle.at if cycle else None,
            age_seconds=(desk.now() - cycle.at).total_seconds() if cycle else None,
            roles=[spec.name for spec in desk.roles],
            dollars_per_hour=cycle.fleet.dollars_per_hour if cycle else None,
            budget_dollars_per_hour=desk.budget_dollars_per_hour,
            sources=[Source.of(s) for s in cycle.fleet.sources] if cycle else [],
            stop=Stop(on=True, by=stop.by, at=stop.at, reason=stop.reason) if stop else Stop(on=False),
        )

    @routes.get("/health")
    def health() -> HealthOut:
        """The service itself: its loops, who leads where several may, and what it may not do at the API server."""
        return HealthOut.of(desk.health(), rights_lacking(desk.archive, desk.now()))

    @routes.get("/roles")
    def roles() -> list[RoleOut]:
        """All roles at the last tick; empty before the first."""
        return list(views().values())

    @routes.get("/roles/{name}")
    def role(name: str) -> RoleOut:
        """One role at the last tick."""
        view = views().get(known(name))
        if view is None:
            raise NotFoundError(f"role {name!r} has not been looked at yet: the first tick is still to come")
        return view

    @routes.get("/readings")
    def readings(
        role: str,
        reading: Annotated[list[Reading], Query(description="one or more readings")],
        since: datetime | None = None,
        until: datetime | None = None,
        points: Annotated[int, Query(ge=2, le=2000)] = 400,
    ) -> list[Points]:
        """Readings over time (default: the last hour), from the ledger; gaps are null."""
        end = until or desk.now()
        begin = since or end - timedelta(hours=1)
        if begin.tzinfo is None or end.tzinfo is None:
            raise RefusedError("since and until need a time zone: 2026-11-24T14:00:00Z")
        if not timedelta(0) < end - begin <= LONGEST:
            raise RefusedError("since must be before until, and at most 400 days")
        past = desk.archive.history(known(role), reading, begin, end, points)
        return [
            Points(
                role=past.role,
                reading=r,
                unit=r.unit,
                step_seconds=past.step.total_seconds(),
                at=list(past.at),
                values=list(past.columns.get(r, (None,) * len(past.at))),
            )
            for r in reading
        ]

    return routes
