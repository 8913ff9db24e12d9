"""A ScaledObject as it was written, read without trusting any of it to be there or to be of the right kind."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from types import MappingProxyType
from typing import Any

import yaml

from controlplane.doctor.plain import items, part, text
from controlplane.doctor.shape import Shape, shape
from controlplane.model.role import RoleSpec

KIND = "ScaledObject"
PAUSED, PAUSED_AT = "autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"
WISH = re.compile(r"desired_replicas|desired_instances|deployment_replicas", re.ASCII)
"""Metrics that carry a number of replicas somebody wishes for: ours, llm-d's, AIBrix's."""
RESOURCES = frozenset({"cpu", "memory"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known besides the objects."""

    now: datetime | None = None
    """When they were read; without it nothing is said about how long something has been so."""
    roles: tuple[RoleSpec, ...] = ()
    """The roles of fleet.yaml, where there is one."""
    answers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Seconds an answer takes, 99th percentile, by ``namespace/workload``."""
    keeps_tolerance: bool = True
    """Whether the cluster honours an autoscaler's own tolerance (Kubernetes 1.34 and newer)."""
    scrape_interval: timedelta = timedelta(seconds=15)
    """How often engines are scraped."""
    surge: timedelta = timedelta(minutes=5)
    """Within what time the autoscaler must be able to ask for all it may have."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger."""

    index: int
    raw: Mapping[str, Any]

    @property
    def type(self) -> str:
        return text(self.raw, "type")

    @property
    def name(self) -> str:
        return text(self.raw, "name")

    @property
    def metadata(self) -> Mapping[str, Any]:
        return part(self.raw, "metadata")

    @property
    def prometheus(self) -> bool:
        return self.type == "prometheus"

    @property
    def metric_type(self) -> str:
        """As KEDA takes it when nobody says."""
        return text(self.raw, "metricType") or "AverageValue"

    @property
    def query(self) -> str:
        return text(self.metadata, "query")

    @property
    def shape(self) -> Shape:
        return shape(self.query)

    @property
    def threshold(self) -> float | None:
        """The threshold as a number; ``None`` when it is none."""
        return real(self.metadata.get("threshold"))

    @property
    def path(self) -> str:
        return f"spec.triggers[{self.index}]"


@dataclass(frozen=True, slots=True)
class Scaled:
    """One ScaledObject."""

    raw: Mapping[str, Any]

    @property
    def name(self) -> str:
        return text(part(self.raw, "metadata"), "name")

    @property
    def namespace(self) -> str:
        return text(part(self.raw, "metadata"), "namespace") or "default"

    @property
    def subject(self) -> str:
        return f"{KIND} {self.namespace}/{self.name}"

    @property
    def spec(self) -> Mapping[str, Any]:
        return part(self.raw, "spec")

    @property
    def annotations(self) -> Mapping[str, Any]:
        return part(self.raw, "metadata", "annotations")

    @property
    def target(self) -> tuple[str, str, str]:
        """Namespace, kind and name of what it scales."""
        ref = part(self.spec, "scaleTargetRef")
        return self.namespace, text(ref, "kind") or "Deployment", text(ref, "name")

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        return tuple(Trigger(i, raw) for i, raw in enumerate(items(self.spec, "triggers")))

    @property
    def min(self) -> int | None:
        return whole(self.spec, "minReplicaCount")

    @property
    def max(self) -> int | None:
        return whole(self.spec, "maxReplicaCount")

    @property
    def fallback(self) -> Mapping[str, Any]:
        return part(self.spec, "fallback")

    @property
    def modifiers(self) -> Mapping[str, Any]:
        return part(self.spec, "advanced", "scalingModifiers")

    @property
    def formula(self) -> str:
        return text(self.modifiers, "formula")

    @property
    def autoscaler(self) -> Mapping[str, Any]:
        return part(self.spec, "advanced", "horizontalPodAutoscalerConfig")

    @property
    def paused(self) -> bool:
        """Whether it is paused; a value that is no boolean counts as true."""
        said = self.annotations.get(PAUSED)
        return PAUSED_AT in self.annotations or (said is not None and str(said).lower() != "false")

    def side(self, direction: str) -> Mapping[str, Any]:
        """``scaleUp`` or ``scaleDown`` of the behaviour."""
        return part(self.autoscaler, "behavior", direction)

    def role(self, context: Context) -> RoleSpec | None:
        """The role of fleet.yaml that this object scales."""
        for spec in context.roles:
            ref = spec.scaled_object
            if ref is not None and (ref.namespace, ref.name) == (self.namespace, self.name):
                return spec
        return None


def flat(documents: Sequence[object]) -> Iterator[Mapping[str, Any]]:
    """Objects, those inside of lists too."""
    for document in documents:
        if not isinstance(document, Mapping):
            continue
        if text(document, "kind").endswith("List") and isinstance(document.get("items"), list):
            yield from items(document, "items")
        else:
            yield document


def whole(held: object, key: str) -> int | None:
    """A whole number; ``None`` where there is none."""
    value = held.get(key) if isinstance(held, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None


def real(value: object) -> float | None:
    """A finite number, written as one or as text; ``None`` where there is none."""
    try:
        found = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return found if found is not None and isfinite(found) and abs(found) < 1e9 else None


def written(value: object) -> str:
    """A fix as YAML."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1_000_000).rstrip()


def spec(**fields: object) -> str:
    """A fix of fields of the spec."""
    return written({"spec": fields})


def trigger_fix(trigger: Trigger, **metadata: str) -> str:
    """A fix of one trigger's metadata. The API takes the list of triggers as one value: a comment says so."""
    named = {"type": trigger.type, **({"name": trigger.name} if trigger.name else {})}
    return f"# in {trigger.path}; keep the rest of the list\n" + written(
        {"spec": {"triggers": [{**named, "metadata": metadata}]}}
    )
