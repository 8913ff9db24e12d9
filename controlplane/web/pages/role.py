"""Role: its charts, its replicas, what has been learned; and every point as JSON or CSV."""

import csv
import io
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from controlplane.errors import NotFoundError
from controlplane.loop.desk import Desk
from controlplane.loop.shadow import shadow_of
from controlplane.model.history import RoleHistory
from controlplane.model.recommendation import State
from controlplane.model.role import RoleSpec
from controlplane.web import links
from controlplane.web.pages.render import Render
from controlplane.web.views import charts, moments, recommendations, role, role_charts, shadow

POINTS = 400


def router(desk: Desk, render: Render) -> APIRouter:
    """``/roles/{name}``."""
    routes = APIRouter(prefix="/roles/{name}")

    def declared(name: str) -> RoleSpec:
        for spec in desk.roles:
            if spec.name == name:
                return spec
        raise NotFoundError(f"There is no role of that name. This fleet has {', '.join(s.name for s in desk.roles)}.")

    def past(spec: RoleSpec, span: str) -> tuple[RoleHistory, datetime, datetime]:
        end = desk.now()
        begin = end - role.SPANS[span][1]
        return desk.archive.history(spec.name, role_charts.READINGS, begin, end, POINTS), begin, end

    def drawn(spec: RoleSpec, span: str) -> tuple[charts.Chart, ...]:
        history, begin, end = past(spec, span)
        cycle = desk.latest()
        return role_charts.role_charts(
            history,
            begin=begin,
            end=end,
            view=cycle.fleet.roles.get(spec.name) if cycle else None,
            limits=role_charts.limits_of(spec, desk.limits.get(spec.name, ())),
            findings=desk.archive.findings(role=spec.name, since=begin),
            changes=desk.archive.changes(role=spec.name, since=begin),
        )

    @routes.get("", response_class=HTMLResponse)
    def page(request: Request, name: str) -> HTMLResponse:
        spec, span = declared(name), asked(request)
        cycle, now = desk.latest(), desk.now()
        waiting = desk.archive.recommendations(role=spec.name, states=(State.OPEN,), limit=20)
        view = cycle.fleet.roles.get(spec.name) if cycle else None
        refreshed = "HX-Request" in request.headers  # neither charts nor shadow are in the block that refreshes
        return render(
            request,
            "role.html",
            role=role.page(
                spec,
                view,
                cycle.beliefs.get(spec.name) if cycle else None,
                cycle,
                limits=desk.limits.get(spec.name, ()),
                span=span,
                now=now,
                sessions=(role.per_session(desk.sessions.spread(spec.name, now)),) if desk.sessions else (),
            ),
            charts=() if refreshed else drawn(spec, span),
            shadow=None if refreshed else shadow.part(shadow_of(desk.archive, spec.name, now), now),
            span=span,
            now=now,
            waiting=recommendations.lines(waiting, now),
            activity=links.activity(role=spec.name),
        )

    @routes.get("/series.json")
    def series_json(request: Request, name: str) -> Response:
        """The charts' data anew, for a page that stays open."""
        found = drawn(declared(name), asked(request))
        return JSONResponse(
            {c.id: {**c.data(), "legend": [words for _, words in c.legend]} for c in found},
            headers={"Cache-Control": "no-store"},
        )

    @routes.get("/series.csv")
    def series_csv(request: Request, name: str) -> Response:
        """Every point behind the charts; an empty cell is unknown."""
        spec, span = declared(name), asked(request)
        history, _, _ = past(spec, span)
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["at", *(f"{r.value} ({r.unit.value})" for r in role_charts.READINGS)])
        columns = [history.columns.get(r, (None,) * len(history.at)) for r in role_charts.READINGS]
        for i, at in enumerate(history.at):
            writer.writerow([moments.iso(at), *("" if c[i] is None else f"{c[i]:.6g}" for c in columns)])
        return PlainTextResponse(
            out.getvalue(),
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="role-{span}.csv"', "Cache-Control": "no-store"},
        )

    return routes


def asked(request: Request) -> str:
    """The range in the address, or the usual one."""
    span = request.query_params.get("range", role.USUAL_SPAN)
    return span if span in role.SPANS else role.USUAL_SPAN
