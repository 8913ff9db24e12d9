"""Which eyes fleet.yaml asks for."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from controlplane.clock import Clock
from controlplane.collect.eyes import FleetEyes, LooksAtSessions
from controlplane.collect.kubernetes import KubernetesSource
from controlplane.collect.kubernetes_api import Client, KubernetesApi, connection
from controlplane.collect.kubernetes_following import Following
from controlplane.collect.kubernetes_objects import PodSelection
from controlplane.collect.limits import Limits
from controlplane.collect.prometheus import PrometheusSource
from controlplane.collect.prometheus_api import PrometheusApi
from controlplane.collect.scraper import Scraper
from controlplane.collect.targets import Provider, Targets, TargetsFile, static
from controlplane.model.keys import RoleName
from controlplane.model.page import Job
from controlplane.promql.catalogue import WANTED
from controlplane.settings.schema import Settings


def eyes_of(
    settings: Settings,
    clock: Clock,
    secret: Callable[[Path | None], Callable[[], str | None]],
    closing: ExitStack,
    sessions: LooksAtSessions | None,
) -> tuple[Scraper, FleetEyes]:
    """Everything we look with: our own scraper, and Prometheus, Kubernetes and sessions where fleet.yaml names them.

    ``secret`` reads a token from its file at every use. What holds connections is given back by ``closing``.
    """
    sources, specs = settings.sources, settings.role_specs()
    providers: dict[str, Provider] = {
        f"targets of {name}": static(role.targets, Job.ENGINE, RoleName(name))
        for name, role in settings.roles.items()
        if role.targets
    }
    if sources.targets_file is not None:
        providers["targets file"] = TargetsFile(sources.targets_file)
    providers["dcgm"] = static(sources.dcgm, Job.DCGM)
    providers["kube-state-metrics"] = static(sources.kube_state_metrics, Job.KUBE_STATE)
    kubernetes: KubernetesSource | None = None
    if sources.kubernetes is not None:
        connect = connect_of(settings)
        assert connect is not None
        pods = {
            RoleName(name): PodSelection(**role.pods.model_dump()) for name, role in settings.roles.items() if role.pods
        }
        reader = Following(KubernetesApi(connect, monotonic=clock.monotonic), clock)
        kubernetes = KubernetesSource(reader, specs, pods=pods, clock=clock)
        providers["kubernetes"] = kubernetes.targets
        closing.callback(kubernetes.close)
    prometheus: PrometheusSource | None = None
    if sources.prometheus is not None:
        prometheus = PrometheusSource(
            PrometheusApi(
                sources.prometheus.url, monotonic=clock.monotonic, bearer=secret(sources.prometheus.bearer_token_file)
            ),
            specs,
            select={RoleName(name): role.matchers() for name, role in settings.roles.items()},
            clock=clock,
            interval=sources.scrape_interval,
            rewritten=settings.rules.rewritten_names,
        )
        closing.callback(prometheus.close)
    targets = Targets(providers)
    scraper = Scraper(
        targets,
        interval=sources.scrape_interval,
        clock=clock,
        limits=Limits(body=sources.limits.body, samples=sources.limits.samples),
        wanted=WANTED,
    )
    eyes = FleetEyes(
        scraper=scraper, prometheus=prometheus, kubernetes=kubernetes, discovery=targets.health, sessions=sessions
    )
    return scraper, eyes


def connect_of(settings: Settings) -> Callable[[], Client] | None:
    """How to reach the cluster that fleet.yaml names; ``None`` when it names none."""
    where = settings.sources.kubernetes
    return None if where is None else connection(in_cluster=where.in_cluster, context=where.context)
