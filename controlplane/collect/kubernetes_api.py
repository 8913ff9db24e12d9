"""List and watch objects of a Kubernetes cluster: whole lists or none, never late, never more than we can hold.

The ``kubernetes`` client asks, always with a time-out (its own default is none). Answers are taken as plain
JSON: its models refuse a list for one odd object, and cost ten times as much.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import kubernetes
import urllib3
import yaml

from controlplane.collect.answers import AnswerLimits, read_answer, shortened, source_error
from controlplane.collect.kubernetes_kinds import POD, Kind, Listing
from controlplane.collect.kubernetes_stream import GoneError, Stream
from controlplane.errors import SourceError
from controlplane.model.page import Fault

PAGE = 500
"""Objects asked for at a time, as kubectl does."""
POOL = 128
"""Connections kept: each watch holds one."""
MOST = 10_000
"""Objects of one list we are ready to hold."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A whole list, and the version of the cluster it shows."""

    items: tuple[dict[str, Any], ...]
    version: str


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


class ForbiddenError(SourceError):
    """403: our account may not do this."""


CORE: Any = kubernetes.client.CoreV1Api
CUSTOM: Any = kubernetes.client.CustomObjectsApi
"""Named here because naming them loads them, which takes longer than many an answer."""

Client = Any
"""``kubernetes.client.ApiClient``, half typed."""
Connect = Callable[[], Client]
"""Makes a client with fresh credentials. May raise what the client's configuration raises."""


def connection(*, in_cluster: bool = False, context: str | None = None, file: str | None = None) -> Connect:
    """How to reach a cluster: from inside with our service account, or by a context of a kubeconfig (the usual one)."""

    def connect() -> Client:
        settings = kubernetes.client.Configuration()
        load: Any = kubernetes.config  # half typed
        if in_cluster:
            load.load_incluster_config(client_configuration=settings)
        else:
            load.load_kube_config(
                config_file=file or os.environ.get("KUBECONFIG"),  # now, not as it was when the library was imported
                context=context,
                client_configuration=settings,
            )
        return client_for(settings)

    return connect


def client_for(settings: kubernetes.client.Configuration) -> Client:
    """A client that tries nothing twice and follows no redirect: the next tick is the next try."""
    settings.retries = urllib3.Retry(0, redirect=0)
    settings.connection_pool_maxsize = POOL
    return kubernetes.client.ApiClient(settings)


class Link:
    """One client, made when it is first needed, and anew after it was given back. Safe to use from many threads."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._turn = threading.Lock()

    def client(self) -> Client:
        """The client. Raises ``SourceError`` when there are no credentials."""
        with self._turn:
            if self._client is None:
                try:
                    self._client = self._connect()
                except (kubernetes.config.ConfigException, yaml.YAMLError, OSError, ValueError) as problem:
                    raise SourceError(Fault.UNAUTHORISED, shortened(f"no credentials: {problem}")) from problem
            return self._client

    def close(self) -> None:
        """Give connections back."""
        with self._turn:
            client, self._client = self._client, None
        if client is not None:
            client.close()


class KubernetesApi:
    """Lists of objects, read only.

    Args:
        connect: makes a client; called again after the server refused our credentials.
        monotonic: seconds of real time, for deadlines.
        limits: bounds on each answer.
    """

    def __init__(self, connect: Connect, *, monotonic: Callable[[], float], limits: AnswerLimits | None = None) -> None:
        self._link = Link(connect)
        self._monotonic = monotonic
        self._limits = limits or AnswerLimits()

    def list(self, kind: Kind, namespace: str, selector: str = "") -> tuple[dict[str, Any], ...]:
        """All objects of a kind in a namespace that ``selector`` picks; raises as :meth:`listed` does."""
        return self.listed(Listing(kind, namespace, selector)).items

    def listed(self, listing: Listing) -> Listed:
        """All objects of a listing as they were at one version.

        Raises:
            AbsentError: no such kind in this cluster.
            BusyError: the server is overloaded and said when to come back.
            SourceError: no whole list could be had.
        """
        try:
            return self._pages(listing)
        except GoneError:  # the list moved on while we paged through it: once more from its beginning
            try:
                return self._pages(listing)
            except GoneError as problem:
                raise SourceError(Fault.STATUS, f"the list of {listing} expires while it is read") from problem

    def watch(self, listing: Listing, version: str, seconds: int, grace: float) -> Stream:
        """What happens to a listing after ``version``, for some ``seconds``; then the server ends the stream.

        Nothing heard for ``grace`` seconds longer than that is a connection that died without a word.

        Raises:
            GoneError: the server does not remember that version.
            ForbiddenError: our account may list but not watch.
            SourceError: the watch could not be begun.
        """
        wanted = {
            "watch": True,
            "allow_watch_bookmarks": True,
            "resource_version": version,
            "timeout_seconds": seconds,
            "_request_timeout": (self._limits.seconds, seconds + grace),
        }
        return Stream(self._ask(listing, "watch", wanted))

    def close(self) -> None:
        """Give connections back."""
        self._link.close()

    def _pages(self, listing: Listing) -> Listed:
        token, items = "", []
        while True:
            page = self._page(listing, token)
            found, metadata = page.get("items"), page.get("metadata")
            if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
                raise SourceError(Fault.MALFORMED, f"no list of {listing.kind.plural}")
            items += found
            if len(items) > MOST:
                raise SourceError(Fault.TOO_MANY, f"more than {MOST} {listing}")
            about = metadata if isinstance(metadata, dict) else {}
            token = about.get("continue") or ""
            if not token:
                return Listed(tuple(items), str(about.get("resourceVersion") or ""))

    def _page(self, listing: Listing, token: str) -> dict[str, Any]:
        wanted: dict[str, Any] = {"limit": PAGE, "_request_timeout": self._limits.seconds}
        if token:
            wanted["_continue"] = token
        begun = self._monotonic()
        try:
            with self._ask(listing, "list", wanted) as raw:
                body = read_answer(raw, self._limits, begun, self._monotonic)
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise source_error(problem) from problem
        return read_object(body)

    def _ask(self, listing: Listing, verb: str, wanted: dict[str, Any]) -> Any:
        client = self._link.client()
        given = wanted | {"_preload_content": False}
        if listing.selector:
            given["label_selector"] = listing.selector
        try:
            return _call(client, listing, given)
        except kubernetes.client.ApiException as problem:
            raise self._refused(listing, verb, problem) from problem
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise source_error(problem) from problem

    def _refused(self, listing: Listing, verb: str, problem: kubernetes.client.ApiException) -> SourceError:
        status = problem.status
        said = shortened(f"status {status}: {verb} {listing}")
        if status == 410:
            return GoneError(Fault.STATUS, said)
        if status == 401:
            self.close()  # the token has run out: the next call reads it anew
            return SourceError(Fault.UNAUTHORISED, said)
        if status == 403:
            return ForbiddenError(Fault.UNAUTHORISED, said)
        if status == 404:
            return AbsentError(Fault.STATUS, f"the cluster has no {listing.kind.plural}.{listing.kind.group}")
        if status == 429:
            wait = (problem.headers or {}).get("Retry-After", "")
            return BusyError(said, float(wait) if wait.isdecimal() and len(wait) < 5 else 1.0)
        return SourceError(Fault.STATUS, said)


def _call(client: Client, listing: Listing, wanted: dict[str, Any]) -> Any:
    kind = listing.kind
    if not kind.namespaced:
        return CORE(client).list_node(**wanted)
    if kind is POD:
        return CORE(client).list_namespaced_pod(namespace=listing.namespace, **wanted)
    custom = CUSTOM(client)  # its path serves every group, Kubernetes' own too
    where = {"namespace": listing.namespace, "plural": kind.plural}
    return custom.list_namespaced_custom_object(kind.group, kind.version, **where, **wanted)


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises ``SourceError`` for anything else."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise SourceError(Fault.MALFORMED, shortened(f"not JSON: {body[:60]!r}")) from problem
    if not isinstance(parsed, dict):
        raise SourceError(Fault.MALFORMED, "not an object")
    return parsed
