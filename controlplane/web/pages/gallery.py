"""The parts these pages are made of, each in its states: for whoever changes one, and for the browser tests."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from controlplane.loop.desk import Desk
from controlplane.web.pages.render import Render
from controlplane.web.views import gallery


def router(desk: Desk, render: Render) -> APIRouter:
    """``/gallery``."""
    routes = APIRouter(prefix="/gallery")

    @routes.get("", response_class=HTMLResponse)
    def page(request: Request) -> HTMLResponse:
        now = desk.now()
        return render(request, "gallery.html", show=gallery.samples(now), now=now)

    return routes
