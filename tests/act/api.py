"""A strict API server for one kind of object: versions, uids, managed fields, conflicts, dry runs, faults on request.

It knows what the hands rely on and nothing else. The contract in ``tests/act/contract.py`` runs against it and
against the real kube-apiserver, so that what it says is what the real one says.
"""

import copy
import json
import re
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from controlplane.model.right import ACCOUNT
from tests.act.fields import Path_, drop, entry, get, leaves, owned, put

OBJECT = re.compile(r"/apis/keda\.sh/v1alpha1/namespaces/([^/]+)/scaledobjects/([^/]+)")
NAMESPACE = re.compile(r"/api/v1/namespaces/([^/]+)")


class RefusedError(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, reason: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "kind": "Status",
            "status": "Failure",
            "code": status,
            "reason": reason,
            "message": message,
            **more,
        }


@dataclass
class Fault:
    """What happens to the next request that fits."""

    method: str
    status: int = 0
    """Answered instead of doing it."""
    lose: str = ""
    """``before``: dropped undone; ``after``: done, and the answer is lost."""
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    then: Callable[[], None] | None = None
    """Done just before the request is."""


@dataclass
class Api:
    """All objects, and what was written to them."""

    journal: Path | None = None
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    namespaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    admission: Callable[[dict[str, Any]], str | None] = lambda _object: None
    """A webhook's refusal."""
    warns: tuple[str, ...] = ()
    forbidden: set[str] = field(default_factory=set)
    """Names of objects that may not be patched."""
    user: str = ACCOUNT
    """Whom it takes us for."""
    writes: list[dict[str, Any]] = field(default_factory=list)
    """Every write that changed something, by whom."""
    version: int = 100
    turn: threading.RLock = field(default_factory=threading.RLock)

    def namespace(self, name: str) -> dict[str, Any]:
        return self.namespaces.setdefault(name, {"kind": "Namespace", "metadata": {"name": name, "annotations": {}}})

    def apply(self, key: tuple[str, str], body: dict[str, Any], how: Mapping[str, str]) -> dict[str, Any]:
        """Server-side apply."""
        manager, there = how["fieldManager"], self.objects.get(key)
        given = body.get("metadata", {})
        if there is None:
            if given.get("uid"):
                said = (
                    f"uid mismatch: the provided object specified uid {given['uid']}, and no existing object was found"
                )
                raise RefusedError(409, "Conflict", said)
            there = self._new(key)
        uid = there["metadata"]["uid"]
        if given.get("uid", uid) != uid:
            said = f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {uid}"
            raise RefusedError(409, "Conflict", said)
        if given.get("resourceVersion", there["metadata"]["resourceVersion"]) != there["metadata"]["resourceVersion"]:
            raise RefusedError(
                409, "Conflict", "the object has been modified; please apply your changes to the latest version"
            )
        wanted = {path: value for path, value in leaves(body) if _managed(path)}
        self._conflicts(there, wanted, manager, force=how.get("force") == "true")
        made = copy.deepcopy(there)
        entries = made["metadata"]["managedFields"]
        mine = next((e for e in entries if (e["manager"], e["operation"]) == (manager, "Apply")), None)
        before = set() if mine is None else owned(mine)
        entries[:] = [e for e in entries if e is not mine]
        if how.get("force") == "true":
            self._take(entries, [p for p, v in wanted.items() if get(there, p) != v])
        for path in before - set(wanted):
            if not any(path in owned(e) for e in entries):
                drop(made, path)
        for path, value in wanted.items():
            put(made, path, value)
        if wanted:
            entries.append(entry(manager, "Apply", set(wanted)))
        return self._store(key, there, made, how)

    def merge(self, key: tuple[str, str], body: dict[str, Any], how: Mapping[str, str]) -> dict[str, Any]:
        """A merge patch: takes over what it changes without asking."""
        there = self._there(key)
        changed = {p: v for p, v in leaves(body) if _managed(p) and get(there, p) != v}
        made = copy.deepcopy(there)
        entries, manager = made["metadata"]["managedFields"], how.get("fieldManager", "kubectl-edit")
        self._take(entries, list(changed))
        for path, value in changed.items():
            drop(made, path) if value is None else put(made, path, value)
        kept = {p for p, v in changed.items() if v is not None}
        mine = next((e for e in entries if (e["manager"], e["operation"]) == (manager, "Update")), None)
        entries[:] = [e for e in entries if e is not mine]
        if kept or mine:
            entries.append(entry(manager, "Update", kept | (owned(mine) if mine else set())))
        return self._store(key, there, made, how)

    def delete(self, key: tuple[str, str]) -> dict[str, Any]:
        self._there(key)
        return self.objects.pop(key)

    def _there(self, key: tuple[str, str]) -> dict[str, Any]:
        if key not in self.objects:
            raise RefusedError(404, "NotFound", f'scaledobjects.keda.sh "{key[1]}" not found')
        return self.objects[key]

    def _new(self, key: tuple[str, str]) -> dict[str, Any]:
        metadata = {"namespace": key[0], "name": key[1], "uid": str(uuid.uuid4()), "generation": 0, "managedFields": []}
        return {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {**metadata, "resourceVersion": "0"},
        }

    def _conflicts(self, there: Any, wanted: Mapping[Path_, Any], manager: str, *, force: bool) -> None:
        causes = [
            {
                "reason": "FieldManagerConflict",
                "message": f'conflict with "{e["manager"]}" using keda.sh/v1alpha1',
                "field": "." + ".".join(path),
            }
            for path, value in wanted.items()
            for e in there["metadata"]["managedFields"]
            if (e["manager"], e["operation"]) != (manager, "Apply") and path in owned(e) and get(there, path) != value
        ]
        if causes and not force:
            said = f"Apply failed with {len(causes)} conflict: {causes[0]['message']}: {causes[0]['field']}"
            raise RefusedError(409, "Conflict", said, details={"causes": causes})

    @staticmethod
    def _take(entries: list[dict[str, Any]], paths: list[Path_]) -> None:
        for e in list(entries):
            rest = owned(e) - set(paths)
            entries.remove(e)
            if rest:
                entries.append(entry(e["manager"], e["operation"], rest, e["time"]))

    def _store(self, key: tuple[str, str], there: Any, made: dict[str, Any], how: Mapping[str, str]) -> dict[str, Any]:
        spec = made.get("spec", {})
        if spec.get("minReplicaCount", 0) > spec.get("maxReplicaCount", 100):
            raise RefusedError(422, "Invalid", f'ScaledObject.keda.sh "{key[1]}" is invalid: min above max')
        said = self.admission(made)
        if said is not None:
            raise RefusedError(403, "Forbidden", f'admission webhook "vscaledobject.kb.io" denied the request: {said}')
        if _without_times(made) == _without_times(there) and key in self.objects:
            return there
        if made.get("spec") != there.get("spec"):
            made["metadata"]["generation"] += 1
        if how.get("dryRun"):
            return made
        self.version += 1
        made["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = made
        write = {
            "by": how.get("fieldManager", "kubectl-edit"),
            "object": key[1],
            "id": made["metadata"].get("annotations", {}).get("controlplane.llm-fleet.dev/last-action"),
            "fence": made["metadata"].get("annotations", {}).get("controlplane.llm-fleet.dev/fence"),
            "spec": made.get("spec"),
            "spec_changed": made.get("spec") != there.get("spec"),
        }
        self.writes.append(write)
        if self.journal is not None:
            with self.journal.open("a") as file:
                file.write(json.dumps(write) + "\n")
        return made

    def touch_status(self, key: tuple[str, str]) -> None:
        """What KEDA does all the time: the version moves, the spec does not."""
        with self.turn:
            self.version += 1
            self.objects[key]["metadata"]["resourceVersion"] = str(self.version)


def _managed(path: Path_) -> bool:
    return path[0] == "spec" or path[:2] in {("metadata", "annotations"), ("metadata", "labels")}


def _without_times(there: Any) -> Any:
    plain = copy.deepcopy(there)
    plain["metadata"]["managedFields"] = sorted(
        (e["manager"], e["operation"], sorted(owned(e))) for e in plain["metadata"]["managedFields"]
    )
    return plain


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two it would wait 40 ms for the acknowledgement of the first
    api: Api

    def do_GET(self) -> None:
        self._serve("GET")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        if len(text) < length:  # the client died before it had said all
            self.close_connection = True
            return
        body = json.loads(text or b"{}")
        parts = urlsplit(self.path)
        how = dict(parse_qsl(parts.query))
        fault = self._fault(method, dry="dryRun" in how)
        if fault is not None and fault.then is not None:
            fault.then()
        if fault is not None and fault.lose == "before":
            self.close_connection = True
            return
        headers = fault.headers if fault is not None else {}
        try:
            with self.api.turn:
                answer = self._do(method, parts.path, body, how, fault)
            status = 200
        except RefusedError as refused:
            status, answer = refused.status, refused.body
        if fault is not None and fault.lose == "after":
            self.close_connection = True
            return
        self._answer(status, answer, headers, warned=method == "PATCH" and status == 200)

    def _fault(self, method: str, *, dry: bool) -> Fault | None:
        with self.api.turn:
            wanted = "DRYRUN" if dry else method
            found = next((f for f in self.api.faults if f.method == wanted), None)
            if found is not None:
                found.times -= 1
                if found.times <= 0:
                    self.api.faults.remove(found)
            return found

    def _do(
        self, method: str, path: str, body: dict[str, Any], how: Mapping[str, str], fault: Fault | None
    ) -> dict[str, Any]:
        if fault is not None and fault.status:
            raise RefusedError(fault.status, "Fault", "a fault on request")
        if (where := OBJECT.fullmatch(path)) is not None:
            key = (where[1], where[2])
            if method == "GET":
                return self.api._there(key)
            if method == "DELETE":
                return self.api.delete(key)
            if key[1] in self.api.forbidden:
                said = f'User "{self.api.user}" cannot patch resource "scaledobjects" in API group "keda.sh"'
                raise RefusedError(403, "Forbidden", f'scaledobjects.keda.sh "{key[1]}" is forbidden: {said}')
            if self.headers["Content-Type"] == "application/apply-patch+yaml":
                return self.api.apply(key, body, how)
            return self.api.merge(key, body, how)
        if (where := NAMESPACE.fullmatch(path)) is not None:
            found = self.api.namespace(where[1])
            if method == "PATCH":
                annotations = found["metadata"]["annotations"]
                annotations.update(body["metadata"]["annotations"])
                for name in [n for n, value in annotations.items() if value is None]:
                    del annotations[name]
            return found
        raise RefusedError(404, "NotFound", "the server could not find the requested resource")

    def _answer(self, status: int, answer: Any, headers: Mapping[str, str], *, warned: bool) -> None:
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for name, value in headers.items():
            self.send_header(name, value)
        for warning in self.api.warns if warned else ():
            self.send_header("Warning", f'299 - "{warning}"')
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_words: Any) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_who: Any) -> None:
        """A client that was killed in the middle of a request is no news."""


@contextmanager
def serving(api: Api, port: int = 0) -> Iterator[str]:
    """The API over HTTP on loopback; gives its URL."""
    server = _Server(("127.0.0.1", port), type("Bound", (Handler,), {"api": api}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main(journal: str) -> None:
    """As a program of its own: prints its URL, ends with its standard input."""
    with serving(Api(journal=Path(journal))) as url:
        print(url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
