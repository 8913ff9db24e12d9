"""Does what a GitOps controller would: what is built plus the patch files in a folder is the cluster's state.

Files are ``<namespace>/<kind>-<name>.yaml`` (fields of the object) and ``….json6902.yaml`` (a list of
operations). Of a ScaledObject the bounds are followed, of a workload the ``--kv-cache-dtype`` among its
arguments; everything else is left alone. Taking a file away restores what was built.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from controlplane.simulate.fleet import Fleet

log = logging.getLogger(__name__)

LARGEST = 256 * 1024
"""Bytes of a patch file that are still read."""
OPERATIONS = ".json6902.yaml"
WORKLOADS = ("deployment", "statefulset")
MOST_REPLICAS = 1000


class GitOpsFollower:
    """Looks at the folder when told to, and acts when something in it changed."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        self._folder = folder
        self._fleet = fleet
        self._built_dtype = {name: d.role.kv_cache_dtype for name, d in fleet.deployments.items()}
        self._built_bounds = {name: (s.min, s.max) for name, s in fleet.scaled_objects.items()}
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._documents: dict[Path, Any] = {}
        self.applied: list[str] = []
        """What was done, in words, oldest first."""

    def follow(self) -> None:
        """Apply what is new. A file that cannot be read keeps its last good content, with a warning."""
        stamps = _stamps(self._folder)
        if stamps == self._stamps:
            return
        changed = [path for path, stamp in stamps.items() if self._stamps.get(path) != stamp]
        self._stamps = stamps
        self._documents = {path: document for path, document in self._documents.items() if path in stamps}
        for path in changed:
            try:
                with path.open(encoding="utf-8") as file:
                    text = file.read(LARGEST + 1)
                if len(text) <= LARGEST:
                    self._documents[path] = yaml.safe_load(text)
            except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
                log.warning("%s cannot be applied: %s", path, error)
        for name in self._fleet.deployments:
            self._bound(name)
            self._restart(name)

    def _bound(self, name: str) -> None:
        least, most = self._built_bounds[name]
        for path, value in self._fields("scaledobject", name):
            if path == "/spec/minReplicaCount":
                least = _whole(value, least)
            elif path == "/spec/maxReplicaCount":
                most = _whole(value, most)
        scaled = self._fleet.scaled_objects[name]
        if (least, most) != (scaled.min, scaled.max):
            scaled.bound(least, most)
            self.applied.append(f"{name}: between {least} and {most} replicas")

    def _restart(self, name: str) -> None:
        arguments = [
            str(value)
            for kind in WORKLOADS
            for path, value in self._fields(kind, name)
            if "/containers/" in path and ("/args/" in path or "/command/" in path)
        ]
        dtype = kv_cache_dtype(arguments) or self._built_dtype[name]
        if dtype != self._fleet.deployments[name].role.kv_cache_dtype:
            self._fleet.restart_with_kv_cache_dtype(name, dtype)
            self.applied.append(f"{name}: --kv-cache-dtype {dtype}, pods are replaced")

    def _fields(self, kind: str, name: str) -> Iterator[tuple[str, Any]]:
        """Every field that some file sets of one object, as pointer and value."""
        for path, document in self._documents.items():
            stem = path.name.removesuffix(OPERATIONS).removesuffix(".yaml")
            if stem != f"{kind}-{name}":
                continue
            if path.name.endswith(OPERATIONS):
                for operation in document if isinstance(document, list) else ():
                    if isinstance(operation, dict) and operation.get("op") in {"add", "replace"}:
                        yield str(operation.get("path")), operation.get("value")
            else:
                yield from _leaves("", document)


def kv_cache_dtype(arguments: list[str]) -> str | None:
    """Value of ``--kv-cache-dtype`` among an engine's arguments, the last one said; ``None`` without any."""
    said: str | None = None
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        flag, equals, value = word.partition("=")
        if flag == "--kv-cache-dtype" and (value or following):
            said = value if equals else following
    return said


def _stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    stamps = {}
    for path in sorted(folder.glob("*/*.yaml")):
        try:
            stat = path.stat()
        except OSError:
            continue
        stamps[path] = (stat.st_mtime_ns, stat.st_size)
    return stamps


def _leaves(pointer: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{pointer}/{key}", inner)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _leaves(f"{pointer}/{i}", inner)
    else:
        yield pointer, value


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_REPLICAS else default
