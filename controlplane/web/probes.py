"""Two probes that mean different things, and our own metrics page.

``/healthz``: our loops move; a restart would help if not. ``/readyz``: the ledger answers and the fleet has
been looked at lately; traffic may come. A fleet we cannot see makes us *not ready*, never *dead*.
"""

from datetime import timedelta

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from controlplane.errors import StoreError
from controlplane.loop.desk import Desk
from controlplane.web.metrics import metrics_page

STUCK_AFTER = timedelta(minutes=5)
"""A tick loop that has not succeeded for this long (or 10 ticks) is stuck."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def probes(desk: Desk) -> APIRouter:
    """Routes ``/healthz``, ``/readyz`` and ``/metrics``."""
    routes = APIRouter(include_in_schema=False)
    render = metrics_page(desk)

    @routes.get("/healthz")
    def healthz() -> JSONResponse:
        health = desk.health()
        last = health.last_success.get("tick", health.started)
        stuck = last is not None and desk.now() - last > max(STUCK_AFTER, desk.tick * 10)
        said = f"no tick has succeeded since {last:%H:%M:%S} UTC: {health.errors.get('tick', 'no error said')}"
        return _answer(None if not stuck else said)

    @routes.get("/readyz")
    def readyz() -> JSONResponse:
        try:
            desk.archive.stopped()
        except StoreError as error:
            return _answer(f"the ledger does not answer: {error}")
        cycle = desk.latest()
        if cycle is None:
            return _answer("no tick yet")
        age = desk.now() - cycle.at
        return _answer(f"the last tick is {age.total_seconds():.0f} s old" if age > desk.tick * 4 else None)

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(render(), media_type=CONTENT_TYPE)

    return routes


def _answer(trouble: str | None) -> JSONResponse:
    return JSONResponse({"ok": trouble is None, "why": trouble}, status_code=503 if trouble else 200)
