"""What Prometheus reads, as ``scrape_configs`` for one without an operator, each with limits.

The file holds nothing else: Prometheus ≥ 2.43 takes it under ``scrape_config_files``, an older one by copying it in.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs

from controlplane.generate.forms.pages import (
    LABEL_NAME,
    LABEL_VALUE,
    LABELS,
    Addresses,
    Bounds,
    Listed,
    Pods,
    addresses,
    bounds,
    listed,
    pods,
    unseen,
)
from controlplane.generate.request import Request
from controlplane.generate.text import yaml_text

NOTE = """\
Name this file under scrape_config_files (Prometheus ≥ 2.43), or copy its jobs into scrape_configs. The limits are
what keeps one broken page from filling the memory of Prometheus; it has none by default."""
SECRETS = "/etc/prometheus/secrets"
"""Where the operator mounts secrets, and most others too."""

_POD = "__meta_kubernetes_pod"


def scrape_configs(request: Request, _made: Mapping[str, str]) -> Mapping[str, str]:
    """One file with all jobs; none where there is nothing to read."""
    settings = request.settings
    limit = bounds(settings)
    jobs = [_pod_job(page, limit) for page in pods(settings)]
    jobs += [_address_job(page, limit) for page in addresses(settings)]
    jobs += [_listed_job(page, limit) for page in listed(request)]
    if not jobs:
        return {}
    lost = [
        f"Role {role} is not read: nothing says where its pods are. Give it pods or workload."
        for role in unseen(settings)
    ]
    text = yaml_text(request.source, {"scrape_configs": jobs}, note="\n".join([NOTE, *lost]))
    return {"manifests/monitoring/prometheus-scrape.yaml": text}


def _job(name: str, limit: Bounds, *, own_labels: bool) -> dict[str, object]:
    return {
        "job_name": name,
        "scrape_interval": limit.interval,
        "honor_labels": own_labels,
        "sample_limit": limit.samples,
        "body_size_limit": limit.body,
        "label_limit": LABELS,
        "label_name_length_limit": LABEL_NAME,
        "label_value_length_limit": LABEL_VALUE,
    }


def _pod_job(page: Pods, limit: Bounds) -> Mapping[str, object]:
    job = _job(page.job, limit, own_labels=page.own_labels)
    job |= {"metrics_path": page.path, "scheme": page.scheme}
    if page.secret:
        job["authorization"] = {"type": "Bearer", "credentials_file": f"{SECRETS}/{page.secret}/token"}
    found: dict[str, object] = {"role": "pod", "namespaces": {"names": [page.namespace]}}
    if page.selector:
        found["selectors"] = [{"role": "pod", "label": page.selector}]
    job["kubernetes_sd_configs"] = [found]
    relabel: list[object] = [_rule("drop", [f"{_POD}_phase"], "Succeeded|Failed")]
    if page.owner:
        relabel.append(_rule("keep", [f"{_POD}_controller_kind", f"{_POD}_controller_name"], page.owner))
    if isinstance(page.port, str):
        relabel.append(_rule("drop", [f"{_POD}_container_init"], "true"))
        relabel.append(_rule("keep", [f"{_POD}_container_port_name"], page.port))
    else:  # one target per pod, whatever ports its containers declare: equal targets are one
        for pattern, address in (("(.+)", f"$1:{page.port}"), ("(.+:.+)", f"[$1]:{page.port}")):
            relabel.append(_set("__address__", [f"{_POD}_ip"], address, pattern))
    if not page.nameless:
        relabel.append(_set("namespace", ["__meta_kubernetes_namespace"]))
        relabel.append(_set("pod", [f"{_POD}_name"]))
    relabel.append(_set("node", [f"{_POD}_node_name"]))
    return job | {"relabel_configs": relabel}


def _address_job(page: Addresses, limit: Bounds) -> Mapping[str, object]:
    job = _job(page.job, limit, own_labels=page.own_labels)
    job |= {"metrics_path": page.path, "scheme": page.scheme}
    if page.query:
        job["params"] = dict(sorted(parse_qs(page.query, keep_blank_values=True).items()))
    job["static_configs"] = [{"targets": list(page.addresses)}]
    return job | ({"relabel_configs": [_address_is_the_pod()]} if page.is_engine else {})


def _listed_job(page: Listed, limit: Bounds) -> Mapping[str, object]:
    job = _job(page.job, limit, own_labels=False)
    return job | {"file_sd_configs": [{"files": [page.file]}], "relabel_configs": [_address_is_the_pod()]}


def _address_is_the_pod() -> object:
    """A replica outside Kubernetes is known by its address, as in our own page's ``llm_fleet_pod_info``."""
    return _set("pod", ["pod", "__address__"], "$1", ";(.+)")


def _rule(action: str, labels: list[str], regex: str) -> object:
    return {"action": action, "source_labels": labels, "regex": regex}


def _set(target: str, labels: list[str], replacement: str = "", regex: str = "") -> object:
    """Set label ``target``: to the source label as it is, or to ``replacement`` where ``regex`` matches."""
    rule = {"source_labels": labels, "target_label": target}
    return rule | ({"regex": regex, "replacement": replacement} if regex else {})
