"""A metrics page as it was read: which series it holds and their values, validated as a whole.

The series of a page hardly change between scrapes, so a page is a :class:`Layout` (shared between
the pages of a target as long as the set of series stays the same) and one number per series.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from controlplane.model.keys import RoleName

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by name."""


@dataclass(frozen=True, slots=True)
class MetricKey:
    """Name and labels of one series, as on the wire (``_bucket``, ``_sum``, ``_total`` included)."""

    name: str
    labels: Labels = ()

    def label(self, name: str) -> str | None:
        """Value of one label; ``None`` when the series does not carry it."""
        for key, value in self.labels:
            if key == name:
                return value
        return None

    def __str__(self) -> str:
        if not self.labels:
            return self.name
        inner = ",".join(f'{k}="{_escape(v)}"' for k, v in self.labels)
        return f"{self.name}{{{inner}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The series of a page in page order. Compared by identity: same object, same series.

    ``types`` maps a family name to its declared type (counter, gauge, histogram, summary, untyped…).
    """

    keys: tuple[MetricKey, ...]
    types: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Page:
    """One complete, valid page. ``values[i]`` belongs to ``layout.keys[i]``; NaN and Inf are kept as read."""

    layout: Layout
    values: tuple[float, ...]


class Fault(StrEnum):
    """Why a source gave nothing that can be used. One word a person can act on."""

    REFUSED = "connection refused"
    UNREACHABLE = "unreachable"
    NAME = "name not found"
    TIMEOUT = "too slow"
    TLS = "TLS failed"
    UNAUTHORISED = "not authorised"
    STATUS = "bad status"
    REDIRECT = "redirect refused"
    ENCODING = "bad encoding"
    TOO_LARGE = "too large"
    TOO_MANY = "too many series"
    TRUNCATED = "cut short"
    MALFORMED = "not a metrics page"
    EMPTY = "empty page"
    DUPLICATE = "duplicate series"
    STALE = "stale"
    PARTIAL = "partial answer"
    FORBIDDEN = "address not allowed"
    INTERNAL = "our own fault"


class Job(StrEnum):
    """What kind of program a target is."""

    ENGINE = "engine"
    DCGM = "dcgm"
    KUBE_STATE = "kube-state-metrics"
    ROUTER = "router"


@dataclass(frozen=True, slots=True)
class Target:
    """One metrics page to read.

    ``labels`` come from discovery (``namespace``, ``pod``, ``node`` where known) and are joined like
    Prometheus' target labels: a label the page carries itself wins and keeps its own name.
    """

    url: str
    job: Job
    role: RoleName | None = None
    labels: Labels = ()

    @property
    def name(self) -> str:
        """Pod name where known, else host:port/path without the usual ``/metrics``."""
        for key, value in self.labels:
            if key == "pod":
                return value
        bare = self.url.split("://", 1)[-1]
        return bare.removesuffix("/metrics")


@dataclass(frozen=True, slots=True)
class Scrape:
    """What became of one attempt to read a target: a page, or a fault and the words that explain it."""

    target: Target
    at: datetime
    """When the body had arrived, by our own clock."""
    took: timedelta
    page: Page | None = None
    fault: Fault | None = None
    detail: str = ""
    body_bytes: int = 0

    @property
    def up(self) -> bool:
        """Whether the target gave a page that could be used."""
        return self.page is not None
