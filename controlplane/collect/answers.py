"""HTTP answers that a library fetched for us, read under our own bounds, and its errors in one word.

The clients of Prometheus and Kubernetes both sit on urllib3. They bound each read of the socket but neither
the size nor the time of a whole answer: a server that drips would hold up the tick.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import urllib3

from controlplane.errors import SourceError
from controlplane.model.page import Fault

PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLimits:
    """What one answer may cost us."""

    body: int = 16 * 2**20
    """Bytes of one answer. 16 MiB is some 80,000 series or 2,000 pods; a page of 500 pods is 4 MiB."""

    deadline: timedelta = timedelta(seconds=8)
    """Time for one answer, first byte to last. Shorter than the tick, so that a slow source costs one tick."""

    @property
    def seconds(self) -> float:
        """The deadline in seconds."""
        return self.deadline.total_seconds()


def read_answer(
    raw: urllib3.BaseHTTPResponse, limits: AnswerLimits, begun: float, monotonic: Callable[[], float]
) -> bytes:
    """The whole body, as it came.

    Args:
        raw: an answer whose body was not read yet.
        limits: bounds.
        begun: when the request was begun, by ``monotonic``.
        monotonic: seconds of real time.

    Raises:
        SourceError: it is late, too large, cut short or encoded in a way we did not ask for.
        urllib3.exceptions.HTTPError: the connection broke.
    """
    if raw.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceError(Fault.ENCODING, "an encoding we did not ask for")
    body = bytearray()
    while piece := raw.read1(PIECE):
        body += piece
        if len(body) > limits.body:
            raise SourceError(Fault.TOO_LARGE, f"more than {limits.body / 2**20:g} MiB")
        if monotonic() - begun > limits.seconds:
            raise SourceError(Fault.TIMEOUT, f"no whole answer in {limits.seconds:g} s")
    expected = raw.headers.get("Content-Length", "")
    if expected.isdecimal() and int(expected) != len(body):
        raise SourceError(Fault.TRUNCATED, f"{len(body)} of {expected} bytes")
    return bytes(body)


def source_error(problem: BaseException) -> SourceError:
    """What a library's exception means, in our words."""
    seen = list(_chain(problem))
    words = (
        ("SSLError", Fault.TLS),
        ("NameResolutionError", Fault.NAME),
        ("ConnectionRefusedError", Fault.REFUSED),  # urllib3 files a refusal under its time-outs
        ("Timeout", Fault.TIMEOUT),
        ("TimeoutError", Fault.TIMEOUT),
        ("ResponseError", Fault.REDIRECT),  # "too many redirects": none is followed
        ("ProtocolError", Fault.TRUNCATED),
    )
    kinds = {kind.__name__ for error in seen for kind in type(error).__mro__}
    fault = next((fault for name, fault in words if name in kinds), Fault.UNREACHABLE)
    return SourceError(fault, shortened(f"{type(problem).__name__}: {problem}"))


def shortened(text: str, most: int = 120) -> str:
    """At most ``most`` printable characters of what a server or library said."""
    return "".join(c if c.isprintable() else "�" for c in text[:most])


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of: each library wraps what the socket said."""
    inner: BaseException | None = problem
    for _ in range(10):
        if inner is None:
            return
        yield inner
        wrapped = (getattr(inner, "reason", None), *inner.args)
        inner = next((e for e in wrapped if isinstance(e, BaseException)), None) or inner.__cause__ or inner.__context__


class Breaker:
    """When to try again after failures: at once, then ever more rarely, at least every ``longest`` seconds.

    Attributes:
        until: no attempt before this instant of the monotonic clock.
    """

    def __init__(self, *, first: float = 5.0, longest: float = 60.0) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0
        self.until = -math.inf

    def failed(self, now: float, *, wait: float = 0.0) -> None:
        """Note a failure; the other side may have said itself how long to ``wait``."""
        pause = 0.0 if self._failures == 0 else min(self._longest, self._first * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        self.until = now + max(pause, min(wait, self._longest))

    def worked(self) -> None:
        """Note a success."""
        self._failures = 0
        self.until = -math.inf

    def open(self, now: float) -> bool:
        """Whether to leave the other side alone for now."""
        return now < self.until
