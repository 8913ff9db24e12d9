"""Grafana dashboards over recorded names."""

from collections.abc import Mapping

from controlplane.generate.dashboards.fleet import fleet_dashboard
from controlplane.generate.request import Request
from controlplane.generate.text import json_text

__all__ = ["dashboard_files"]


def dashboard_files(request: Request) -> Mapping[str, str]:
    """Path → text of every dashboard."""
    return {"dashboards/llm-fleet.json": json_text(fleet_dashboard(request.settings, request.source))}
