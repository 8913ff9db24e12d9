"""Who may reach the control plane and whom it may reach; and that a drain never takes all of it at once."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from controlplane.generate.manifests.things import LABELS, Manifest, thing
from controlplane.settings.schema import Settings

DNS, HTTPS, KUBERNETES, POSTGRES = 53, 443, 6443, 5432


def network_policy(settings: Settings) -> Manifest:
    """In: our port, from pods of this cluster. Out: names, the API server, and the ports that fleet.yaml names.

    Addresses cannot be told by name here, so the rules are about ports; narrow them where you know the networks.
    """
    spec = {
        "podSelector": {"matchLabels": dict(LABELS)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"namespaceSelector": {}}], "ports": [_port(settings.serve.port)]}],
        "egress": [
            {"ports": [_port(DNS, "UDP"), _port(DNS)]},
            {"ports": [_port(port) for port in sorted({HTTPS, KUBERNETES, *_asked(settings)})]},
        ],
    }
    return thing("networking.k8s.io/v1", "NetworkPolicy", spec=spec)


def disruption_budget() -> Manifest:
    """Of several replicas one may go at a time. A single one has no budget: it would never be let go."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": dict(LABELS)}}
    return thing("policy/v1", "PodDisruptionBudget", spec=spec)


def _port(port: int, protocol: str = "TCP") -> dict[str, object]:
    return {"port": port, "protocol": protocol}


def _asked(settings: Settings) -> Iterator[int]:
    """Ports of everything we read from or write to."""
    sources = settings.sources
    urls = [*sources.dcgm, *sources.kube_state_metrics, *(url for r in settings.roles.values() for url in r.targets)]
    if sources.prometheus is not None:
        urls.append(sources.prometheus.url)
    for url in urls:
        parts = urlsplit(url)
        yield parts.port or (HTTPS if parts.scheme == "https" else 80)
    yield from (role.pods.port for role in settings.roles.values() if role.pods is not None)
    if settings.store.url.startswith("postgresql"):
        yield urlsplit(settings.store.url).port or POSTGRES
