"""Which pages a Prometheus has to read for our rules to have something to say, and how much of each.

Engines, the GPU exporter, KEDA, the router, ourselves. Found by labels in a cluster, by address elsewhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from controlplane.generate.manifests import things
from controlplane.generate.request import Request
from controlplane.model.role import Engine
from controlplane.settings.outputs import Exporter, Scraped
from controlplane.settings.roles import Role
from controlplane.settings.schema import Settings
from controlplane.settings.values import Size

PORTS = {Engine.VLLM: 8000, Engine.SGLANG: 30000, Engine.RAY_SERVE: 8080}
"""Where engines serve their page unless told otherwise; Ray's is that of its node, for all replicas on it."""

LABELS, LABEL_NAME, LABEL_VALUE = 64, 256, 1024
"""Most labels of a series, characters of a name and of a value: as we bound what we scrape ourselves.
``vllm:cache_config_info`` has 37 labels and grows with each release. Prometheus has no limits of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """Pods that serve a page."""

    job: str
    namespace: str
    port: int | str
    """Number, or name of the container's port."""
    selector: str = ""
    """As kubectl's ``-l`` takes it; empty picks by owner alone."""
    owner: str = ""
    """Pattern of ``kind;name`` of what controls the pod; empty takes any."""
    path: str = "/metrics"
    scheme: str = "http"
    own_labels: bool = False
    """Its series name other objects' ``namespace`` and ``pod``: they stay, instead of becoming ``exported_…``."""
    nameless: bool = False
    """Its rows name the pods that hold a GPU, or none: its own pod's name would be taken for one of those."""
    secret: str = ""
    """Secret with the page's token, if it wants one."""
    service: bool = False
    """A Service of the same labels stands before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Pages at fixed addresses."""

    job: str
    addresses: tuple[str, ...]
    path: str
    scheme: str
    query: str = ""
    own_labels: bool = False
    is_engine: bool = False
    """A replica outside Kubernetes goes by its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Pages listed in a file that others write (``sources.targets_file``)."""

    job: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How often, and how much of a page: what our own scraper allows too."""

    interval: str
    samples: int
    body: str


def bounds(settings: Settings) -> Bounds:
    """Interval and limits for every page."""
    sources = settings.sources
    interval = f"{sources.scrape_interval.total_seconds():g}s"
    return Bounds(interval=interval, samples=sources.limits.samples, body=str(Size().write(sources.limits.body)))


def pods(settings: Settings) -> Iterator[Pods]:
    """Pages of a cluster; nothing where fleet.yaml names none."""
    if settings.sources.kubernetes is None:
        return
    monitoring = settings.generate.monitoring
    wanted = set(monitoring.scrape)
    if Scraped.ENGINES in wanted:
        for name, role in settings.roles.items():
            yield from _engine(name, role)
    if Scraped.DCGM in wanted:
        yield replace(_exporter("llm-dcgm", monitoring.dcgm), nameless=True)
    if Scraped.KEDA in wanted:
        yield replace(_exporter("llm-keda", monitoring.keda), own_labels=True)
    if Scraped.LITELLM in wanted:
        router = monitoring.litellm
        found = _exporter("llm-litellm", router)
        yield replace(found, path="/metrics/", secret=router.secret)  # without its last / the page is a redirect
    if Scraped.OURSELVES in wanted:
        yield Pods(
            job=things.NAME,
            namespace=things.NAMESPACE,
            selector=",".join(f"{k}={v}" for k, v in things.LABELS.items()),
            port="http",
            own_labels=True,
            service=True,
        )


def unseen(settings: Settings) -> tuple[str, ...]:
    """Roles of which fleet.yaml says nothing that Prometheus could find them by."""
    if settings.sources.targets_file or Scraped.ENGINES not in settings.generate.monitoring.scrape:
        return ()
    cluster = settings.sources.kubernetes is not None
    return tuple(n for n, r in settings.roles.items() if not (r.targets or (cluster and (r.pods or r.workload))))


def addresses(settings: Settings) -> Iterator[Addresses]:
    """Pages at fixed addresses: replicas, and without a cluster the exporters and ourselves."""
    wanted, sources = set(settings.generate.monitoring.scrape), settings.sources
    if Scraped.ENGINES in wanted:
        for name, role in settings.roles.items():
            yield from _at(_job(name), role.targets, is_engine=True)
    if sources.kubernetes is not None:
        return
    if Scraped.DCGM in wanted:
        yield from _at("llm-dcgm", sources.dcgm)
    yield from _at("llm-kube-state-metrics", sources.kube_state_metrics, own_labels=True)
    if Scraped.OURSELVES in wanted:
        host = f"[{settings.serve.host}]" if ":" in settings.serve.host else settings.serve.host
        yield from _at(things.NAME, (f"http://{host}:{settings.serve.port}/metrics",), own_labels=True)


def listed(request: Request) -> Iterator[Listed]:
    """The targets file, as fleet.yaml names it."""
    file = request.settings.sources.targets_file
    if file is not None:
        yield Listed(job="llm-targets", file=_as_written(file, request.folder))


def _as_written(file: Path, folder: Path) -> str:
    return (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()


def _job(role: str) -> str:
    return f"llm-engine-{role}"


def _engine(name: str, role: Role) -> Iterator[Pods]:
    """By its pods' labels where fleet.yaml gives them, else by the workload that owns them."""
    if role.pods is not None:
        where = role.pods
        yield Pods(
            job=_job(name),
            namespace=where.namespace,
            selector=where.selector,
            port=where.port,
            path=where.path,
            scheme=str(where.scheme),
        )
    elif role.workload is not None:
        yield Pods(
            job=_job(name),
            namespace=role.workload.namespace,
            owner=_owner(role.workload.kind, role.workload.name),
            port=PORTS[role.engine],
        )


def _owner(kind: str, name: str) -> str:
    """Who controls the pods of a workload, as ``kind;name``."""
    written = re.escape(name).replace("\\-", "-")
    match kind:
        case "Deployment":
            return f"ReplicaSet;{written}-[a-z0-9]+"
        case "RayService":
            return f"RayCluster;{written}-.+"
        case _:  # a LeaderWorkerSet's leaders, which serve the page, belong to a StatefulSet of its name
            return f"StatefulSet;{written}"


def _exporter(job: str, where: Exporter) -> Pods:
    return Pods(job=job, namespace=where.namespace, selector=where.selector, port=where.port)


def _shape(url: SplitResult) -> tuple[str, str, str, str]:
    return url.scheme, url.path, url.query, url.netloc


def _at(job: str, urls: tuple[str, ...], *, own_labels: bool = False, is_engine: bool = False) -> Iterator[Addresses]:
    """One job per scheme, path and query; numbered where there is more than one."""
    parts = sorted((urlsplit(url) for url in set(urls)), key=_shape)
    for number, ((scheme, path, query), same) in enumerate(groupby(parts, key=lambda p: _shape(p)[:3])):
        yield Addresses(
            job=f"{job}/{number}" if number else job,
            addresses=tuple(p.netloc for p in same),
            path=path or "/metrics",
            scheme=scheme,
            query=query,
            own_labels=own_labels,
            is_engine=is_engine,
        )
