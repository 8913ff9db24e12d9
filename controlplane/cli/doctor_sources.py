"""Where ``controlplane doctor`` looks: files, a Prometheus, a cluster. What cannot be read is said, never guessed."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from controlplane.collect.kubernetes_api import AbsentError, KubernetesApi
from controlplane.collect.kubernetes_kinds import DEPLOYMENT, HPA, SCALED_OBJECT, STATEFUL_SET, Kind
from controlplane.collect.prometheus_api import PrometheusApi
from controlplane.collect.prometheus_state import PrometheusState
from controlplane.doctor.naming import ENGINES, QUESTIONS
from controlplane.errors import Problem, SettingsError, SourceError
from controlplane.promql.expr import Match, aggregate, one_of, select

MOST_BYTES = 16 * 2**20
"""Of one file; a cluster's ScaledObjects as one list are a few MB."""

PROMETHEUS = Kind("Prometheus", "monitoring.coreos.com", "v1", "prometheuses")
PROMETHEUS_RULE = Kind("PrometheusRule", "monitoring.coreos.com", "v1", "prometheusrules")
SERVICE_MONITOR = Kind("ServiceMonitor", "monitoring.coreos.com", "v1", "servicemonitors")
POD_MONITOR = Kind("PodMonitor", "monitoring.coreos.com", "v1", "podmonitors")
OPERATOR = (PROMETHEUS, PROMETHEUS_RULE, SERVICE_MONITOR, POD_MONITOR)
BUDGET = Kind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets")
APPLICATION = Kind("Application", "argoproj.io", "v1alpha1", "applications")
SCALING = (SCALED_OBJECT, HPA, DEPLOYMENT, STATEFUL_SET, BUDGET, APPLICATION)

Document = Mapping[str, Any]
T = TypeVar("T")


@dataclass(slots=True)
class Unseen:
    """What could not be looked at, and why."""

    parts: list[tuple[str, str]] = field(default_factory=list)

    def attempt(self, what: str, ask: Callable[[], T]) -> T | None:
        """The answer, or ``None`` with its reason noted."""
        try:
            return ask()
        except SourceError as error:
            self.parts.append((what, str(error)))
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a Prometheus said; ``None`` where it could not be had."""

    version: str | None
    rules: object
    targets: object
    configuration: object
    ever: frozenset[str] | None
    """Of the metrics our rules need, those it has ever seen."""
    now: frozenset[str] | None
    """Of the names our rules record, those that have a series."""
    answers: Mapping[str, Sequence[Mapping[str, str]]]
    engines: frozenset[tuple[str, str]]
    seconds: Mapping[tuple[str, str], float]
    """How long an answer takes, 99th percentile, by namespace and role; where our rules record it."""


def server(api: PrometheusApi, needed: Iterable[str], recorded: Iterable[str], unseen: Unseen) -> Server | None:
    """Ask a Prometheus everything; ``None`` when it gives no rules at all, which is where its health begins."""
    state = PrometheusState(api)
    rules = unseen.attempt("Prometheus: rules", state.rules)
    if rules is None:
        return None
    return Server(
        rules=rules,
        version=unseen.attempt("Prometheus: version", state.version),
        targets=unseen.attempt("Prometheus: targets", state.targets),
        configuration=unseen.attempt("Prometheus: configuration", state.configuration),
        ever=unseen.attempt("Prometheus: metric names", lambda: state.seen(needed)),
        now=unseen.attempt("Prometheus: recorded names", lambda: _present(api, recorded)),
        answers=unseen.attempt("Prometheus: naming", lambda: _answers(api)) or {},
        engines=unseen.attempt("Prometheus: engines", lambda: _engines(api)) or frozenset(),
        seconds=unseen.attempt("Prometheus: how long answers take", lambda: _seconds(api)) or {},
    )


def _present(api: PrometheusApi, names: Iterable[str]) -> frozenset[str]:
    wanted = sorted(set(names))
    if not wanted:
        return frozenset()
    found = api.query(aggregate("group", select("", (one_of("__name__", wanted),)), ("__name__",)))
    return frozenset(sample.labels.get("__name__", "") for sample in found)


def _answers(api: PrometheusApi) -> Mapping[str, Sequence[Mapping[str, str]]]:
    return {key: tuple(sample.labels for sample in api.query(query)) for key, query in QUESTIONS.items()}


def _engines(api: PrometheusApi) -> frozenset[tuple[str, str]]:
    found = api.query(aggregate("group", ENGINES, ("job", "instance")))
    return frozenset((sample.labels.get("job", ""), sample.labels.get("instance", "")) for sample in found)


def _seconds(api: PrometheusApi) -> Mapping[tuple[str, str], float]:
    slowest = select("llm_role:e2e_seconds:quantile5m", (Match("quantile", "0.99"),))
    found = api.query(aggregate("max", slowest, ("namespace", "role")))
    return {(s.labels.get("namespace", ""), s.labels.get("role", "")): s.value for s in found}


def documents_of(names: Sequence[str]) -> tuple[tuple[str, Document], ...]:
    """File and content of every YAML or JSON document; folders are walked, ``-`` is standard input, lists are opened.

    Raises:
        SettingsError: a file cannot be read, or is no YAML.
    """
    found: list[tuple[str, Document]] = []
    for name in names:
        for file in _files(name):
            for document in _parsed(file):
                found += [(file, one) for one in _opened(document)]
    return tuple(found)


def _files(name: str) -> Iterator[str]:
    if name != "-" and Path(name).is_dir():
        yield from sorted(str(p) for p in Path(name).rglob("*") if p.suffix in {".yaml", ".yml", ".json"})
    else:
        yield name


def _parsed(name: str) -> list[object]:
    try:
        if name == "-":
            body = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                body = file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise _refused(name, f"cannot be read: {problem.strerror}", "name a file or folder that is there") from problem
    if len(body) > MOST_BYTES:
        raise _refused(name, f"is larger than {MOST_BYTES // 2**20} MiB", "give fewer objects at a time")
    try:
        return list(yaml.load_all(body, yaml.CSafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        line = getattr(getattr(problem, "problem_mark", None), "line", None)
        raise _refused(name, "is not YAML", "check it with kubectl apply --dry-run=client", line) from problem


def _refused(name: str, what: str, fix: str, line: int | None = None) -> SettingsError:
    return SettingsError([Problem(file=name, line=None if line is None else line + 1, key="", what=what, fix=fix)])


def _opened(document: object) -> Iterator[Document]:
    """A document, or the objects of a list (``kubectl get -o yaml``)."""
    if not isinstance(document, Mapping):
        return
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
        kind = str(document["kind"]).removesuffix("List")
        for item in items:
            if isinstance(item, Mapping):
                yield {"kind": kind, **item} if kind else item
    else:
        yield document


def objects(api: KubernetesApi, kinds: Sequence[Kind], namespaces: Iterable[str], unseen: Unseen) -> Iterator[Document]:
    """Objects of a cluster, each with its kind. A kind the cluster does not know has no objects."""
    for kind in kinds:
        for namespace in sorted(set(namespaces)):
            for item in unseen.attempt(f"cluster: {kind.plural} in {namespace}", _list(api, kind, namespace)) or ():
                yield {"apiVersion": f"{kind.group}/{kind.version}".strip("/"), "kind": kind.name, **item}


def _list(api: KubernetesApi, kind: Kind, namespace: str) -> Callable[[], tuple[Document, ...]]:
    def ask() -> tuple[Document, ...]:
        try:
            return api.list(kind, namespace)
        except AbsentError:
            return ()

    return ask
