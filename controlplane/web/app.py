"""The web application: pages, their files, and whatever routers the composition root hands in.

What every request must pass first (who may enter, from where, what a browser may do) is
:mod:`controlplane.web.guard`; it wraps what is made here.
"""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from controlplane import __version__
from controlplane.loop.desk import Desk
from controlplane.web.assets import Assets
from controlplane.web.pages import pages_router
from controlplane.web.pages.refusals import answer_errors
from controlplane.web.pages.render import Render


def create_app(desk: Desk, *, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """Everything that answers over HTTP, not yet guarded.

    Args:
        desk: the ledger, the few things a person may do, and how the service is.
        routers: the API, the probes and our own metrics page.
    """
    app = FastAPI(title="LLM fleet control plane", version=__version__, docs_url=None, redoc_url=None)
    assets = Assets()
    render = Render(desk, assets)
    app.mount(assets.prefix, assets)
    for router in (pages_router(desk, render), *routers):
        app.include_router(router)
    answer_errors(app, render)
    return app
