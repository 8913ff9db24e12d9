"""The API under ``/api/v1``: what the pages show, as JSON; what a person may do, as POST."""

from fastapi import APIRouter

from controlplane.loop.desk import Desk
from controlplane.web.api import acts, ledger, money, readings, sessions, shadow


def api_router(desk: Desk) -> APIRouter:
    """All routes of ``/api/v1`` over one desk."""
    router = APIRouter(prefix="/api/v1")
    for part in (readings, money, ledger, shadow, sessions, acts):
        router.include_router(part.router(desk))
    return router
