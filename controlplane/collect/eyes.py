"""All that can be seen at a tick, from every place we read; what failed is part of the picture.

Pages we scrape ourselves and readings of a Prometheus may both be there for one role: our own pages win, and
what they lack (GPUs, replica counts) is taken from Prometheus. The cluster's own word on replicas wins over
that of its exporter.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Protocol, TypeVar

from controlplane.collect.kubernetes import ClusterView
from controlplane.collect.prometheus import PrometheusView
from controlplane.model.fleet import SourceHealth
from controlplane.model.page import Fault, Scrape
from controlplane.model.sighting import SessionsSeen, Sighting

_log = logging.getLogger(__name__)


class Scrapes(Protocol):
    """What is wanted of a scraper."""

    def latest(self) -> Sequence[Scrape]:
        """The newest scrape of every current target."""
        ...


class LooksAtPrometheus(Protocol):
    """What is wanted of a source over Prometheus."""

    def look(self, now: datetime) -> PrometheusView:
        """Everything it can say now."""
        ...


class LooksAtCluster(Protocol):
    """What is wanted of a source over Kubernetes."""

    def look(self, now: datetime) -> ClusterView:
        """Everything it can say now."""
        ...


class LooksAtSessions(Protocol):
    """What is wanted of the book of sessions."""

    def look(self, now: datetime) -> SessionsSeen:
        """Everything it can say now."""
        ...


class FleetEyes:
    """The eyes of the walk. Never raises.

    Args:
        scraper: our own scraper; ``None`` when nothing is scraped.
        prometheus: readings that a Prometheus computes; ``None`` without one.
        kubernetes: a cluster's objects; ``None`` outside one.
        sessions: what runs of agents use; ``None`` where nobody tells of them.
        discovery: health of the lists of targets.
    """

    def __init__(
        self,
        *,
        scraper: Scrapes | None = None,
        prometheus: LooksAtPrometheus | None = None,
        kubernetes: LooksAtCluster | None = None,
        sessions: LooksAtSessions | None = None,
        discovery: Callable[[], Sequence[SourceHealth]] = tuple,
    ) -> None:
        self._scraper = scraper
        self._prometheus = prometheus
        self._kubernetes = kubernetes
        self._sessions = sessions
        self._discovery = discovery

    def look(self, now: datetime) -> Sighting:
        """Everything that can be seen now. Prometheus and Kubernetes are asked at the same time."""
        with ThreadPoolExecutor(1, thread_name_prefix="eyes") as pool:
            asked = pool.submit(_safely, self._look_at_cluster, now)
            metrics = _safely(self._look_at_prometheus, now)
            cluster = asked.result()
        scrapes = _safely(lambda _: tuple(self._scraper.latest()) if self._scraper else (), now)
        lists = _safely(lambda _: tuple(self._discovery()), now)
        book = _safely(lambda at: self._sessions.look(at) if self._sessions else None, now)
        parts = {
            "prometheus": metrics,
            "kubernetes": cluster,
            "scraper": scrapes,
            "sessions": book,
            "discovery": lists,
        }
        broken = tuple(
            SourceHealth(name=name, kind=name, fault=Fault.INTERNAL, detail=part)
            for name, part in parts.items()
            if isinstance(part, str)
        )
        samples = metrics.samples if isinstance(metrics, PrometheusView) else {}
        exporter = metrics.workloads if isinstance(metrics, PrometheusView) else {}
        objects = cluster.workloads if isinstance(cluster, ClusterView) else {}
        seen = (metrics, cluster, book)
        healths = [part.health for part in seen if isinstance(part, PrometheusView | ClusterView | SessionsSeen)]
        return Sighting(
            at=now,
            scrapes=scrapes if isinstance(scrapes, tuple) else (),
            samples=samples,
            workloads={**exporter, **objects},
            machines=cluster.machines if isinstance(cluster, ClusterView) else (),
            sessions=book.roles if isinstance(book, SessionsSeen) else {},
            sources=(*healths, *(lists if isinstance(lists, tuple) else ()), *broken),
        )

    def _look_at_prometheus(self, now: datetime) -> PrometheusView | None:
        return None if self._prometheus is None else self._prometheus.look(now)

    def _look_at_cluster(self, now: datetime) -> ClusterView | None:
        return None if self._kubernetes is None else self._kubernetes.look(now)


Seen = TypeVar("Seen")


def _safely(look: Callable[[datetime], Seen], now: datetime) -> Seen | str:
    """What a part sees, or in words how it failed."""
    try:
        return look(now)
    except Exception as problem:  # noqa: BLE001 – a fault of ours must not blind the other parts
        _log.exception("a part of the eyes failed")
        return f"{type(problem).__name__}: {problem}"[:120]
