"""List objects of a Kubernetes cluster: whole lists or none, never late, never more than we can hold.

The ``kubernetes`` client asks, always with a time-out (its own default is none). Answers are taken as plain
JSON: its models refuse a list for one odd object, and cost ten times as much.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import kubernetes
import urllib3
import yaml

from controlplane.collect.answers import AnswerLimits, read_answer, shortened, source_error
from controlplane.errors import SourceError
from controlplane.model.page import Fault

PAGE = 500
"""Objects asked for at a time, as kubectl does."""
MOST = 10_000
"""Objects of one list we are ready to hold."""


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """A kind of object and where the API serves it."""

    name: str
    group: str
    version: str
    plural: str


POD = Kind("Pod", "", "v1", "pods")
DEPLOYMENT = Kind("Deployment", "apps", "v1", "deployments")
STATEFUL_SET = Kind("StatefulSet", "apps", "v1", "statefulsets")
LEADER_WORKER_SET = Kind("LeaderWorkerSet", "leaderworkerset.x-k8s.io", "v1", "leaderworkersets")
HPA = Kind("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers")
SCALED_OBJECT = Kind("ScaledObject", "keda.sh", "v1alpha1", "scaledobjects")


class AbsentError(SourceError):
    """The cluster does not know this kind of object: its definition (CRD) is not installed."""


class BusyError(SourceError):
    """The API server asks us to come back later.

    Attributes:
        wait: seconds it asked for.
    """

    def __init__(self, detail: str, wait: float) -> None:
        super().__init__(Fault.STATUS, detail)
        self.wait = wait


CORE: Any = kubernetes.client.CoreV1Api
CUSTOM: Any = kubernetes.client.CustomObjectsApi
"""Named here because naming them loads them, which takes longer than many an answer."""

Client = Any
"""``kubernetes.client.ApiClient``, half typed."""
Connect = Callable[[], Client]
"""Makes a client with fresh credentials. May raise what the client's configuration raises."""


def connection(*, in_cluster: bool = False, context: str | None = None) -> Connect:
    """How to reach a cluster: from inside with our service account, or by a context of the kubeconfig."""

    def connect() -> Client:
        settings = kubernetes.client.Configuration()
        load: Any = kubernetes.config  # half typed
        if in_cluster:
            load.load_incluster_config(client_configuration=settings)
        else:
            load.load_kube_config(context=context, client_configuration=settings)
        return client_for(settings)

    return connect


def client_for(settings: kubernetes.client.Configuration) -> Client:
    """A client that tries nothing twice and follows no redirect: the next tick is the next try."""
    settings.retries = urllib3.Retry(0, redirect=0)
    return kubernetes.client.ApiClient(settings)


class KubernetesApi:
    """Lists of objects, read only.

    Args:
        connect: makes a client; called again after the server refused our credentials.
        monotonic: seconds of real time, for deadlines.
        limits: bounds on each answer.
    """

    def __init__(self, connect: Connect, *, monotonic: Callable[[], float], limits: AnswerLimits | None = None) -> None:
        self._connect = connect
        self._monotonic = monotonic
        self._limits = limits or AnswerLimits()
        self._client: Client | None = None

    def list(self, kind: Kind, namespace: str, selector: str = "") -> tuple[dict[str, Any], ...]:
        """All objects of a kind in a namespace that ``selector`` picks.

        Raises:
            AbsentError: no such kind in this cluster.
            BusyError: the server is overloaded and said when to come back.
            SourceError: no whole list could be had.
        """
        try:
            return tuple(self._pages(kind, namespace, selector))
        except _GoneError:  # the list moved on while we paged through it: once more from its beginning
            try:
                return tuple(self._pages(kind, namespace, selector))
            except _GoneError as problem:
                raise SourceError(Fault.STATUS, f"the list of {kind.plural} expires while it is read") from problem

    def close(self) -> None:
        """Give connections back."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _pages(self, kind: Kind, namespace: str, selector: str) -> Iterator[dict[str, Any]]:
        token, count = "", 0
        while True:
            page = self._page(kind, namespace, selector, token)
            items = page.get("items")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise SourceError(Fault.MALFORMED, f"no list of {kind.plural}")
            count += len(items)
            if count > MOST:
                raise SourceError(Fault.TOO_MANY, f"more than {MOST} {kind.plural} in {namespace}")
            yield from items
            metadata = page.get("metadata")
            token = metadata.get("continue") or "" if isinstance(metadata, dict) else ""
            if not token:
                return

    def _page(self, kind: Kind, namespace: str, selector: str, token: str) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "namespace": namespace,
            "limit": PAGE,
            "_request_timeout": self._limits.seconds,
            "_preload_content": False,
        }
        if selector:
            wanted["label_selector"] = selector
        if token:
            wanted["_continue"] = token
        client = self._connected()
        begun = self._monotonic()
        try:
            with _ask(client, kind, wanted) as raw:
                body = read_answer(raw, self._limits, begun, self._monotonic)
        except kubernetes.client.ApiException as problem:
            raise self._refused(kind, namespace, problem) from problem
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise source_error(problem) from problem
        return _object(body)

    def _connected(self) -> Client:
        if self._client is None:
            try:
                self._client = self._connect()
            except (kubernetes.config.ConfigException, yaml.YAMLError, OSError, ValueError) as problem:
                raise SourceError(Fault.UNAUTHORISED, shortened(f"no credentials: {problem}")) from problem
        return self._client

    def _refused(self, kind: Kind, namespace: str, problem: kubernetes.client.ApiException) -> SourceError:
        status = problem.status
        said = shortened(f"status {status}: list {kind.plural} in {namespace}")
        if status == 410:
            return _GoneError(Fault.STATUS, said)
        if status == 401:
            self.close()  # the token has run out: the next call reads it anew
            return SourceError(Fault.UNAUTHORISED, said)
        if status == 403:
            return SourceError(Fault.UNAUTHORISED, said)
        if status == 404:
            return AbsentError(Fault.STATUS, f"the cluster has no {kind.plural}.{kind.group}")
        if status == 429:
            wait = (problem.headers or {}).get("Retry-After", "")
            return BusyError(said, float(wait) if wait.isdecimal() and len(wait) < 5 else 1.0)
        return SourceError(Fault.STATUS, said)


def _ask(client: Client, kind: Kind, wanted: dict[str, Any]) -> Any:
    if kind is POD:
        return CORE(client).list_namespaced_pod(**wanted)
    custom = CUSTOM(client)  # its path serves every group, Kubernetes' own too
    return custom.list_namespaced_custom_object(kind.group, kind.version, plural=kind.plural, **wanted)


class _GoneError(SourceError):
    """410: the continue token has expired."""


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise SourceError(Fault.MALFORMED, shortened(f"not JSON: {body[:60]!r}")) from problem
    if not isinstance(parsed, dict):
        raise SourceError(Fault.MALFORMED, "not an object")
    return parsed
