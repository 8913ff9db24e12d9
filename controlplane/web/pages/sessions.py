"""Sessions: which runs of agents are at work and what they took; and one of them, agent by agent."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from controlplane.errors import NotFoundError
from controlplane.loop.desk import Desk
from controlplane.loop.sessions import SessionBook
from controlplane.model.keys import RoleName
from controlplane.model.session import Order, Session, SessionKey, SessionQuery, Usual
from controlplane.web import links
from controlplane.web.pages.render import Render
from controlplane.web.views import activity, session, sessions, sessions_begin
from controlplane.web.views.totals import Total

MOST = 100
"""Sessions listed: the page says when there are more."""

LONGEST = 200
"""Characters of a name that are looked for: no longer ones are kept."""


def router(desk: Desk, render: Render) -> APIRouter:
    """``/sessions`` and ``/sessions/one``."""
    routes = APIRouter(prefix=links.SESSIONS)

    @routes.get("", response_class=HTMLResponse)
    def page(request: Request, tenant: str = "", role: str = "", state: str = "", order: str = "") -> HTMLResponse:
        now, book = desk.now(), desk.sessions
        span = request.query_params.get("range", activity.USUAL_SPAN)
        asked = sessions.Asked(
            tenant=tenant[:LONGEST],
            role=next((spec.name for spec in desk.roles if spec.name == role), ""),
            state=state if state in sessions.STATES else "",
            order=next((o for o in Order if o.value == order), Order.SPEND),
            span=span if span in activity.SPANS else activity.USUAL_SPAN,
        )
        found = _found(book, desk, asked) if book else ()
        begin = None if found else _begin(desk)
        listed = found[:MOST]
        cut = len(found) > MOST
        return render(
            request,
            "sessions.html",
            asked=asked,
            begin=begin,
            rows=sessions.rows(listed, _usual(book, listed), asked, now, too_wide=sessions.too_wide(desk.latest())),
            totals=_totals(book, desk, asked, listed, cut=cut) if book and not begin else (),
            heads=sessions.heads(asked),
            states=sessions.states(asked),
            spans=sessions.spans(asked),
            roles=[spec.name for spec in desk.roles],
            cut=MOST if cut else 0,
        )

    @routes.get("/one", response_class=HTMLResponse)
    def one(request: Request, tenant: str = "", id: str = "") -> HTMLResponse:  # noqa: A002  it stands in the address
        book = desk.sessions
        found = book.session(SessionKey(tenant, id)) if book and max(len(tenant), len(id)) <= LONGEST else None
        if book is None or found is None:
            raise NotFoundError(f"There is no session {id[:LONGEST]!r} of {tenant[:LONGEST]!r}.")
        wide = found.key in sessions.too_wide(desk.latest())
        view = session.page(found, book.usual(found.role), book.rules, desk.now(), wide=wide)
        return render(request, "session.html", session=view)

    return routes


def _found(book: SessionBook, desk: Desk, asked: sessions.Asked) -> tuple[Session, ...]:
    """Active ones first, however old; finished ones of the chosen time. One more than is listed, if there is."""
    running, finished = (
        ()
        if asked.state == without
        else book.sessions(
            SessionQuery(
                role=RoleName(asked.role) if asked.role else None,
                tenant=asked.tenant or None,
                active=active,
                over=True if asked.state == "over" else None,
                order=asked.order,
                since=None if active else desk.now() - activity.SPANS[asked.span][1],
                limit=MOST + 1,
            )
        )
        for active, without in ((True, "finished"), (False, "active"))
    )
    return (*running, *finished)[: MOST + 1]


def _totals(
    book: SessionBook, desk: Desk, asked: sessions.Asked, listed: tuple[Session, ...], *, cut: bool
) -> tuple[Total, ...]:
    """Those over their allowance are counted whether or not they are listed."""
    over = listed if asked.state == "over" else _found(book, desk, replace(asked, state="over"))
    return sessions.totals(listed, over, book.active(), asked, cut=cut)


def _begin(desk: Desk) -> sessions_begin.Begin | None:
    """What is missing where nothing was ever told; ``None`` where it is only that nothing fits the filters."""
    if desk.sessions is None:
        return sessions_begin.nobody_tells()
    health = desk.sessions.look(desk.now()).health
    return None if health.ok else sessions_begin.silent(health, desk.sessions.rules)


def _usual(book: SessionBook | None, found: tuple[Session, ...]) -> Mapping[RoleName | None, Usual | None]:
    return {role: book.usual(role) for role in {one.role for one in found}} if book else {}
