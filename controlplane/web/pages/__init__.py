"""The pages. Each module is one page: what it asks of the desk, and which view shows it."""

from fastapi import APIRouter

from controlplane.loop.desk import Desk
from controlplane.web.pages import activity, fleet, gallery, health, recommendations, role, sessions, stop
from controlplane.web.pages.render import Render


def pages_router(desk: Desk, render: Render) -> APIRouter:
    """All pages over one desk."""
    router = APIRouter(include_in_schema=False)
    for page in (fleet, role, recommendations, sessions, activity, health, stop, gallery):
        router.include_router(page.router(desk, render))
    return router
