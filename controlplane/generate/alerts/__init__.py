"""Alerts for Prometheus, and an Alertmanager that tells the right people once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from controlplane.generate.alerts.alert import Alert
from controlplane.generate.alerts.alertmanager import alertmanager_files
from controlplane.generate.alerts.edges import Promised, promised
from controlplane.generate.alerts.machinery import machinery_alerts
from controlplane.generate.alerts.money import money_alerts
from controlplane.generate.alerts.serving import serving_alerts
from controlplane.generate.alerts.sessions import session_alerts
from controlplane.generate.alerts.slo import slo_alerts, slo_groups
from controlplane.generate.request import Request
from controlplane.generate.rules.rule import Group
from controlplane.generate.text import rules_text
from controlplane.settings.schema import Settings

__all__ = ["alert_files", "alert_groups"]


def alert_files(request: Request) -> Mapping[str, str]:
    """Path → text: the alerts, the rules that objectives need, and the Alertmanager example.

    Raises:
        SettingsError: an objective lies between two edges of the engine's histogram.
    """
    promises = promised(request)
    made = {"rules/llm-alerts.yaml": alert_groups(request.settings, promises)}
    if promises:
        made["rules/llm-slo.yaml"] = slo_groups(promises)
    rules = {path: rules_text(request.source, [g.as_yaml() for g in groups]) for path, groups in made.items()}
    return {**rules, **alertmanager_files(request)}


def alert_groups(settings: Settings, promises: Sequence[Promised]) -> tuple[Group, ...]:
    """All alerts that fleet.yaml does not leave out. A broken rule stops only its own group."""
    groups = {
        "llm-alerts-serving": (*slo_alerts(settings, promises), *serving_alerts(settings)),
        "llm-alerts-money": money_alerts(settings),
        "llm-alerts-sessions": session_alerts(settings),
        "llm-alerts-machinery": machinery_alerts(settings),
    }
    kept = {
        name: tuple(_finished(settings, alert) for alert in alerts if alert.name not in settings.alerts.without)
        for name, alerts in groups.items()
    }
    return tuple(Group(name=name, rules=alerts) for name, alerts in kept.items() if alerts)


def _finished(settings: Settings, alert: Alert) -> Alert:
    """With what fleet.yaml puts on every alert."""
    chosen = settings.alerts
    page = f"{chosen.runbook_url}/{alert.name.lower()}{chosen.runbook_suffix}" if chosen.runbook_url else ""
    return replace(alert, labels={**chosen.labels, **alert.labels}, runbook_url=page)
