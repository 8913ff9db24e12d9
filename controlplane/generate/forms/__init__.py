"""Rules, dashboards and targets in the shape of whatever loads them: an operator, a sidecar, a plain file.

Nothing new is said here. A PrometheusRule holds the rules of its file, a ConfigMap the bytes of its dashboard.
"""

from collections.abc import Mapping

from controlplane.generate.forms.dashboards import configmaps, grafana_dashboards, provisioning
from controlplane.generate.forms.monitors import monitors
from controlplane.generate.forms.rules import prometheus_rules
from controlplane.generate.forms.scrape_configs import scrape_configs
from controlplane.generate.request import Request
from controlplane.settings.outputs import Form

__all__ = ["form_files"]

WRITERS = {
    Form.PROMETHEUS_RULES: prometheus_rules,
    Form.MONITORS: monitors,
    Form.SCRAPE_CONFIG: scrape_configs,
    Form.DASHBOARD_CONFIGMAPS: configmaps,
    Form.GRAFANA_DASHBOARDS: grafana_dashboards,
    Form.PROVISIONING: provisioning,
}
"""One per form: ``(request, made)`` → path → text, where ``made`` are the files of rules and dashboards."""


def form_files(request: Request, made: Mapping[str, str]) -> Mapping[str, str]:
    """Path → text of every form fleet.yaml asks for.

    Args:
        request: what to generate from.
        made: path → text of the rules and dashboards that were generated from it.
    """
    settings = request.settings
    wanted = settings.generate.forms_for(cluster=settings.sources.kubernetes is not None)
    files: dict[str, str] = {}
    for form in dict.fromkeys(wanted):
        files |= WRITERS[form](request, made)
    return files
