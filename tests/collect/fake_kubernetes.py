"""A strict Kubernetes API over real HTTP: lists only, paged, with the refusals of the real one.

It refuses what a careful reader never sends: writes, lists without a limit, unknown parameters, a stale token.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import kubernetes

from controlplane.collect.kubernetes_api import Client, client_for
from tests.collect.fake_http import Asked, FakeHttp, Reply, fake_http

PLURALS = {
    "nodes": "/api/v1",
    "pods": "/api/v1",
    "deployments": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "leaderworkersets": "/apis/leaderworkerset.x-k8s.io/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "scaledobjects": "/apis/keda.sh/v1alpha1",
}
KNOWN = {"limit", "continue", "labelSelector"}

Object = Mapping[str, Any]


@dataclass
class FakeCluster:
    """Objects by plural, and what is wrong with the server at the moment."""

    objects: dict[str, list[Object]] = field(default_factory=lambda: {plural: [] for plural in PLURALS})
    token: str = "good"
    forbidden: set[str] = field(default_factory=set)
    page: int = 500
    """Objects per page, never more than asked for."""
    gone: int = 0
    """How many continue tokens to call expired."""
    trouble: dict[str, Reply] = field(default_factory=dict)
    """Answers by plural, instead of a list; "*" for all."""
    http: FakeHttp | None = None

    def answer(self, asked: Asked) -> Reply:
        """What the API server says."""
        if asked.headers.get("Authorization", asked.headers.get("authorization")) != f"Bearer {self.token}":
            return _status(401, "Unauthorized")
        prefix, _, rest = asked.path.partition("/namespaces/")
        namespace, _, plural = rest.partition("/")
        if not rest:
            prefix, _, plural = asked.path.rpartition("/")
        if PLURALS.get(plural) != prefix or plural not in self.objects:
            return Reply(b"404 page not found\n", 404, "text/plain")
        trouble = self.trouble.get(plural) or self.trouble.get("*")
        if trouble:
            return trouble
        if plural in self.forbidden:
            return _status(403, "Forbidden")
        if set(asked.fields) - KNOWN or not 0 < int(asked.fields.get("limit", "0")) <= 500:
            return _status(400, "BadRequest")
        if "continue" in asked.fields and self.gone:
            self.gone -= 1
            return _status(410, "Expired")
        return self._list(namespace, plural, asked.fields)

    def _list(self, namespace: str, plural: str, fields: Mapping[str, str]) -> Reply:
        wanted = dict(pair.split("=", 1) for pair in fields.get("labelSelector", "").split(",") if pair)
        found = [
            o
            for o in self.objects[plural]
            if o["metadata"].get("namespace", "") == namespace
            and wanted.items() <= o["metadata"].get("labels", {}).items()
        ]
        first = int(fields.get("continue", "0"))
        last = first + min(self.page, int(fields["limit"]))
        more = {"continue": str(last)} if last < len(found) else {}
        body = {"kind": "List", "metadata": {"resourceVersion": "7", **more}, "items": found[first:last]}
        return Reply(json.dumps(body).encode())

    def connect(self) -> Client:
        """A client for this server, with the token that is good when it is made."""
        assert self.http is not None
        settings = kubernetes.client.Configuration(host=self.http.url)
        settings.api_key = {"authorization": f"Bearer {self.token}", "BearerToken": f"Bearer {self.token}"}
        return client_for(settings)

    @property
    def asked(self) -> list[str]:
        """Plurals in the order they were listed."""
        assert self.http is not None
        return [a.path.rsplit("/", 1)[-1] for a in self.http.asked]


def _status(code: int, reason: str) -> Reply:
    return Reply(json.dumps({"kind": "Status", "status": "Failure", "reason": reason, "code": code}).encode(), code)


@contextmanager
def fake_cluster() -> Iterator[FakeCluster]:
    """Serve an empty cluster until the block ends."""
    cluster = FakeCluster()
    with fake_http(cluster.answer) as http:
        cluster.http = http
        yield cluster
