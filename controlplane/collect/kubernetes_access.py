"""Ask the API server who an account is and what it may do; its reviews change nothing."""

from collections.abc import Callable
from typing import Any

import kubernetes
import urllib3

from controlplane.collect.answers import AnswerLimits, read_answer, shortened, source_error
from controlplane.collect.kubernetes_api import CUSTOM, Connect, Link, read_object
from controlplane.errors import SourceError
from controlplane.model.page import Fault
from controlplane.model.right import Right

SERVICE_ACCOUNTS = "system:serviceaccount:"


class Access:
    """Reviews of rights.

    Args:
        connect: makes a client.
        monotonic: seconds of real time, for deadlines.
        limits: bounds on each answer.
    """

    def __init__(self, connect: Connect, *, monotonic: Callable[[], float], limits: AnswerLimits | None = None) -> None:
        self._link = Link(connect)
        self._monotonic = monotonic
        self._limits = limits or AnswerLimits()

    def account(self) -> str:
        """Whom the API server takes us for; empty before Kubernetes 1.28, which cannot say. Raises ``SourceError``."""
        try:
            status = self._review("authentication.k8s.io", "selfsubjectreviews", {})
        except _UnknownReviewError:
            return ""
        user = status.get("userInfo")
        return str(user.get("username") or "") if isinstance(user, dict) else ""

    def may(self, right: Right, account: str = "") -> bool:
        """Whether an account has the right; our own when none is named.

        Raises:
            SourceError: that cannot be told; about others only who may review them is told.
        """
        asked = {"verb": right.verb, "group": right.group, "resource": right.resource}
        asked |= {"namespace": right.namespace, "name": right.name}
        spec: dict[str, Any] = {"resourceAttributes": {key: value for key, value in asked.items() if value}}
        plural = "selfsubjectaccessreviews"
        if account:
            plural, spec = "subjectaccessreviews", {**spec, "user": account, "groups": _groups(account)}
        return self._review("authorization.k8s.io", plural, spec).get("allowed") is True

    def close(self) -> None:
        """Give connections back."""
        self._link.close()

    def _review(self, group: str, plural: str, spec: dict[str, Any]) -> dict[str, Any]:
        """The status of a review of that kind."""
        body = {"apiVersion": f"{group}/v1", "kind": KINDS[plural], "spec": spec}
        begun = self._monotonic()
        how: dict[str, Any] = {"_request_timeout": self._limits.seconds, "_preload_content": False}
        try:
            with CUSTOM(self._link.client()).create_cluster_custom_object(group, "v1", plural, body, **how) as raw:
                text = read_answer(raw, self._limits, begun, self._monotonic)
        except kubernetes.client.ApiException as problem:
            raise _refused(plural, problem) from problem
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise source_error(problem) from problem
        return _status(text)


KINDS = {
    "selfsubjectreviews": "SelfSubjectReview",
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "subjectaccessreviews": "SubjectAccessReview",
}


class _UnknownReviewError(SourceError):
    """The server knows no such review."""


def _groups(account: str) -> list[str]:
    """The groups Kubernetes puts every service account in."""
    _, _, rest = account.partition(SERVICE_ACCOUNTS)
    space = [f"system:serviceaccounts:{rest.partition(':')[0]}", "system:serviceaccounts"] if rest else []
    return [*space, "system:authenticated"]


def _refused(plural: str, problem: kubernetes.client.ApiException) -> SourceError:
    said = shortened(f"status {problem.status}: create {plural}")
    if problem.status == 404:
        return _UnknownReviewError(Fault.STATUS, said)
    return SourceError(Fault.UNAUTHORISED if problem.status in (401, 403) else Fault.STATUS, said)


def _status(text: bytes) -> dict[str, Any]:
    status = read_object(text).get("status")
    if not isinstance(status, dict):
        raise SourceError(Fault.MALFORMED, "a review without a status")
    return status
