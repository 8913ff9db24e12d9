"""An alert as a value: when it fires, for whom, and what it says at three in the morning.

The identity of an alert is its labels, so no measured value is ever in one: a value that moves would be a new
alert every minute. Values stand in the texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from controlplane.model.finding import Severity
from controlplane.promql.expr import duration
from controlplane.promql.layout import laid_out
from controlplane.settings.alerts import AlertName

NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alerting rule. Texts are Prometheus templates."""

    name: AlertName
    expr: str
    severity: Severity
    summary: str
    """One line: whom it is about, what is wrong, the value."""
    description: str
    """What it means, and the first step."""
    dashboard: str
    """uid of the dashboard to look at."""
    hold: timedelta = NOTHING
    """How long it must be true before it fires (``for``)."""
    keep: timedelta = NOTHING
    """How long it goes on firing after it is not true any more (``keep_firing_for``): what moves with load flaps."""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    runbook_url: str = ""

    def as_yaml(self) -> dict[str, object]:
        """The rule as Prometheus reads it."""
        rule: dict[str, object] = {"alert": self.name.value, "expr": laid_out(self.expr)}
        if self.hold:
            rule["for"] = duration(self.hold)
        if self.keep:
            rule["keep_firing_for"] = duration(self.keep)
        rule["labels"] = dict(sorted({**self.labels, "severity": self.severity.value}.items()))
        annotations = {"summary": self.summary, "description": self.description, "dashboard": self.dashboard}
        rule["annotations"] = {**annotations, **({"runbook_url": self.runbook_url} if self.runbook_url else {})}
        return rule


WHO = "{{ $labels.namespace }}/{{ $labels.role }}"
"""The role an alert is about, as people name it."""
NUMBER = '{{ printf "%.1f" $value }}'
PERCENT = "{{ $value | humanizePercentage }}"
DOLLARS = '${{ printf "%.2f" $value }}'


def both(*conditions: str) -> str:
    """A condition, and what it is combined with: ``and on (…) …``, ``unless …``."""
    return " ".join(conditions)
