"""Fleet: every role on one line."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from controlplane.loop.desk import Desk
from controlplane.loop.sessions import SessionBook
from controlplane.model.recommendation import State
from controlplane.model.session import SessionQuery
from controlplane.web.pages.render import Render
from controlplane.web.views import events, fleet, recommendations
from controlplane.web.views.first_start import first_start
from controlplane.web.views.totals import MOST_OVER, AtWork, totals


def router(desk: Desk, render: Render) -> APIRouter:
    """``/``."""
    routes = APIRouter()

    @routes.get("/", response_class=HTMLResponse)
    def page(request: Request, q: str = "", sort: str = "") -> HTMLResponse:
        now, cycle = desk.now(), desk.latest()
        waiting = desk.archive.recommendations(states=(State.OPEN,), limit=20)
        changes = desk.archive.changes(limit=10)
        begin = first_start(desk.roles, cycle, desk.tick)
        return render(
            request,
            "fleet.html",
            begin=begin,
            rows=fleet.rows(desk.roles, cycle, desk.limits, text=q, sort=sort) if cycle else (),
            totals=totals(cycle, _at_work(desk.sessions)) if cycle and not begin else (),
            heads=fleet.heads(sort, q),
            q=q,
            sort=sort,
            waiting=recommendations.lines(waiting, now),
            balance=recommendations.balance(waiting),
            quiet=recommendations.quiet(changes[0].change.at if changes else None, now),
            changes=events.last_changes(changes),
        )

    return routes


def _at_work(book: SessionBook | None) -> AtWork | None:
    """``None`` where nobody tells of calls."""
    if book is None:
        return None
    over = book.sessions(SessionQuery(active=True, over=True, limit=MOST_OVER + 1))
    return AtWork(active=sum(one.sessions for one in book.active()), over=len(over))
