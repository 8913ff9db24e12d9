"""What cannot be answered, said plainly: a page for people, problem details (RFC 9457) for programs."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from controlplane.errors import NotFoundError, RefusedError, StoreError
from controlplane.web.pages.render import Render

log = logging.getLogger(__name__)

TITLES = {
    401: "Who are you?",
    403: "You may not do this",
    404: "There is nothing here",
    405: "Not like that",
    409: "That was refused",
    422: "That could not be read",
    500: "That went wrong on our side",
    503: "The ledger does not answer",
}

NEXT = {
    401: "Send the token: as the password of any user name, or as Authorization: Bearer.",
    403: "Who may do what stands in fleet.yaml, under serve.people.",
    404: "It may be past retention, or the link is from another fleet.",
    405: "A link was used where a form is needed.",
    409: "Look at it again: somebody may have been faster.",
    422: "Go back, and look at the form again.",
    500: "The log of the service has the details. Nothing was changed by looking.",
    503: "What is shown elsewhere may be old. No change is sent while the ledger cannot be written.",
}


def answer_errors(app: FastAPI, render: Render) -> None:
    """Let every error of ``app`` end in words."""

    def answer(request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
        if request.url.path.startswith("/api/"):
            title = HTTPStatus(status).phrase
            problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
            return JSONResponse(problem, status_code=status, headers=headers, media_type="application/problem+json")
        page = render.bare(
            "error.html",
            status=status,
            title=TITLES.get(status, HTTPStatus(status).phrase),
            detail=detail,
            next=NEXT.get(status, ""),
        )
        page.headers.update(headers or {})
        return page

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        said = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
        return answer(request, error.status_code, said, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        said = "; ".join(f"{'.'.join(str(p) for p in e['loc'][1:])}: {e['msg']}" for e in error.errors()[:5])
        return answer(request, 422, said)

    @app.exception_handler(NotFoundError)
    async def missing(request: Request, error: NotFoundError) -> Response:
        return answer(request, 404, str(error))

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> Response:
        return answer(request, 409, str(error))

    @app.exception_handler(StoreError)
    async def store(request: Request, error: StoreError) -> Response:
        log.error("%s %s: %s", request.method, request.url.path, error)
        return answer(request, 503, str(error))

    @app.exception_handler(Exception)
    async def ours(request: Request, error: Exception) -> Response:  # noqa: ARG001  the server logs it
        return answer(request, 500, "")
