"""Health: whether the numbers on the other pages can be trusted."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from controlplane.loop.desk import Desk
from controlplane.verify.rights import REMEMBERED, lacking
from controlplane.web.pages.render import Render
from controlplane.web.views import health

MOST_CHANGES = 200
"""Changes of the last week that are looked through, newest first."""


def router(desk: Desk, render: Render) -> APIRouter:
    """``/health``."""
    routes = APIRouter(prefix="/health")

    @routes.get("", response_class=HTMLResponse)
    def page(request: Request) -> HTMLResponse:
        now = desk.now()
        view = health.page(
            desk.latest(),
            desk.health(),
            desk.roles,
            rights=lacking(desk.archive.changes(since=now - REMEMBERED, limit=MOST_CHANGES), now),
            undelivered=desk.archive.oldest_undelivered(now),
            tick=desk.tick,
            now=now,
        )
        return render(request, "health.html", health=view)

    return routes
