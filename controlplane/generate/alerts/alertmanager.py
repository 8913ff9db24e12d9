"""An Alertmanager that tells the right people once: one message per role, and the cause instead of its effects.

An example to copy from: a company has one Alertmanager, and these routes go below its root. A label that an inhibit
rule names under ``equal`` and both alerts lack counts as equal, so every rule lists all labels that tell two apart.
"""

from collections.abc import Mapping

from controlplane.generate.alerts.slack_template import slack_template
from controlplane.generate.request import Request
from controlplane.generate.text import made_by, yaml_text
from controlplane.settings.alerts import AlertName, Alerts

FOLDER = "manifests/alertmanager"
CRITICAL, WARNING, NOBODY = "llm-critical", "llm-warning", "llm-nobody"

_ROLE = ["cluster", "namespace", "role"]
_EFFECTS = (
    AlertName.LATENCY_BUDGET_BURN,
    AlertName.QUEUE_BACKLOG,
    AlertName.SCALED_TO_MAX,
    AlertName.REQUEST_ERRORS,
    AlertName.OBJECTIVE_NOT_MEASURED,
)
"""What follows when no replica of a role serves."""
_TWO_SEVERITIES = (AlertName.LATENCY_BUDGET_BURN, AlertName.GPU_XID)


def alertmanager_files(request: Request) -> Mapping[str, str]:
    """Path → text of the example: the configuration and the Slack template it names."""
    alerts = request.settings.alerts
    return {
        f"{FOLDER}/alertmanager.yaml": yaml_text(request.source, alertmanager(alerts)),
        f"{FOLDER}/slack.tmpl": slack_template(made_by(request.source), alerts.grafana_url),
    }


def alertmanager(alerts: Alerts) -> dict[str, object]:
    """The configuration."""
    return {
        "templates": ["slack.tmpl"],
        "route": {
            "receiver": NOBODY,
            "group_by": _ROLE,
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [
                {"receiver": CRITICAL, "matchers": ['severity="critical"']},
                {"receiver": WARNING, "matchers": ['severity="warning"'], "repeat_interval": "12h"},
            ],
        },
        "inhibit_rules": inhibit_rules(),
        "receivers": [
            {"name": CRITICAL, **_slack(alerts, "#d00000"), **_webhook(alerts)},
            {"name": WARNING, **_slack(alerts, "#e0a000")},
            {"name": NOBODY},
        ],
    }


def inhibit_rules() -> list[dict[str, object]]:
    """Which alert explains which others."""
    return [
        {
            "source_matchers": [_is(AlertName.CONTROL_PLANE_DOWN)],
            "target_matchers": ['alertname=~"LLM.+|FleetControlPlaneStale"', 'severity=~"warning|info"'],
            "equal": ["cluster"],
        },
        {
            "source_matchers": [_is(AlertName.ENGINE_DOWN)],
            "target_matchers": [_is(*_EFFECTS)],
            "equal": _ROLE,
        },
        {
            "source_matchers": [_is(*_TWO_SEVERITIES), 'severity="critical"'],
            "target_matchers": [_is(*_TWO_SEVERITIES), 'severity="warning"'],
            "equal": ["alertname", *_ROLE, "model", "slo", "node", "gpu"],
        },
        {
            "source_matchers": [_is(AlertName.GPU_XID, AlertName.GPU_ROW_REMAP_FAILED), 'severity="critical"'],
            "target_matchers": [_is(AlertName.GPU_THROTTLED)],
            "equal": ["cluster", "node", "gpu"],
        },
        {
            "source_matchers": [_is(AlertName.SCALED_TO_MAX)],
            "target_matchers": [_is(AlertName.QUEUE_BACKLOG)],
            "equal": _ROLE,
        },
    ]


def _is(*names: AlertName) -> str:
    return f'alertname="{names[0]}"' if len(names) == 1 else f'alertname=~"{"|".join(sorted(names))}"'


def _slack(alerts: Alerts, colour: str) -> dict[str, object]:
    config = {
        "api_url_file": str(alerts.slack_url_file),
        "send_resolved": True,
        "color": f'{{{{ if eq .Status "firing" }}}}{colour}{{{{ else }}}}#2a9d4e{{{{ end }}}}',
        "title": '{{ template "llm.slack.title" . }}',
        "title_link": "",
        "text": '{{ template "llm.slack.text" . }}',
        "fallback": '{{ template "llm.slack.title" . }}',
    }
    return {"slack_configs": [config]}


def _webhook(alerts: Alerts) -> dict[str, object]:
    if alerts.webhook_url is None:
        return {}
    return {"webhook_configs": [{"url": alerts.webhook_url, "send_resolved": True}]}
