"""One ScaledObject of a cluster: read it, apply a few of its fields. Never by force, always with a time-out."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import kubernetes
import urllib3
import yaml

from controlplane.act.answers import (
    DeniedError,
    MovedError,
    UnansweredError,
    UnreachedError,
    refusal,
    silence,
    warnings,
)
from controlplane.act.patch_file import one_line
from controlplane.model.keys import MANAGER, ObjectRef
from controlplane.model.right import Right

TIMEOUT = (3.0, 10.0)
"""Seconds to connect, and to wait for an answer. The client's own default is for ever."""

LARGEST = 4 * 2**20
"""An object of more bytes is none: etcd takes 1.5 MiB."""

CORE: Any = kubernetes.client.CoreV1Api
CUSTOM: Any = kubernetes.client.CustomObjectsApi
"""Named here because naming them loads them, which takes longer than many an answer."""

Client = Any
"""``kubernetes.client.ApiClient``, half typed."""
Connect = Callable[[], Client]
"""Makes a client with fresh credentials that tries nothing twice. May raise what the configuration raises."""

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Applied:
    """What the API server made of it, and what it warned of."""

    object: Object
    warnings: tuple[str, ...]


class Cluster:
    """The API server, as far as hands need it. Each method raises one of the errors of ``answers``."""

    def __init__(self, connect: Connect, *, timeout: tuple[float, float] = TIMEOUT) -> None:
        self._connect = connect
        self._timeout = timeout
        self._client: Client | None = None
        self._turn = threading.Lock()

    def read(self, ref: ObjectRef) -> Object | None:
        """The object as it is; ``None`` when there is none."""
        try:
            where = _where(ref)
            return self._ask(
                _right("get", ref), lambda client: CUSTOM(client).get_namespaced_custom_object(**where, **self._how)
            )[0]
        except MovedError:
            return None

    def namespace(self, name: str) -> Object:
        """The namespace, for its annotations."""
        right = Right(verb="get", resource="namespaces", namespace=name, name=name)
        return self._ask(right, lambda client: CORE(client).read_namespace(name, **self._how))[0]

    def apply(self, ref: ObjectRef, body: Object, *, rehearse: bool = False) -> Applied:
        """Server-side apply, without force. ``rehearse``: with every check and webhook, and without effect."""
        how: dict[str, Any] = {**self._how, "field_manager": MANAGER, "_content_type": "application/apply-patch+yaml"}
        if rehearse:
            how["dry_run"] = "All"
        where = _where(ref)
        made, said = self._ask(
            _right("patch", ref),
            lambda client: CUSTOM(client).patch_namespaced_custom_object(**where, body=dict(body), **how),
        )
        return Applied(made, warnings(said))

    def close(self) -> None:
        """Give connections back."""
        with self._turn:
            if self._client is not None:
                self._client.close()
                self._client = None

    @property
    def _how(self) -> dict[str, Any]:
        return {"_request_timeout": self._timeout, "_preload_content": False}

    def _ask(self, right: Right, call: Callable[[Client], Any]) -> tuple[Object, list[str]]:
        try:
            with call(self._connected()) as raw:
                text = raw.read(LARGEST + 1)
                said = list(raw.headers.getlist("Warning"))
        except kubernetes.client.ApiException as problem:
            if problem.status == 401:
                self.close()  # the token has run out: the next call reads it anew
            raise refusal(problem, right) from problem
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise silence(problem) from problem
        return _object(text), said

    def _connected(self) -> Client:
        with self._turn:
            if self._client is None:
                try:
                    self._client = self._connect()
                except (kubernetes.config.ConfigException, yaml.YAMLError, OSError, ValueError) as problem:
                    raise UnreachedError(one_line(f"no credentials for the cluster: {problem}", 200)) from problem
            return self._client


def _right(verb: str, ref: ObjectRef) -> Right:
    return Right(verb=verb, group="keda.sh", resource="scaledobjects", namespace=ref.namespace, name=ref.name)


def _where(ref: ObjectRef) -> dict[str, str]:
    if ref.kind != "ScaledObject":
        raise DeniedError(f"only ScaledObjects are written live, not a {ref.kind}")
    return {
        "group": "keda.sh",
        "version": "v1alpha1",
        "plural": "scaledobjects",
        "namespace": ref.namespace,
        "name": ref.name,
    }


def _object(text: bytes) -> Object:
    try:
        parsed = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise UnansweredError("the API server answered with something that is no object")
    return parsed
