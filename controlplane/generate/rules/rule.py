"""Recording rules and groups as values, and the label sets they keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

from controlplane.promql.exported import Exported
from controlplane.promql.expr import Match, aggregate, call, quote, relabel, select

INTERVAL = timedelta(seconds=30)
"""How often groups are evaluated: half the shortest window anybody reads."""
WINDOW = timedelta(minutes=5)
"""Window of rates: long enough for a slow request, short enough to see trouble begin."""

POD = ("cluster", "namespace", "pod")
"""Labels of a pod. ``cluster`` is empty where there is one cluster."""
POD_MODEL = (*POD, "model")
ROLE = ("cluster", "namespace", "role")
"""Labels that name a role."""
ROLE_MODEL = (*ROLE, "model", "phase")
"""Labels of everything recorded per role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recording rule."""

    name: str
    """``level:metric:operations``."""
    expr: str
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def as_yaml(self) -> dict[str, object]:
        """The rule as Prometheus reads it."""
        rule: dict[str, object] = {"record": self.name, "expr": self.expr}
        return {**rule, "labels": dict(sorted(self.labels.items()))} if self.labels else rule


class Rule(Protocol):
    """What a group holds: recording rules, or alerts."""

    def as_yaml(self) -> dict[str, object]:
        """The rule as Prometheus reads it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules evaluated together, in order: a rule sees what the ones before it recorded."""

    name: str
    rules: tuple[Rule, ...]
    interval: timedelta = INTERVAL

    def as_yaml(self) -> dict[str, object]:
        """The group as Prometheus reads it."""
        rules = [rule.as_yaml() for rule in self.rules]
        return {"name": self.name, "interval": f"{self.interval.total_seconds():.0f}s", "rules": rules}


def ours(metric: Exported, operator: str, by: tuple[str, ...], where: tuple[Match, ...] = ()) -> str:
    """A metric of our own, aggregated, whether Prometheus left its labels alone or moved them to ``exported_…``.

    They are moved when our pod is scraped without ``honorLabels``: ``pod`` is then our pod, not the engine's. The
    two cases are aggregated apart: renamed before, two replicas of ours would give one series twice, an error.
    """
    moved = [name for name in ("namespace", "pod") if name in metric.labels]
    mark = f"exported_{moved[-1]}"
    left = aggregate(operator, select(metric.name, (Match(mark, ""), *where)), by)
    exported = [f"exported_{name}" if name in moved else name for name in by]
    put_back = aggregate(operator, select(metric.name, (Match(mark, "", "!="), *where)), exported)
    for name in moved:
        put_back = relabel(put_back, name, f"exported_{name}")
    return aggregate(operator, f"{left} or {put_back}", by)


def labelled(expression: str, **labels: str) -> str:
    """``expression`` with constant labels added."""
    for name, value in labels.items():
        expression = call(
            "label_replace", expression, quote(name), quote(value.replace("$", "$$")), quote(""), quote("")
        )
    return expression


def on(labels: tuple[str, ...]) -> str:
    """``on (labels)``."""
    return f"on ({', '.join(labels)})"
