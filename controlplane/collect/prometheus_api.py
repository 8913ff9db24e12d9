"""Ask a Prometheus (Thanos, Mimir…) one question, and take no answer that is late, huge, partial or garbled.

``prometheus-api-client`` asks; it is given a session of ours that reads the body under a deadline and a cap
on bytes, follows no redirect, tries nothing twice, and refuses an answer that carries warnings: the library
itself hands out the data and drops the warnings that say it is incomplete.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException

from controlplane.collect.answers import AnswerLimits, read_answer, shortened, source_error
from controlplane.errors import SourceError
from controlplane.model.page import Fault


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer: its labels and its value, finite."""

    labels: Mapping[str, str]
    value: float


class PrometheusApi:
    """Instant queries against one Prometheus, and what it says of itself.

    Args:
        url: base URL, without ``/api/v1``.
        monotonic: seconds of real time, for deadlines.
        limits: bounds on each answer.
        bearer: gives the token to send, asked anew for each query; ``None`` sends none.
    """

    def __init__(
        self,
        url: str,
        *,
        monotonic: Callable[[], float],
        limits: AnswerLimits | None = None,
        bearer: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._bearer = bearer
        self._limits = limits or AnswerLimits()
        self._url = url.rstrip("/")
        self._session = BoundedSession(self._limits, monotonic)
        never = urllib3.Retry(0, redirect=0)
        self._client = PrometheusConnect(url=self._url, session=self._session, retry=never, method="POST")

    def query(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        """The instant vector of ``expression``; series whose value is NaN or infinite are left out.

        Args:
            expression: PromQL.
            at: evaluate at this instant (Unix seconds of Prometheus' own clock); its present when ``None``.

        Raises:
            SourceError: no answer, or one that must not be used: late, too large, partial, not a vector.
        """
        self._client.headers = self._headers()
        seconds = self._limits.seconds
        parameters = {"timeout": f"{seconds:g}s"} | ({} if at is None else {"time": f"{at:.3f}"})
        try:
            rows = self._client.custom_query(expression, params=parameters, timeout=seconds)
        except PrometheusApiClientException as problem:
            raise SourceError(Fault.STATUS, shortened(str(problem))) from problem
        if not isinstance(rows, list):
            raise SourceError(Fault.MALFORMED, "no list of series")
        return tuple(s for s in map(_sample, rows) if s is not None)

    def get(self, path: str, parameters: Mapping[str, str | list[str]] | None = None) -> Any:
        """The ``data`` of what ``/api/v1/{path}`` answers: what the server says of itself, not series.

        Raises:
            SourceError: no answer, or one that must not be used.
        """
        url = f"{self._url}/api/v1/{path}"
        return self._session.get(url, parameters or {}, self._headers()).get("data")

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def _headers(self) -> dict[str, str]:
        token = self._bearer()
        return {"Authorization": f"Bearer {token}"} if token else {}


def _sample(row: Any) -> Sample | None:
    """One series of an instant vector; ``None`` when its value is not finite.

    Raises:
        SourceError: it is not one.
    """
    try:
        labels, (_, text) = row["metric"], row["value"]
        value = float(text)
        named = {str(k): str(v) for k, v in labels.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise SourceError(Fault.MALFORMED, shortened(f"not an instant vector: {row!r}")) from problem
    return Sample(named, value) if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, as far as the library looks at it."""

    parsed: dict[str, Any]
    status_code: int = 200

    def json(self) -> dict[str, Any]:
        """The answer, parsed."""
        return self.parsed


class BoundedSession:
    """What ``prometheus-api-client`` needs of a ``requests.Session``, with our bounds around it."""

    def __init__(self, limits: AnswerLimits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._inner = requests.Session()
        self._inner.trust_env = False  # no proxy and no netrc of whoever started us
        self.verify = self._inner.verify
        self.cert = self._inner.cert

    def mount(self, prefix: str, adapter: Any) -> None:
        """Part of the library's contract."""
        self._inner.mount(prefix, adapter)

    def close(self) -> None:
        """Part of the library's contract."""
        self._inner.close()

    def request(self, *, method: str, url: str, params: Mapping[str, str], timeout: float, **rest: Any) -> Answer:
        """Send one query and read its whole answer.

        Raises:
            SourceError: there is no answer that may be used.
        """
        status, body = self._whole(method, url, timeout, data=params, **rest)
        return Answer(_vector(_judged(status, body)))

    def get(self, url: str, params: Mapping[str, str | list[str]], headers: Mapping[str, str]) -> dict[str, Any]:
        """Ask once and read the whole answer, whatever it holds.

        Raises:
            SourceError: there is no answer that may be used.
        """
        return _judged(*self._whole("GET", url, self._limits.seconds, params=params, headers=headers))

    def _whole(self, method: str, url: str, timeout: float, **rest: Any) -> tuple[int, bytes]:
        """Status and body of an answer."""
        begun = self._monotonic()
        rest["headers"] = {**(rest.get("headers") or {}), "Accept-Encoding": "identity"}
        try:
            reply = self._inner.request(method, url, timeout=timeout, stream=True, allow_redirects=False, **rest)
            with reply:
                return reply.status_code, read_answer(reply.raw, self._limits, begun, self._monotonic)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as problem:
            raise source_error(problem) from problem


def _judged(status: int, body: bytes) -> dict[str, Any]:
    """The answer, parsed, unless it is an error or says of itself that it is incomplete.

    ``infos`` are no reason to refuse: they are remarks on the query (a metric's name, say), not on the data.
    """
    if status in (401, 403):
        raise SourceError(Fault.UNAUTHORISED, f"status {status}")
    if 300 <= status < 400:
        raise SourceError(Fault.REDIRECT, f"status {status}")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as problem:
        fault = Fault.MALFORMED if status == 200 else Fault.STATUS
        raise SourceError(fault, f"status {status}: {body[:60]!r}") from problem
    if not isinstance(answer, dict):
        raise SourceError(Fault.MALFORMED, f"status {status}: {body[:60]!r}")
    if status != 200 or answer.get("status") != "success":
        said = f"{answer.get('errorType', '')}: {answer.get('error', '')}"
        raise SourceError(Fault.TIMEOUT if status == 503 else Fault.STATUS, shortened(f"status {status}: {said}"))
    if answer.get("warnings"):
        raise SourceError(Fault.PARTIAL, shortened(f"warnings: {answer['warnings']!r}"))
    return answer


def _vector(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, if it is a whole instant vector."""
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "vector":
        raise SourceError(Fault.MALFORMED, "not an instant vector")
    if answer.get("isPartial") or data.get("isPartial"):
        raise SourceError(Fault.PARTIAL, "the answer says it is partial")
    return answer
