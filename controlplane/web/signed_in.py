"""The person behind a request, as the guard found out."""

import logging

from fastapi import HTTPException, Request

from controlplane.loop.desk import Desk
from controlplane.model.person import LOCAL, Person
from controlplane.web.views.permits import Act, why_not

log = logging.getLogger(__name__)


def person(request: Request) -> Person:
    """Who asks; ``local`` on a loopback without a token."""
    found = getattr(request.state, "person", LOCAL)
    assert isinstance(found, Person)
    return found


def demand(request: Request, desk: Desk, act: Act) -> Person:
    """The person, if they may do this.

    Raises:
        HTTPException: 403, with what is missing and who may.
    """
    asks = person(request)
    missing = why_not(asks, act, desk.people)
    if missing:
        log.warning("refused %s %r: %s", request.method, request.url.path, missing)
        raise HTTPException(403, missing)
    return asks
