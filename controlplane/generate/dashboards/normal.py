"""grafanalib's output as today's Grafana writes it: what was dropped since is dropped, what was renamed is renamed."""

from typing import Any

JSON = dict[str, Any]

_DASHBOARD = {
    "annotations",
    "description",
    "editable",
    "graphTooltip",
    "links",
    "panels",
    "refresh",
    "schemaVersion",
    "tags",
    "templating",
    "time",
    "timepicker",
    "timezone",
    "title",
    "uid",
    "version",
}
_PANEL = {
    "datasource",
    "description",
    "fieldConfig",
    "gridPos",
    "id",
    "options",
    "targets",
    "title",
    "transformations",
    "type",
}
_ROW = {"collapsed", "gridPos", "id", "panels", "title", "type"}
_TARGET = {"datasource", "expr", "format", "instant", "interval", "legendFormat", "refId"}
_VARIABLE = {
    "allValue",
    "datasource",
    "hide",
    "includeAll",
    "label",
    "multi",
    "name",
    "options",
    "query",
    "refresh",
    "regex",
    "sort",
    "type",
}
_LINK = {"asDropdown", "icon", "includeVars", "keepTime", "tags", "targetBlank", "title", "tooltip", "type", "url"}


def normalised(board: JSON) -> JSON:
    """A whole dashboard."""
    kept = _only(board, _DASHBOARD)
    kept["links"] = [{"tooltip": "", "url": "", **_only(link, _LINK)} for link in kept["links"]]
    kept["panels"] = [_panel(panel) for panel in kept["panels"]]
    kept["templating"] = {"list": [_variable(variable) for variable in kept["templating"]["list"]]}
    kept["timepicker"] = {}
    kept["weekStart"] = ""
    kept["fiscalYearStartMonth"] = 0
    return kept


def _only(held: JSON, keys: set[str]) -> JSON:
    return {key: value for key, value in held.items() if key in keys and value is not None}


def _variable(variable: JSON) -> JSON:
    kept = _only(variable, _VARIABLE)
    if not kept["includeAll"]:
        return {**kept, "current": {}, "options": []}
    everything = {"selected": True, "text": ["All"], "value": ["$__all"]}  # grafanalib writes "All", a role's name
    return {**kept, "current": everything, "options": []}


def _panel(panel: JSON) -> JSON:
    kept = _only(panel, _ROW if panel["type"] == "row" else _PANEL)
    kept["gridPos"] = _only(panel["gridPos"], {"h", "w", "x", "y"})
    if panel["type"] == "row":
        return kept
    if panel["type"] == "text":
        return {key: value for key, value in kept.items() if key not in {"fieldConfig", "targets", "transformations"}}
    if not kept["transformations"]:
        del kept["transformations"]
    kept["fieldConfig"].setdefault("overrides", [])
    kept["targets"] = [_target(target) for target in kept["targets"]]
    return kept


def _target(target: JSON) -> JSON:
    kept = {**_only(target, _TARGET), "editorMode": "code", "range": not target["instant"]}
    if not kept["interval"]:
        del kept["interval"]
    return kept
