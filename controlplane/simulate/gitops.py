"""Does what a GitOps controller would: patch files that appear in a folder become the cluster's state.

Files are ``<namespace>/<kind>-<name>.yaml``, each a partial Kubernetes object. Of a ScaledObject the bounds
are applied; of a workload the container's ``--kv-cache-dtype`` (without one: as it was built). Everything
else is left alone.
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
WORKLOADS = {"Deployment", "StatefulSet"}


class GitOpsFollower:
    """Looks at the folder when told to, applies files that changed since the last look."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        self._folder = folder
        self._fleet = fleet
        self._as_built = {name: d.role.kv_cache_dtype for name, d in fleet.deployments.items()}
        self._seen: dict[Path, tuple[int, int]] = {}
        self.applied: list[str] = []
        """What was done, in words, oldest first."""

    def follow(self) -> None:
        """Apply what is new. A file that cannot be read or understood is skipped with a warning."""
        for path in sorted(self._folder.glob("*/*.yaml")):
            try:
                stat = path.stat()
                stamp = (stat.st_mtime_ns, stat.st_size)
                if self._seen.get(path) == stamp:
                    continue
                self._seen[path] = stamp
                if stat.st_size > LARGEST:
                    log.warning("%s is too large for a patch", path)
                    continue
                documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
            except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
                log.warning("%s cannot be applied: %s", path, error)
                continue
            for document in documents:
                if isinstance(document, dict):
                    self._apply(document)

    def _apply(self, thing: dict[str, Any]) -> None:
        kind = thing.get("kind")
        name = _mapping(thing.get("metadata")).get("name")
        spec = _mapping(thing.get("spec"))
        if not isinstance(name, str) or name not in self._fleet.deployments:
            return
        if kind == "ScaledObject":
            self._bound(name, spec)
        elif kind in WORKLOADS:
            dtype = kv_cache_dtype(spec) or self._as_built[name]
            if dtype != self._fleet.deployments[name].role.kv_cache_dtype:
                self._fleet.restart_with_kv_cache_dtype(name, dtype)
                self.applied.append(f"{name}: --kv-cache-dtype {dtype}, pods are replaced")

    def _bound(self, name: str, spec: dict[str, Any]) -> None:
        scaled = self._fleet.scaled_objects[name]
        least = _whole(spec.get("minReplicaCount"), scaled.min)
        most = _whole(spec.get("maxReplicaCount"), scaled.max)
        if (least, most) != (scaled.min, scaled.max):
            scaled.bound(least, most)
            self.applied.append(f"{name}: between {least} and {most} replicas")


def kv_cache_dtype(spec: dict[str, Any]) -> str | None:
    """Value of ``--kv-cache-dtype`` in a pod template's containers, the last one said; ``None`` without any."""
    words = list(_arguments(spec))
    said: str | None = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        flag, equals, value = word.partition("=")
        if flag == "--kv-cache-dtype" and (value or following):
            said = value if equals else following
    return said


def _arguments(spec: dict[str, Any]) -> Iterator[str]:
    pod = _mapping(_mapping(spec.get("template")).get("spec"))
    containers = pod.get("containers")
    for container in containers if isinstance(containers, list) else ():
        for key in ("command", "args"):
            words = _mapping(container).get(key)
            yield from (str(word) for word in words) if isinstance(words, list) else ()


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1000 else default
