"""The control plane itself and the autoscaler: what everything else stands on."""

from collections.abc import Iterator
from datetime import timedelta

from controlplane.generate.alerts.alert import Alert
from controlplane.generate.alerts.births import grew
from controlplane.generate.alerts.hardware import gpu_alerts
from controlplane.generate.rules.moved import told
from controlplane.model.finding import Severity
from controlplane.promql import exported, metrics_keda
from controlplane.promql.expr import Match, aggregate, call, select
from controlplane.settings.alerts import AlertName
from controlplane.settings.schema import Settings

_M = timedelta(minutes=1)
SELF_BOARD = "llm-selfcheck"


def machinery_alerts(settings: Settings) -> Iterator[Alert]:
    """Alerts on what the fleet's care depends on."""
    yield from _ourselves(settings)
    yield _keda()
    yield from gpu_alerts(settings)


def _ourselves(settings: Settings) -> Iterator[Alert]:
    age = settings.alerts.limits.source_age.total_seconds()
    seen = aggregate("max", exported.SOURCE_LAST_SUCCESS.name, ("cluster", "source"))
    yield Alert(
        name=AlertName.CONTROL_PLANE_STALE,
        expr=f"time() - {seen} > {age:g}",
        hold=2 * _M,
        severity=Severity.WARNING,
        summary="{{ $labels.source }}: nothing usable for {{ $value | humanizeDuration }}",
        description="The control plane does not act on what it cannot see: automation is on hold for the roles seen "
        "there. First: its row under Health on the control plane's page says why.",
        dashboard=SELF_BOARD,
    )
    yield Alert(
        name=AlertName.CONTROL_PLANE_DOWN,
        expr=f"absent({exported.BUILD_INFO.name})",
        hold=5 * _M,
        severity=Severity.CRITICAL,
        summary="The control plane of the LLM fleet is not seen by Prometheus",
        description="ScaledObjects keep what they were last given and engines go on serving; roles of pods fall back "
        "to fleet.yaml, money and budgets are unknown. First: is its pod running, and is it scraped?",
        dashboard=SELF_BOARD,
    )
    undone = (Match("result", "rolled_back"),)
    yield Alert(
        name=AlertName.ACTION_ROLLED_BACK,
        expr=grew(exported.ACTIONS, 15 * _M, ("cluster", "namespace", "kind"), undone),
        severity=Severity.WARNING,
        summary="{{ $labels.namespace }}: a change ({{ $labels.kind }}) made things worse and was taken back",
        description="What it expected did not come, so the fields have their old values again. First: read the verdict "
        "under Activity on the control plane's page before anybody tries the same by hand.",
        dashboard="llm-scaling",
    )


def _keda() -> Alert:
    rate = call("rate", select(metrics_keda.ERRORS.name, window=5 * _M))
    errors = told(rate, "sum", ("cluster", "namespace", "scaledObject"))
    return Alert(
        name=AlertName.KEDA_ERRORS,
        expr=f"{errors} > 0",
        hold=10 * _M,
        severity=Severity.WARNING,
        summary="{{ $labels.namespace }}/{{ $labels.scaledObject }}: KEDA cannot read what it scales by",
        description="The role keeps its replicas, or falls back to what its ScaledObject says. First: does the query "
        "give one number in Prometheus, and can KEDA's pod reach it?",
        dashboard="llm-scaling",
    )
