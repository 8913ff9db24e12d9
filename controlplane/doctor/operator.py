"""Does the Prometheus operator take our objects at all?

It loads a PrometheusRule or a monitor only when a Prometheus' selector picks its labels and its namespace, and is
silent about the rest. kube-prometheus-stack selects ``release: <the name it was installed under>``: the commonest
reason why rules that are "there" are not.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.doctor.check import Check
from controlplane.doctor.plain import items, labels, part, text
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity

NOT_SELECTED = Check(
    id="operator-label",
    severity=Severity.CRITICAL,
    title="a PrometheusRule or monitor of ours has labels that no Prometheus asks for",
    why="The object is in the cluster, kubectl shows it, and nothing of it is loaded: no rule, no target, no error.",
    fix="Write the label that the selector asks for under generate.monitoring.labels, generate and apply again.",
)
OTHER_NAMESPACE = Check(
    id="operator-namespace",
    severity=Severity.CRITICAL,
    title="a PrometheusRule or monitor of ours is in a namespace that no Prometheus looks into",
    why="As with a wrong label: the object is there, and nothing of it is loaded.",
    fix="Set generate.monitoring.namespace to a namespace the selector picks.",
)
NOT_APPLIED = Check(
    id="operator-not-applied",
    severity=Severity.WARNING,
    title="a cluster with the Prometheus operator has none of our PrometheusRules",
    why="Nothing of ours can be loaded from what is not there.",
    fix="kubectl apply --server-side -f manifests/monitoring/",
)
NOT_YET = Check(
    id="operator-not-loaded",
    severity=Severity.WARNING,
    title="a PrometheusRule of ours is selected, and its groups are not loaded",
    why="The operator refused it (a rule it cannot parse), or Prometheus has not reloaded.",
    fix="Look at the operator's log, and at the events of the object: kubectl describe prometheusrule.",
)
CHECKS = (NOT_SELECTED, OTHER_NAMESPACE, NOT_APPLIED, NOT_YET)

SELECTORS = {"PrometheusRule": "rule", "ServiceMonitor": "serviceMonitor", "PodMonitor": "podMonitor"}
"""Kind → how the fields of a Prometheus begin that select it."""
OURS = ("app.kubernetes.io/part-of", "llm-controlplane")
"""Label of every object ``generate`` writes for the operator."""

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a Prometheus takes an object, and if not, for which selector."""

    taken: bool
    field: str = ""
    asks: str = ""


def check(documents: Sequence[Object], loaded: Collection[str] | None = None) -> tuple[Row, ...]:
    """Rows about the operator's objects.

    Args:
        documents: objects of the cluster, or of files: Prometheus, PrometheusRule, ServiceMonitor, PodMonitor.
        loaded: names of the groups the server has loaded; ``None`` when no server was asked.
    """
    servers = [d for d in documents if text(d, "kind") == "Prometheus"]
    ours = [d for d in documents if text(d, "kind") in SELECTORS and labels(_meta(d)).get(OURS[0]) == OURS[1]]
    if not servers:
        return ()
    if not any(text(d, "kind") == "PrometheusRule" for d in ours):
        names = tuple(_named(server) for server in servers)
        said = "the cluster has a Prometheus and none of our PrometheusRules"
        return (NOT_APPLIED.row("PrometheusRule", said, evidence=names, fix=NOT_APPLIED.fix),)
    rows: list[Row] = []
    for document in ours:
        verdicts = [(server, verdict(server, document)) for server in servers]
        if not any(v.taken for _, v in verdicts):
            rows.append(_ignored(document, verdicts))
        elif loaded is not None:
            rows += _not_loaded(document, loaded)
    return tuple(rows)


def verdict(server: Object, document: Object) -> Verdict:
    """Whether the Prometheus object ``server`` takes ``document``. Pure label arithmetic, as the operator does it."""
    kind = SELECTORS[text(document, "kind")]
    spec = part(server, "spec")
    chosen = spec.get(f"{kind}Selector")
    if not picks(chosen, labels(_meta(document))):
        return Verdict(False, f"{kind}Selector", _shown(chosen))
    where = spec.get(f"{kind}NamespaceSelector")
    home, place = text(_meta(server), "namespace"), text(_meta(document), "namespace")
    if where is None:  # only its own
        return Verdict(place == home, f"{kind}NamespaceSelector", f"its own namespace {home}")
    if not picks(where, {"kubernetes.io/metadata.name": place}):
        return Verdict(False, f"{kind}NamespaceSelector", _shown(where))
    return Verdict(True)


def picks(selector: object, carried: Mapping[str, str]) -> bool:
    """Whether a label selector picks an object with these labels: none picks nothing, an empty one everything."""
    if not isinstance(selector, Mapping):
        return False
    if any(carried.get(name) != value for name, value in labels(selector, "matchLabels").items()):
        return False
    return all(_holds(wanted, carried) for wanted in items(selector, "matchExpressions"))


def _holds(wanted: Object, carried: Mapping[str, str]) -> bool:
    value = carried.get(text(wanted, "key"))
    values = wanted.get("values") or ()
    match text(wanted, "operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False


def _ignored(document: Object, verdicts: Sequence[tuple[Object, Verdict]]) -> Row:
    server, first = verdicts[0]
    by_namespace = "Namespace" in first.field
    evidence = tuple(f"{_named(s)} {v.field} = {v.asks}" for s, v in verdicts)
    if by_namespace:
        said = f"lies in namespace {text(_meta(document), 'namespace')}, and {_named(server)} looks into {first.asks}"
        fix = f"generate: {{monitoring: {{namespace: {text(_meta(server), 'namespace')}}}}}"
        return OTHER_NAMESPACE.row(_named(document), said, evidence=evidence, fix=fix)
    carried = labels(_meta(document))
    wanted = labels(part(server, "spec", first.field), "matchLabels")
    wrong = {name: value for name, value in wanted.items() if carried.get(name) != value}
    if not wrong:
        said = f"is not loaded: {_named(server)} asks for {first.asks}"
        return NOT_SELECTED.row(_named(document), said, evidence=evidence, fix=NOT_SELECTED.fix)
    has = ", ".join(f"{name}: {carried[name]}" if name in carried else f"no {name}" for name in wrong)
    asks = ", ".join(f"{name}: {value}" for name, value in wrong.items())
    said = f"is not loaded: it has {has}, and {_named(server)} asks for {asks}"
    fix = f"generate: {{monitoring: {{labels: {{{asks}}}}}}}"
    return NOT_SELECTED.row(_named(document), said, evidence=evidence, fix=fix)


def _not_loaded(document: Object, loaded: Collection[str]) -> Iterator[Row]:
    groups = [text(group, "name") for group in items(part(document, "spec"), "groups")]
    lacking = tuple(name for name in groups if name not in loaded)
    if lacking:
        said = f"is selected, and {len(lacking)} of its {len(groups)} groups are not loaded"
        meta = _meta(document)
        fix = f"kubectl describe prometheusrule -n {text(meta, 'namespace')} {text(meta, 'name')}"
        yield NOT_YET.row(_named(document), said, evidence=lacking, fix=fix)


def _meta(document: Object) -> Object:
    return part(document, "metadata")


def _named(document: Object) -> str:
    meta = _meta(document)
    return f"{text(document, 'kind')} {text(meta, 'namespace')}/{text(meta, 'name')}"


def _shown(selector: object) -> str:
    """A selector in one line."""
    if not isinstance(selector, Mapping):
        return "nothing (it is unset)"
    pairs = [f"{name}={value}" for name, value in labels(selector, "matchLabels").items()]
    for wanted in items(selector, "matchExpressions"):
        values = ",".join(str(v) for v in wanted.get("values") or ())
        pairs.append(f"{text(wanted, 'key')} {text(wanted, 'operator')} {values}".strip())
    return " and ".join(pairs) or "everything"
