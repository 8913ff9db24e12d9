"""Who may ask, from where, and what a browser may do with the answer.

On loopback without a token everybody on the machine is ``local``. With tokens every request but the two probes must
show one (:mod:`controlplane.web.keys`), and whoever may only look changes nothing. Nothing that changes state is
taken from another origin, and no host name but ours is answered (DNS rebinding).

Those who hand in calls of sessions may have a token of their own, which opens nothing else.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from controlplane.web.api.intake import LARGEST as LARGEST_DELIVERY
from controlplane.web.api.intake import PATHS as INTAKE_PATHS
from controlplane.web.api.intake import TOO_LARGE
from controlplane.web.keys import Keys
from controlplane.web.views.permits import CHANGE, why_not

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
ANY_HOST_PATHS = frozenset({"/metrics"})
"""A Prometheus in the cluster calls us by pod address or Service name; a page of numbers is no prize for a rebinder."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

HEADERS = {
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        b"connect-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}

LARGEST_BODY = 64 * 1024
"""Bytes of a request body: our forms and JSON need a few hundred."""


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        *,
        hosts: Collection[str],
        keys: Keys,
    ) -> None:
        """Stand before ``app``.

        Args:
            app: what is guarded.
            hosts: the host names we answer to.
            keys: the tokens that open a door.
        """
        self._app = app
        self._hosts = frozenset(h.lower() for h in hosts)
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        path: str = scope["path"]
        if path in OPEN_PATHS:
            return None
        intake = path in INTAKE_PATHS
        any_host = path in ANY_HOST_PATHS or (intake and self._keys.needed(intake=True))  # a rebinder has no token
        if _host(headers.get("host", "")) not in self._hosts and not any_host:
            return _problem(
                421, "Misdirected request", "this server does not answer to that host name; set serve.public_url"
            )
        person = self._keys.whose(headers, intake=intake)
        if person is None:
            refusal = _problem(
                401, "Not authorised", "send the token: Authorization: Bearer, or as the password of any user"
            )
            refusal.headers["WWW-Authenticate"] = 'Basic realm="controlplane", charset="UTF-8"'
            return refusal
        scope.setdefault("state", {})["person"] = person
        if scope["method"] in SAFE_METHODS:
            return None
        missing = why_not(person, CHANGE, tuple(self._keys.people))
        if missing:
            log.warning("refused %s %r: %s", scope["method"], path, missing)
            return _problem(403, "Forbidden", missing)
        if not _same_origin(headers):
            log.warning("refused %s %r: it came from another origin", scope["method"], path)
            return _problem(403, "Refused", "a request that changes something must come from these pages")
        if intake:
            small = _fits(headers.get("content-length", "0"), LARGEST_DELIVERY)
            return None if small else _problem(413, "Too large", TOO_LARGE[path])
        if not _fits(headers.get("content-length", "" if "transfer-encoding" in headers else "0"), LARGEST_BODY):
            return _problem(413, "Too large", f"a body may have {LARGEST_BODY} bytes")
        if path.startswith("/api/") and not headers.get("content-type", "").lower().startswith("application/json"):
            return _problem(415, "Unsupported media type", "send Content-Type: application/json")
        return None


def _fits(length: str, most: int) -> bool:
    return length.isdecimal() and len(length) < 16 and int(length) <= most


def _host(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def _same_origin(headers: Mapping[str, str]) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _problem(status: int, title: str, detail: str) -> Response:
    return JSONResponse(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status_code=status,
        media_type="application/problem+json",
    )


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", [])}
            extra = [(name, value) for name, value in HEADERS.items() if name not in present]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sending


def refuse_wide(host: str, *, closed: bool) -> str | None:
    """Why the service must not listen on ``host``; ``None`` when it may. ``closed``: a token is needed."""
    if closed or host in LOOPBACK_HOSTS:
        return None
    return (
        f"refusing to listen on {host} without a token: "
        "anybody who can reach it could approve changes; set serve.people or serve.token_file"
    )
