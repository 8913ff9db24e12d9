"""A strict Kubernetes API over real HTTP: lists, paged, and watches, with the refusals of the real one.

It refuses what a careful reader never sends: writes, lists without a limit, watches without an end or without
bookmarks, unknown parameters, a stale token.
"""

import json
import threading
import time
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
OF_A_WATCH = {"watch", "allowWatchBookmarks", "resourceVersion", "timeoutSeconds"}

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to an object."""

    version: int
    plural: str
    happened: str
    thing: Object


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
    bookmarks: bool = True
    """Whether a watch ends with one; a server may leave them out."""
    unwatched: set[str] = field(default_factory=set)
    """Plurals that may be listed but not watched."""
    watches: Reply | None = None
    """Answer to every watch, instead of its events."""
    silent: bool = False
    """Watches begin and say nothing, not even that they end."""
    http: FakeHttp | None = None
    version: int = 7
    journal: list[Happening] = field(default_factory=list)
    forgotten: int = 0
    """Versions up to this one cannot be watched from."""
    news: threading.Condition = field(default_factory=threading.Condition)

    def put(self, plural: str, thing: Object) -> None:
        """Create an object or change it, as somebody else would."""
        with self.news:
            before = self._without(plural, thing["metadata"]["namespace"], thing["metadata"]["name"])
            self._note("MODIFIED" if before else "ADDED", plural, thing)
            self.objects[plural] = [*self.objects[plural], self.journal[-1].thing]

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object."""
        with self.news:
            (before,) = self._without(plural, namespace, name)
            self._note("DELETED", plural, before)

    def forget(self) -> None:
        """Compact: no watch may begin in the past."""
        with self.news:
            self.version += 1
            self.forgotten = self.version - 1

    def _without(self, plural: str, namespace: str, name: str) -> list[Object]:
        """Take an object out; it, if it was there."""
        mine = [o for o in self.objects[plural] if _key(o) == (namespace, name)]
        self.objects[plural] = [o for o in self.objects[plural] if _key(o) != (namespace, name)]
        return mine

    def _note(self, happened: str, plural: str, thing: Object) -> None:
        self.version += 1
        versioned = {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self.version)}}
        self.journal.append(Happening(self.version, plural, happened, versioned))
        self.news.notify_all()

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
        if "watch" in asked.fields:
            return self._watch(namespace, plural, asked.fields)
        if set(asked.fields) - KNOWN or not 0 < int(asked.fields.get("limit", "0")) <= 500:
            return _status(400, "BadRequest")
        if "continue" in asked.fields and self.gone:
            self.gone -= 1
            return _status(410, "Expired")
        return self._list(namespace, plural, asked.fields)

    def _list(self, namespace: str, plural: str, fields: Mapping[str, str]) -> Reply:
        found = [o for o in self.objects[plural] if self._picks(o, namespace, fields)]
        first = int(fields.get("continue", "0"))
        last = first + min(self.page, int(fields["limit"]))
        more = {"continue": str(last)} if last < len(found) else {}
        about = {"resourceVersion": str(self.version), **more}
        body = {"kind": "List", "metadata": about, "items": found[first:last]}
        return Reply(json.dumps(body).encode())

    def _watch(self, namespace: str, plural: str, fields: Mapping[str, str]) -> Reply:
        if set(fields) - OF_A_WATCH - {"labelSelector"} or not set(fields) >= OF_A_WATCH:
            return _status(400, "BadRequest")
        if self.watches is not None:
            return self.watches
        if plural in self.unwatched:
            return _status(403, "Forbidden")
        if int(fields["resourceVersion"]) < self.forgotten:
            return Reply(pieces=[_line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})])
        if self.silent:
            return Reply(pieces=self._silence())
        return Reply(pieces=self._events(namespace, plural, fields))

    def _events(self, namespace: str, plural: str, fields: Mapping[str, str]) -> Iterator[bytes]:
        end = time.monotonic() + int(fields["timeoutSeconds"])  # noqa: TID251 – a watch takes real time
        seen = int(fields["resourceVersion"])
        while (left := end - time.monotonic()) > 0:  # noqa: TID251
            with self.news:
                fresh = [h for h in self.journal if h.version > seen]
                if not fresh:
                    self.news.wait(min(left, 0.1))
            for happening in fresh:
                seen = happening.version
                if happening.plural == plural and self._picks(happening.thing, namespace, fields):
                    yield _line(happening.happened, happening.thing)
        if self.bookmarks:
            yield _line("BOOKMARK", {"kind": "Bookmark", "metadata": {"resourceVersion": str(max(seen, self.version))}})

    def _silence(self) -> Iterator[bytes]:
        assert self.http is not None
        self.http.over.wait(30)
        yield from ()

    @staticmethod
    def _picks(thing: Object, namespace: str, fields: Mapping[str, str]) -> bool:
        wanted = dict(pair.split("=", 1) for pair in fields.get("labelSelector", "").split(",") if pair)
        about = thing["metadata"]
        return about.get("namespace", "") == namespace and wanted.items() <= about.get("labels", {}).items()

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


def _key(thing: Object) -> tuple[str, str]:
    return thing["metadata"].get("namespace", ""), thing["metadata"]["name"]


def _line(happened: str, thing: Object) -> bytes:
    return json.dumps({"type": happened, "object": thing}).encode() + b"\n"


def _status(code: int, reason: str) -> Reply:
    return Reply(json.dumps({"kind": "Status", "status": "Failure", "reason": reason, "code": code}).encode(), code)


@contextmanager
def fake_cluster() -> Iterator[FakeCluster]:
    """Serve an empty cluster until the block ends."""
    cluster = FakeCluster()
    with fake_http(cluster.answer) as http:
        cluster.http = http
        yield cluster
