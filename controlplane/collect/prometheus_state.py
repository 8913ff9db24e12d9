"""What a Prometheus says of itself: its version, rules, targets, configuration, and which metrics it has ever seen.

Every answer may be refused alone: Thanos and Mimir have no configuration to show, and some servers forbid it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from controlplane.collect.answers import shortened
from controlplane.collect.prometheus_api import PrometheusApi
from controlplane.errors import SourceError
from controlplane.model.page import Fault
from controlplane.promql.expr import one_of, select

AT_ONCE = 100
"""Names asked about in one request: its address then stays under 8 kB, which every proxy lets through."""


class PrometheusState:
    """Reads about a server through one :class:`PrometheusApi`. All methods raise ``SourceError``."""

    def __init__(self, api: PrometheusApi) -> None:
        self._api = api

    def version(self) -> str:
        """Version of the server; empty where it does not tell."""
        said = _mapping(self._api.get("status/buildinfo")).get("version")
        return shortened(said) if isinstance(said, str) else ""

    def rules(self) -> Mapping[str, Any]:
        """Groups of rules with their health."""
        return _mapping(self._api.get("rules"))

    def targets(self) -> Mapping[str, Any]:
        """Active targets: labels, scrape pool, health, last error."""
        return _mapping(self._api.get("targets", {"state": "active"}))

    def configuration(self) -> Mapping[str, Any]:
        """The configuration in force, parsed."""
        written = _mapping(self._api.get("status/config")).get("yaml")
        try:
            return _mapping(yaml.load(written or "", yaml.CSafeLoader) or {})
        except (yaml.YAMLError, RecursionError) as problem:
            raise SourceError(Fault.MALFORMED, shortened(f"configuration: {problem}")) from problem

    def seen(self, names: Iterable[str]) -> frozenset[str]:
        """Which of ``names`` the server has series of, from any time it remembers."""
        found: set[str] = set()
        ordered = sorted(set(names))
        for start in range(0, len(ordered), AT_ONCE):
            some = ordered[start : start + AT_ONCE]
            data = self._api.get("label/__name__/values", {"match[]": select("", (one_of("__name__", some),))})
            found |= {name for name in data or () if isinstance(name, str)}
        return frozenset(found)


def _mapping(data: object) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise SourceError(Fault.MALFORMED, "not an object")
    return data
