"""Groups of rules as a Prometheus shows them, and as a rule file says them: one shape, so that they can be compared.

What a server answers is not trusted to be complete: what is not there is left out, never guessed.
"""

from dataclasses import dataclass

from controlplane.doctor.plain import items, labels, number, seconds, text
from controlplane.doctor.query import tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: what makes it the same rule first, then how it is doing."""

    name: str
    query: str
    alerts: bool
    labels: tuple[tuple[str, str], ...]
    hold: float
    """``for``, seconds."""
    keep: float
    """``keep_firing_for``, seconds."""
    health: str = ""
    """ok, err, unknown; empty for a rule of a file."""
    error: str = ""

    @property
    def sense(self) -> tuple[object, ...]:
        """Equal for two rules that do the same."""
        return self.name, self.alerts, tokens(self.query), self.labels, self.hold, self.keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are evaluated together, in order."""

    name: str
    file: str
    interval: float
    """Seconds between two evaluations."""
    rules: tuple[Rule, ...]
    took: float = 0.0
    """Seconds the last evaluation took."""


def served(answer: object) -> tuple[Group, ...]:
    """Groups in the answer of ``/api/v1/rules``."""
    return tuple(
        Group(
            name=text(group, "name"),
            file=text(group, "file"),
            interval=number(group, "interval"),
            took=number(group, "evaluationTime"),
            rules=tuple(
                Rule(
                    name=text(rule, "name"),
                    query=text(rule, "query"),
                    alerts=rule.get("type") == "alerting",
                    labels=tuple(sorted(labels(rule).items())),
                    hold=number(rule, "duration"),
                    keep=number(rule, "keepFiringFor"),
                    health=text(rule, "health"),
                    error=text(rule, "lastError"),
                )
                for rule in items(group, "rules")
            ),
        )
        for group in items(answer, "groups")
    )


def written(document: object, file: str) -> tuple[Group, ...]:
    """Groups of a rule file, or of a PrometheusRule's ``spec``."""
    return tuple(
        Group(
            name=text(group, "name"),
            file=file,
            interval=seconds(group.get("interval", "")),
            rules=tuple(
                Rule(
                    name=text(rule, "alert") or text(rule, "record"),
                    query=text(rule, "expr"),
                    alerts="alert" in rule,
                    labels=tuple(sorted(labels(rule).items())),
                    hold=seconds(rule.get("for", "")),
                    keep=seconds(rule.get("keep_firing_for", "")),
                )
                for rule in items(group, "rules")
            ),
        )
        for group in items(document, "groups")
    )
