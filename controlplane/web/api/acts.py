"""What a person may do: approve, dismiss, stop, resume. Everything is said by whom, and answered with the result."""

from fastapi import APIRouter, Request

from controlplane.errors import RefusedError
from controlplane.loop.desk import Desk
from controlplane.model.keys import RecommendationId
from controlplane.web.api.live import Stop
from controlplane.web.api.schemas import ApproveIn, DismissIn, Recommendation, StopIn


def router(desk: Desk) -> APIRouter:
    """POST routes."""
    routes = APIRouter(tags=["acts"])

    @routes.post("/recommendations/{id_}/approve")
    def approve(id_: str, body: ApproveIn, request: Request) -> Recommendation:
        """Approve what was seen. 409 when it has changed, expired or was decided already."""
        record = desk.approvals.approve(RecommendationId(id_), body.version, who(request), desk.now())
        desk.nudge()
        return Recommendation.of(record)

    @routes.post("/recommendations/{id_}/dismiss")
    def dismiss(id_: str, body: DismissIn, request: Request) -> Recommendation:
        """Dismiss with a reason."""
        record = desk.approvals.dismiss(RecommendationId(id_), body.version, who(request), body.reason, desk.now())
        return Recommendation.of(record)

    @routes.get("/stop")
    def stopped() -> Stop:
        """The kill switch."""
        stop = desk.archive.stopped()
        return Stop(on=True, by=stop.by, at=stop.at, reason=stop.reason) if stop else Stop(on=False)

    @routes.post("/stop")
    def stop(body: StopIn, request: Request) -> Stop:
        """Pull or release the kill switch."""
        if body.on:
            if not body.reason.strip():
                raise RefusedError("say why all changes are stopped: the next person will ask")
            desk.approvals.stop(who(request), body.reason, desk.now())
        else:
            desk.approvals.resume(who(request), desk.now())
        return stopped()

    return routes


def who(request: Request) -> str:
    """The person as the guard knows them; ``local`` on a loopback without a token."""
    return str(getattr(request.state, "user", "local"))
