"""Puts a page together: what the view says, inside the frame; or only the block that a refresh asked for."""

import logging
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse

from controlplane.loop.desk import Desk
from controlplane.model.recommendation import State
from controlplane.web import links
from controlplane.web.assets import Assets
from controlplane.web.signed_in import person
from controlplane.web.views import moments
from controlplane.web.views.frame import Frame, frame
from controlplane.web.views.permits import signed_in

log = logging.getLogger(__name__)

REFRESH_SECONDS = 5
"""How often an open page asks for its live part; a page is never further behind the service than that."""

MOST_COUNTED = 99
"""Waiting recommendations counted beside the navigation."""


class Render:
    """The templates with everything they may use."""

    def __init__(self, desk: Desk, assets: Assets) -> None:
        if assets.missing:
            log.warning("pages lack %s: run tools/hatch_build.py", ", ".join(assets.missing))
        self._desk = desk
        self._env = Environment(
            loader=PackageLoader("controlplane.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.globals.update(links=links, asset=assets.url, refresh=REFRESH_SECONDS)

    def __call__(self, request: Request, template: str, *, status: int = 200, **view: Any) -> HTMLResponse:
        """Answer with a page; with one block of it when htmx asks for the element of that name."""
        made = self._env.get_template(template)
        now = self._desk.now()
        around: dict[str, Any] = {
            "frame": self._frame(request),
            "opened": frozenset(request.query_params.get("open", "").split(",")),
            "clock": lambda at: moments.clock(at, now),
            "iso": moments.iso,
            "fragment": False,
        }
        around["m"] = self._env.get_template("parts/macros.html").make_module(around)
        block = made.blocks.get(request.headers.get("HX-Target", ""))
        if block is None or request.headers.get("HX-Request") != "true":
            text = made.render(**around, **view)
        else:
            around["fragment"] = True
            context = made.new_context({**around, **view})
            text = "".join(block(context)) + self._env.get_template("parts/around.html").render(**around)
        headers = {"Cache-Control": "no-store", "Vary": "HX-Request, HX-Target"}
        return HTMLResponse(text, status_code=status, headers=headers)

    def _frame(self, request: Request) -> Frame:
        desk = self._desk
        waiting = desk.archive.recommendations(states=(State.OPEN,), limit=MOST_COUNTED)
        return frame(
            fleet=desk.fleet,
            roles=desk.roles,
            tick=desk.tick,
            cycle=desk.latest(),
            stop=desk.archive.stopped(),
            health=desk.health(),
            waiting=len(waiting),
            note=desk.note,
            path=request.url.path,
            user=signed_in(person(request)),
            now=desk.now(),
        )

    def bare(self, template: str, *, status: int, **view: Any) -> HTMLResponse:
        """A page that asks nothing of the ledger: for when the ledger is what failed."""
        text = self._env.get_template(template).render(frame=None, fragment=False, status=status, **view)
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def go(address: str) -> RedirectResponse:
    """After a form: look at the result, so that reloading does not send the form again."""
    return RedirectResponse(address, status_code=303)
