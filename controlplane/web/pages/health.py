"""Health: whether the numbers on the other pages can be trusted."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from controlplane.loop.desk import Desk
from controlplane.loop.rights import rights_lacking
from controlplane.web.pages.render import Render
from controlplane.web.views import health


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
            rights=rights_lacking(desk.archive, now),
            undelivered=desk.archive.oldest_undelivered(now),
            tick=desk.tick,
            now=now,
        )
        return render(request, "health.html", health=view)

    return routes
