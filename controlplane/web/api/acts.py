"""What a person may do: approve, dismiss, stop, resume. Everything is said by whom, and answered with the result."""

from typing import Any

from fastapi import APIRouter, Request

from controlplane.errors import RefusedError
from controlplane.loop.desk import Desk
from controlplane.model.keys import RecommendationId
from controlplane.model.recommendation import State
from controlplane.web.api.live import Stop
from controlplane.web.api.schemas import ApproveIn, DismissIn, Me, ProblemOut, Recommendation, StopIn
from controlplane.web.signed_in import demand, person
from controlplane.web.views.permits import APPROVE, DISMISS, RESUME, STOP, Act


def router(desk: Desk) -> APIRouter:
    """POST routes, the kill switch, and who asks."""
    routes = APIRouter(tags=["acts"])

    @routes.get("/me")
    def me(request: Request) -> Me:
        """Who the token says you are, and what you may do."""
        asks = person(request)
        return Me(name=asks.name, may=asks.may, known=asks.known, people_needed=desk.people_needed)

    @routes.post("/recommendations/{id_}/approve", responses=_refusals(APPROVE))
    def approve(id_: str, body: ApproveIn, request: Request) -> Recommendation:
        """Approve what was seen. 409 when it has changed, expired or was decided already.

        Where two people must approve, the first of them leaves it ``open``, with their name in ``approvals``.
        """
        by = demand(request, desk, APPROVE)
        record = desk.approvals.approve(RecommendationId(id_), body.version, by.name, desk.now(), known=by.known)
        if record.state is State.APPROVED:
            desk.nudge()
        return Recommendation.of(record)

    @routes.post("/recommendations/{id_}/dismiss", responses=_refusals(DISMISS))
    def dismiss(id_: str, body: DismissIn, request: Request) -> Recommendation:
        """Dismiss with a reason."""
        by = demand(request, desk, DISMISS)
        record = desk.approvals.dismiss(RecommendationId(id_), body.version, by.name, body.reason, desk.now())
        return Recommendation.of(record)

    @routes.get("/stop")
    def stopped() -> Stop:
        """The kill switch."""
        stop = desk.archive.stopped()
        return Stop(on=True, by=stop.by, at=stop.at, reason=stop.reason) if stop else Stop(on=False)

    @routes.post("/stop", responses=_refusals(STOP, RESUME))
    def stop(body: StopIn, request: Request) -> Stop:
        """Pull or release the kill switch."""
        by = demand(request, desk, STOP if body.on else RESUME).name
        if body.on:
            if not body.reason.strip():
                raise RefusedError("say why all changes are stopped: the next person will ask")
            desk.approvals.stop(by, body.reason, desk.now())
        else:
            desk.approvals.resume(by, desk.now())
        return stopped()

    return routes


def _refusals(*acts: Act) -> dict[int | str, dict[str, Any]]:
    """How a route says no, for the API's own description."""
    takes = "; ".join(f"it takes `{act.takes}` to {act.words}" for act in acts)
    said: dict[int | str, str] = {
        401: "No token was shown, or none that is known.",
        403: f"You may not: {takes}. `detail` says who may.",
        409: "It must not be done; `detail` says why.",
    }
    problem = {"schema": {"$ref": f"#/components/schemas/{ProblemOut.__name__}"}}
    return {
        status: {"model": ProblemOut, "description": words, "content": {"application/problem+json": problem}}
        for status, words in said.items()
    }
