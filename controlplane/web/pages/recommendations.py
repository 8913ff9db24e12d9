"""Recommendations: the list, one of them, and the two things a person may say to it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from controlplane.errors import NotFoundError, RefusedError
from controlplane.loop.desk import Desk
from controlplane.model.keys import RecommendationId
from controlplane.model.recommendation import RecommendationRecord, State
from controlplane.web import links
from controlplane.web.pages.render import Render, go
from controlplane.web.signed_in import demand, person
from controlplane.web.views import evidence, recommendation, recommendations
from controlplane.web.views.permits import APPROVE, DISMISS, why_not, why_not_approve

POINTS = 240
LONGEST_REASON = 500


def router(desk: Desk, render: Render) -> APIRouter:
    """``/recommendations`` and below."""
    routes = APIRouter(prefix="/recommendations")

    def record(id_: str) -> RecommendationRecord:
        found = desk.archive.recommendation(RecommendationId(id_))
        if found is None:
            raise NotFoundError("There is no such recommendation, or it is past retention.")
        return found

    def show(request: Request, r: RecommendationRecord, *, refused: str = "", status: int = 200) -> HTMLResponse:
        x, now, cycle, asks = r.recommendation, desk.now(), desk.latest(), person(request)
        readings = evidence.readings(x)
        begin, end = evidence.window(r, now)
        view = recommendation.page(
            r,
            decisions=desk.archive.decisions(recommendation=x.id, limit=20),
            findings=desk.archive.findings(role=x.role, since=begin),
            changes=desk.archive.changes(role=x.role, since=r.opened),
            past=desk.archive.history(x.role, readings, begin, end, POINTS) if readings else None,
            cycle=cycle,
            now=now,
            no_approve=why_not_approve(asks, desk.people, desk.people_needed, r, now),
            no_dismiss=why_not(asks, DISMISS, desk.people),
        )
        return render(request, "recommendation.html", status=status, rec=view, refused=refused, now=now)

    @routes.get("", response_class=HTMLResponse)
    def listed(request: Request, state: str = "open") -> HTMLResponse:
        state = state if state in recommendations.FILTERS else "open"
        now = desk.now()
        found = desk.archive.recommendations(states=recommendations.FILTERS[state][1])
        changes = desk.archive.changes(limit=1)
        return render(
            request,
            "recommendations.html",
            lines=recommendations.lines(found, now),
            balance=recommendations.balance(found) if state == "open" else "",
            filters=recommendations.filters(state),
            state=state,
            quiet=recommendations.quiet(changes[0].change.at if changes else None, now),
        )

    @routes.get("/{id_}", response_class=HTMLResponse)
    def one(request: Request, id_: str) -> HTMLResponse:
        return show(request, record(id_))

    @routes.post("/{id_}/approve")
    def approve(request: Request, id_: str, version: Annotated[int, Form()]) -> Response:
        by, seen = demand(request, desk, APPROVE), record(id_)
        try:
            after = desk.approvals.approve(RecommendationId(id_), version, by.name, desk.now(), known=by.known)
        except RefusedError as refusal:
            return show(request, record(id_), refused=str(refusal), status=409)
        if after.state is State.APPROVED:
            desk.nudge()
        return go(links.recommendation(seen.recommendation.id))

    @routes.post("/{id_}/dismiss")
    def dismiss(
        request: Request, id_: str, version: Annotated[int, Form()], reason: Annotated[str, Form()] = ""
    ) -> Response:
        by, seen = demand(request, desk, DISMISS), record(id_)
        reason = " ".join(reason.split())[:LONGEST_REASON]
        if not reason:
            return show(request, seen, refused="Say why it is dismissed: the next person will ask.", status=422)
        try:
            desk.approvals.dismiss(RecommendationId(id_), version, by.name, reason, desk.now())
        except RefusedError as refusal:
            return show(request, record(id_), refused=str(refusal), status=409)
        return go(links.recommendation(seen.recommendation.id))

    return routes
