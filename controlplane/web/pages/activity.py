"""Activity: what was found, proposed, approved, changed, and what became of it."""

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from controlplane.loop.desk import Desk
from controlplane.model.keys import RoleName
from controlplane.web.pages.render import Render
from controlplane.web.views import activity, events

MOST = 200
"""Newest records of each sort that are asked for."""


def router(desk: Desk, render: Render) -> APIRouter:
    """``/activity``."""
    routes = APIRouter(prefix="/activity")

    @routes.get("", response_class=HTMLResponse)
    def page(request: Request, role: str = "", kind: str = "") -> HTMLResponse:
        now = desk.now()
        span = request.query_params.get("range", activity.USUAL_SPAN)
        span = span if span in activity.SPANS else activity.USUAL_SPAN
        since = now - activity.SPANS[span][1]
        known = next((spec.name for spec in desk.roles if spec.name == role), None)
        wanted = next((k for k in events.EventKind if k.value == kind), None)
        # A recommendation opened before the range may have been decided inside it.
        reach = since - timedelta(days=1)
        found = desk.archive.findings(role=known, since=since, limit=MOST)
        proposed = desk.archive.recommendations(role=known, since=reach, limit=MOST)
        changed = desk.archive.changes(role=known, since=reach, limit=MOST)
        line = events.timeline(found, proposed, changed, since=since, kind=wanted)
        return render(
            request,
            "activity.html",
            days=events.days(line, now),
            choices=activity.choices(kind=kind if wanted else "", role=known, span=span),
            roles=[RoleName(s.name) for s in desk.roles],
            role=known or "",
            kind=kind if wanted else "",
            span=span,
            cut=MOST if MOST in (len(found), len(proposed), len(changed)) else 0,
        )

    return routes
