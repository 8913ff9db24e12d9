"""What Prometheus reads, as ``PodMonitor`` and ``ServiceMonitor`` objects, each with limits.

``bodySizeLimit`` needs operator 0.73, ``portNumber`` (engines found by their workload) 0.79.
"""

import re
from collections.abc import Mapping

from controlplane.generate.forms.pages import LABEL_NAME, LABEL_VALUE, LABELS, Bounds, Pods, bounds, pods
from controlplane.generate.forms.rules import operator_metadata, trap
from controlplane.generate.request import Request
from controlplane.generate.text import yaml_text

_OPERATORS = {"in": "In", "notin": "NotIn"}
_SET = re.compile(r"(\S+) (in|notin) \(([^()]*)\)")
_EQUALS = re.compile(r"([^=!\s]+) ?(==|=|!=) ?(.*)")
_TERMS = re.compile(r", ?(?![^(]*\))")

NODE = {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}
OWNER = ["__meta_kubernetes_pod_controller_kind", "__meta_kubernetes_pod_controller_name"]


def monitors(request: Request, _made: Mapping[str, str]) -> Mapping[str, str]:
    """One file per page that is read."""
    limit = bounds(request.settings)
    files = {}
    for page in pods(request.settings):
        kind = "ServiceMonitor" if page.service else "PodMonitor"
        document = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": kind,
            "metadata": operator_metadata(request, page.job),
            "spec": _spec(page, limit),
        }
        files[f"manifests/monitoring/{kind.lower()}-{page.job}.yaml"] = yaml_text(
            request.source, document, note=trap(kind)
        )
    return files


def selector_of(written: str) -> Mapping[str, object]:
    """A label selector as kubectl takes it, as objects carry it."""
    labels: dict[str, str] = {}
    wanted: list[dict[str, object]] = []
    for term in filter(None, _TERMS.split(written)):
        if within := _SET.fullmatch(term):
            values = [value.strip() for value in within[3].split(",")]
            wanted.append({"key": within[1], "operator": _OPERATORS[within[2]], "values": values})
        elif (equals := _EQUALS.fullmatch(term)) is None:
            key, operator = (term[1:], "DoesNotExist") if term.startswith("!") else (term, "Exists")
            wanted.append({"key": key, "operator": operator})
        elif equals[2] == "!=":
            wanted.append({"key": equals[1], "operator": "NotIn", "values": [equals[3]]})
        else:
            labels[equals[1]] = equals[3]
    return ({"matchLabels": labels} if labels else {}) | ({"matchExpressions": wanted} if wanted else {})


def _spec(page: Pods, limit: Bounds) -> Mapping[str, object]:
    endpoints = "endpoints" if page.service else "podMetricsEndpoints"
    return {
        "namespaceSelector": {"matchNames": [page.namespace]},
        "selector": selector_of(page.selector),
        "sampleLimit": limit.samples,
        "bodySizeLimit": limit.body,
        "labelLimit": LABELS,
        "labelNameLengthLimit": LABEL_NAME,
        "labelValueLengthLimit": LABEL_VALUE,
        endpoints: [_endpoint(page, limit)],
    }


def _endpoint(page: Pods, limit: Bounds) -> Mapping[str, object]:
    endpoint: dict[str, object] = {"port": page.port} if isinstance(page.port, str) else {"portNumber": page.port}
    endpoint |= {"path": page.path, "scheme": page.scheme, "interval": limit.interval, "honorLabels": page.own_labels}
    if page.secret:
        endpoint["authorization"] = {"type": "Bearer", "credentials": {"name": page.secret, "key": "token"}}
    relabelings: list[object] = [{"action": "labeldrop", "regex": "namespace|pod|container"}] if page.nameless else []
    if page.owner:
        relabelings.append({"action": "keep", "sourceLabels": OWNER, "regex": page.owner})
    if not page.own_labels:
        relabelings.append(NODE)
    return endpoint | ({"relabelings": relabelings} if relabelings else {})
