"""Which pages to read: named in fleet.yaml, listed in a file that others write, or found in Kubernetes.

A list that cannot be read is kept as it last was: losing a file must not look like losing a fleet.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

from controlplane.collect.address import forbidden
from controlplane.errors import SourceError
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault, Job, Labels, Target

FILE_BYTES = 8 * 2**20
"""Size of a targets file: 10,000 targets with their labels need 4 MiB."""

_JOBS: Mapping[str, Job] = {job.value: job for job in Job}

Provider = Callable[[], Sequence[Target]]

_log = logging.getLogger(__name__)


def target(url: str, job: Job, role: RoleName | None = None, labels: Mapping[str, str] | None = None) -> Target:
    """A target whose URL was checked.

    Raises:
        SourceError: not an http(s) URL, it carries a password, or its address is one we never connect to.
    """
    shown = ascii(url[:120])[1:-1]
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SourceError(Fault.NAME, f"not a URL: {shown}") from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or not url.isprintable() or " " in url:
        raise SourceError(Fault.NAME, f"not an http:// or https:// URL: {shown}")
    if parts.username is not None or parts.password is not None:
        raise SourceError(Fault.FORBIDDEN, f"no user and password in a URL: http://…@{host}")
    reason = forbidden(host)
    if reason is not None:
        raise SourceError(Fault.FORBIDDEN, reason)
    path = parts.path or "/metrics"
    query = f"?{parts.query}" if parts.query else ""
    joined: Labels = tuple(sorted((labels or {}).items()))
    return Target(f"{parts.scheme}://{parts.netloc}{path}{query}", job, role, joined)


def static(urls: Iterable[str], job: Job, role: RoleName | None = None) -> Provider:
    """Targets that are named once and stay. A URL without a path means ``/metrics``.

    Raises:
        SourceError: as :func:`target`.
    """
    named = tuple(target(url, job, role) for url in urls)
    return lambda: named


@dataclass(slots=True)
class TargetsFile:
    """Targets from a Prometheus ``file_sd`` file, JSON or YAML, read again when it has changed.

    Labels ``role`` and ``job`` say what a target is (``job`` is ``engine`` unless it names another kind);
    ``__scheme__``, ``__metrics_path__`` and ``__param_…`` make its URL; labels without ``__`` join its series.
    """

    path: Path
    problem: str = ""
    """Why the file, as it is now, cannot be used; empty when it can."""
    _stamp: tuple[int, int, int] | None = None
    _targets: tuple[Target, ...] = ()

    def __call__(self) -> Sequence[Target]:
        try:
            stat = self.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp == self._stamp:
                return self._targets
            self._targets = tuple(_from_groups(_loaded(self.path, stat.st_size)))
            self._stamp, problem = stamp, ""
        except OSError as error:
            problem = error.strerror or type(error).__name__
        except SourceError as error:
            problem = str(error)
        if problem and problem != self.problem:
            _log.warning("targets file %s is not usable, the last good list stays: %s", self.path.name, problem)
        self.problem = problem
        return self._targets


def _loaded(path: Path, size: int) -> object:
    if size > FILE_BYTES:
        raise SourceError(Fault.TOO_LARGE, f"more than {FILE_BYTES} bytes")
    text = path.read_bytes()
    try:
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError):
        raise SourceError(Fault.MALFORMED, "neither JSON nor YAML, or not finished") from None


def _from_groups(groups: Any) -> Iterable[Target]:
    if not isinstance(groups, list):
        raise SourceError(Fault.MALFORMED, "a list of {targets: [...], labels: {...}} is expected")
    for group in groups:
        if not isinstance(group, dict) or not isinstance(group.get("targets"), list):
            raise SourceError(Fault.MALFORMED, "a group without a list of targets")
        labels = group.get("labels") or {}
        if not isinstance(labels, dict) or not all(isinstance(part, str) for pair in labels.items() for part in pair):
            raise SourceError(Fault.MALFORMED, "labels must be text: put numbers in quotes")
        for address in group["targets"]:
            if not isinstance(address, str) or not address or set(address) & set("/@?#"):
                raise SourceError(Fault.MALFORMED, f"a target is host:port, not {ascii(address)[:80]}")
            yield _from_labels(address, labels)


def _from_labels(address: str, labels: Mapping[str, str]) -> Target:
    path = labels.get("__metrics_path__", "/metrics")
    parameters = "&".join(
        f"{quote(name.removeprefix('__param_'))}={quote(value)}"
        for name, value in labels.items()
        if name.startswith("__param_")
    )
    url = f"{labels.get('__scheme__', 'http')}://{address}/{path.lstrip('/')}" + (
        f"?{parameters}" if parameters else ""
    )
    job = _JOBS.get(labels.get("job", ""), Job.ENGINE)
    role = RoleName(labels["role"]) if labels.get("role") else None
    own = {k: v for k, v in labels.items() if not k.startswith("__") and k not in ("role", "job")}
    return target(url, job, role, own)


@dataclass(slots=True)
class Targets:
    """All targets of all providers; the first to name a URL wins. Never raises; may be called from any thread."""

    providers: Mapping[str, Provider]
    """By the name under which the provider appears among the sources."""
    most: int = 10_000
    """Targets one scraper takes on; a list that is longer is cut and complained about."""
    _last: dict[str, tuple[Target, ...]] = field(default_factory=dict)
    _problems: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> tuple[Target, ...]:
        with self._lock:
            for name, provider in self.providers.items():
                try:
                    self._last[name] = tuple(provider())
                    self._problems[name] = str(getattr(provider, "problem", ""))
                except Exception as error:  # noqa: BLE001 - a provider's fault costs its news, not the fleet
                    self._complain(name, str(error) or type(error).__name__)
            by_url: dict[str, Target] = {}
            for found in self._last.values():
                for one in found:
                    by_url.setdefault(one.url, one)
            if len(by_url) > self.most:
                self._complain(list(self.providers)[-1], f"more than {self.most} targets; the rest is left out")
            return tuple(by_url.values())[: self.most]

    def _complain(self, name: str, problem: str) -> None:
        if self._problems.get(name) != problem:
            _log.warning("targets from %s: %s", name, problem)
        self._problems[name] = problem

    def health(self) -> tuple[SourceHealth, ...]:
        """Providers whose list is not what they would say now."""
        with self._lock:
            return tuple(
                SourceHealth(name=name, kind="discovery", fault=Fault.STALE, detail=problem)
                for name, problem in self._problems.items()
                if problem
            )
