"""The kill switch: stop all changes with a reason, and let them go again."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from controlplane.errors import RefusedError
from controlplane.loop.desk import Desk
from controlplane.web import links
from controlplane.web.pages.render import Render, go
from controlplane.web.signed_in import demand, person
from controlplane.web.views.permits import RESUME, STOP, why_not

LONGEST_REASON = 500


def router(desk: Desk, render: Render) -> APIRouter:
    """``/stop`` and ``/resume``."""
    routes = APIRouter()

    def show(request: Request, *, refused: str = "", status: int = 200) -> HTMLResponse:
        stop = desk.archive.stopped()
        missing = why_not(person(request), RESUME if stop else STOP, desk.people)
        return render(request, "stop.html", status=status, stop=stop, refused=refused, missing=missing)

    @routes.get("/stop", response_class=HTMLResponse)
    def page(request: Request) -> HTMLResponse:
        return show(request)

    @routes.post("/stop")
    def stop(request: Request, reason: Annotated[str, Form()] = "") -> Response:
        by = demand(request, desk, STOP).name
        reason = " ".join(reason.split())[:LONGEST_REASON]
        if not reason:
            return show(request, refused="Say why all changes are stopped: the next person will ask.", status=422)
        try:
            desk.approvals.stop(by, reason, desk.now())
        except RefusedError as refusal:
            return show(request, refused=str(refusal), status=409)
        return go(links.FLEET)

    @routes.post("/resume")
    def resume(request: Request) -> Response:
        by = demand(request, desk, RESUME).name
        try:
            desk.approvals.resume(by, desk.now())
        except RefusedError as refusal:
            return show(request, refused=str(refusal), status=409)
        desk.nudge()
        return go(links.FLEET)

    return routes
