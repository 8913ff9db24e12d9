"""What an API server says when it does not do what it was asked, sorted by what that means for a change.

The one question that matters is whether the object may have been changed: only :class:`UnansweredError` leaves
it open. Everything it says is text from outside: shown as it is, on one line and bounded.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import kubernetes
import urllib3

from controlplane.act.patch_file import one_line
from controlplane.errors import ActError
from controlplane.model.right import CHANGING, TO_ALLOW, Right, cure

SAID = 500
"""Characters of an answer that are kept: a webhook's sentence, not its essay."""

ADMISSION = ("admission webhook", "ValidatingAdmissionPolicy")
"""How the API server begins when it was not RBAC but an admission check that said no."""

USER = re.compile(r'User "([\w.:@-]{1,200})" cannot ')
"""Whom the API server takes us for; what would need quoting in a command is left out."""

WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
"""One ``Warning`` header, as RFC 7234 writes it."""


class UnreachedError(ActError):
    """The request was never sent: nobody there, no credentials."""


class UnansweredError(ActError):
    """It was sent, and what became of it is not known."""


class ForbiddenError(ActError):
    """We may not do this.

    Attributes:
        lacks: the right that is missing; ``None`` where it is the credentials.
    """

    def __init__(self, message: str, lacks: Right | None = None) -> None:
        super().__init__(message)
        self.lacks = lacks


class BusyError(ActError):
    """The server asks us to come back later; nothing was done.

    Attributes:
        wait: seconds it asked for.
    """

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class MovedError(ActError):
    """The object is not the one, or not at the version, that the request named; nothing was done."""


class OwnedError(ActError):
    """Somebody else owns a field; nothing was done. The message says who."""


class DeniedError(ActError):
    """A webhook, a policy or the schema refuses the object as it would be; nothing was done."""


def refusal(problem: kubernetes.client.ApiException, asked: Right) -> ActError:
    """An answer that is not a success, in our words; ``asked`` is the right that the request took."""
    status = int(problem.status or 0)
    body = _body(problem)
    said = one_line(str(body.get("message") or problem.reason or f"status {status}"), SAID)
    if status == 409:
        owners = _owners(body)
        return OwnedError(owners) if owners else MovedError(said)
    if status in (404, 410):
        return MovedError(said)
    if status == 429:
        wait = _header(problem, "Retry-After")
        return BusyError(f"busy: {said}", float(wait) if wait.isdecimal() and len(wait) < 5 else 1.0)
    if status == 401:
        return ForbiddenError(said)
    if status == 403 and not any(words in said for words in ADMISSION):
        return ForbiddenError(_lacking(asked, said), asked)
    if 400 <= status < 500:
        return DeniedError(said)
    return UnansweredError(f"status {status}: {said}")


def silence(problem: Exception) -> ActError:
    """No answer at all, in our words."""
    cause = getattr(problem, "reason", None) or problem
    said = one_line(str(cause), 200)
    never = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError, ConnectionRefusedError)
    if isinstance(cause, never):
        return UnreachedError(f"the API server cannot be reached: {said}")
    return UnansweredError(f"the API server did not answer: {said}")


def warnings(headers: Sequence[str]) -> tuple[str, ...]:
    """What webhooks and the server warn of, from the ``Warning`` headers of an answer."""
    found = (m.group(1).replace('\\"', '"').replace("\\\\", "\\") for h in headers for m in WARNING.finditer(h))
    return tuple(one_line(text, SAID) for text in found)[:10]


def _lacking(right: Right, said: str) -> str:
    """What is missing and what gives it first: what follows may be cut."""
    user = USER.search(said)
    fix = cure(right, user.group(1) if user else "", CHANGING)
    return f"we may not {right}; {TO_ALLOW}{fix}; the API server says: {said}"


def _body(problem: kubernetes.client.ApiException) -> Mapping[str, Any]:
    try:
        parsed = json.loads(problem.body or "{}")
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _owners(body: Mapping[str, Any]) -> str:
    """``conflict with "argocd-controller": .spec.maxReplicaCount`` for each field somebody else owns."""
    details = body.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    said = [
        one_line(f"{cause.get('message')}: {cause.get('field')}", 200)
        for cause in (causes if isinstance(causes, list) else ())
        if isinstance(cause, dict) and cause.get("reason") == "FieldManagerConflict"
    ]
    return "; ".join(said[:5])


def _header(problem: kubernetes.client.ApiException, name: str) -> str:
    headers = problem.headers
    return str(headers.get(name) or "") if headers is not None else ""
