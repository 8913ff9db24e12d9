"""Ask a test's cluster for objects and give it some, as plain JSON: what a test needs of ``kubectl``."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Object = dict[str, Any]
JSON, APPLY, MERGE = "application/json", "application/apply-patch+yaml", "application/merge-patch+json"


class RefusedError(Exception):
    """The API server said no."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body[:600]}")
        self.status = status
        self.body = body


@dataclass
class Api:
    """One user's way to the API server."""

    port: int
    authority: Path
    certificate: tuple[Path, Path] | None = None
    token: str = ""
    _places: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, kind: str = JSON, timeout: float = 20) -> Any:
        """One request; the answer as JSON, or as text where it is none.

        Raises:
            RefusedError: any status of 400 or more.
        """
        context = ssl.create_default_context(cafile=str(self.authority))
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        if reply.status >= 400:
            raise RefusedError(reply.status, text)
        return json.loads(text) if "json" in reply.headers.get("Content-Type", "") else text

    def get(self, path: str) -> Any:
        """An object or a list."""
        return self.ask("GET", path)

    def patch(self, path: str, change: Mapping[str, Any]) -> Any:
        """A merge patch."""
        return self.ask("PATCH", path, change, MERGE)

    def delete(self, path: str) -> None:
        """Ask for an object's end; one that is not there is well."""
        try:
            self.ask("DELETE", path)
        except RefusedError as problem:
            if problem.status != 404:
                raise

    def apply(self, *objects: Mapping[str, Any], manager: str = "test", force: bool = True) -> list[Object]:
        """Server-side apply; what is in the cluster afterwards."""
        forced = "true" if force else "false"
        return [
            self.ask("PATCH", f"{self.path_of(o)}?fieldManager={manager}&force={forced}", o, APPLY) for o in objects
        ]

    def path_of(self, thing: Mapping[str, Any]) -> str:
        """Where an object lies."""
        version, kind, metadata = thing["apiVersion"], thing["kind"], thing["metadata"]
        plural, namespaced = self._place(version, kind)
        space = f"/namespaces/{metadata.get('namespace', 'default')}" if namespaced else ""
        return f"{_root(version)}{space}/{plural}/{metadata['name']}"

    def _place(self, version: str, kind: str) -> tuple[str, bool]:
        if (version, kind) not in self._places:
            for served in self.get(_root(version))["resources"]:
                if "/" not in served["name"]:
                    self._places[version, served["kind"]] = (served["name"], served["namespaced"])
        return self._places[version, kind]


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
