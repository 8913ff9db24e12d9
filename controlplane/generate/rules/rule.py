"""Rules and groups of rules as values.

Prometheus evaluates the rules of a group in order, and groups side by side: what one group takes from another is up
to one interval old. So whatever must add up to the cent is computed in one group.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

from controlplane.promql.expr import call, quote
from controlplane.promql.layout import laid_out

INTERVAL = timedelta(seconds=30)
"""How often groups are evaluated: half the shortest window anybody reads."""
WINDOW = timedelta(minutes=5)
"""Window of rates: long enough for a slow request, short enough to see trouble begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recording rule."""

    name: str
    """``level:metric:operations``."""
    expr: str
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def as_yaml(self) -> dict[str, object]:
        """The rule as Prometheus reads it."""
        rule: dict[str, object] = {"record": self.name, "expr": laid_out(self.expr)}
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
