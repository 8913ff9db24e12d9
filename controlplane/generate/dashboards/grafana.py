"""Our panels as Grafana's JSON, through grafanalib.

grafanalib knows Grafana 6; today's Grafana migrates its output on load, or guesses. So what it emits is put
right before it is written: current schema, no keys of removed panels, a data source on every target, full
resolution, and variables whose "All" is what Grafana now calls it.
"""

import json
from collections.abc import Sequence
from typing import Any

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from controlplane.generate.dashboards.panel import Panel, Place, Query, Row, places

SCHEMA = 39
"""Dashboard schema of Grafana 10.4; newer ones read it as it is."""
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, RED = "green", "red"

_DASHBOARD_KEYS = {
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
_PANEL_KEYS = {
    "collapsed",
    "datasource",
    "description",
    "fieldConfig",
    "gridPos",
    "id",
    "options",
    "panels",
    "targets",
    "title",
    "transformations",
    "type",
}
_TARGET_KEYS = {"datasource", "expr", "format", "instant", "legendFormat", "refId"}
_VARIABLE_KEYS = {
    "allValue",
    "current",
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


def dashboard(*, uid: str, title: str, description: str, rows: Sequence[Row], role_metric: str) -> dict[str, Any]:
    """A whole dashboard. ``role_metric`` is the series whose ``role`` label fills the role variable."""
    made: list[Any] = []
    y = 0
    for row in rows:
        made.append(core.RowPanel(title=row.title, gridPos=core.GridPos(h=1, w=24, x=0, y=y)))
        found = places(row.panels, y + 1)
        made += [_panel(panel, place) for panel, place in zip(row.panels, found, strict=True)]
        y = max(place.y + place.height for place in found)
    board = core.Dashboard(
        title=title,
        uid=uid,
        description=description,
        tags=["llm-fleet"],
        timezone="browser",
        refresh="30s",
        time=core.Time("now-6h", "now"),
        editable=False,
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        schemaVersion=SCHEMA,
        version=1,
        templating=core.Templating(list=_variables(role_metric)),
        panels=made,
    ).auto_panel_ids()
    return normalised(json.loads(json.dumps(board.to_json_data(), cls=DashboardEncoder)))


def _variables(role_metric: str) -> list[Any]:
    source = core.Template(name="datasource", label="Data source", type="datasource", query="prometheus", default="")
    role = core.Template(
        name="role",
        label="Role",
        query=f"label_values({role_metric}, role)",
        dataSource=DATASOURCE,
        includeAll=True,
        multi=True,
        allValue=".+",
        default="All",
        refresh=core.REFRESH_ON_TIME_RANGE_CHANGE,
    )
    return [source, role]


def _panel(panel: Panel, place: Place) -> Any:
    common = {
        "title": panel.title,
        "description": panel.description,
        "dataSource": DATASOURCE,
        "gridPos": core.GridPos(h=place.height, w=place.width, x=place.x, y=place.y),
        "targets": [_target(q, i, panel.kind) for i, q in enumerate(panel.queries)],
    }
    match panel.kind:
        case "stat":
            return core.Stat(format=panel.unit, reduceCalc="lastNotNull", noValue="no data", **common)
        case "table":
            return core.Table(overrides=_columns(panel), transformations=_one_row_per_role(panel), **common)
        case _:
            return core.TimeSeries(
                unit=panel.unit,
                fillOpacity=20 if panel.stacked else 0,
                stacking={"mode": "normal", "group": "A"} if panel.stacked else {"mode": "none", "group": "A"},
                showPoints="never",
                tooltipMode="multi",
                thresholdsStyleMode="off" if panel.limit is None else "dashed",
                overrides=[_dashed(q) for q in panel.queries if q.promise],
                **common,
                extraJson={
                    "fieldConfig": {
                        "defaults": {
                            "min": 0,
                            "max": panel.most,
                            "noValue": "no data",
                            "thresholds": {"mode": "absolute", "steps": _steps(panel.limit)},
                        }
                    },
                    "options": {"legend": {"showLegend": True}},
                },
            )


def _steps(limit: float | None) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [{"color": GREEN, "value": None}]
    return steps if limit is None else [*steps, {"color": RED, "value": limit}]


def _target(query: Query, index: int, kind: str) -> Any:
    table = kind == "table"
    return core.Target(
        expr=query.expr,
        legendFormat="" if table else query.legend,
        refId=chr(ord("A") + index),
        datasource=DATASOURCE,
        instant=kind != "timeseries",
        format="table" if table else "time_series",
    )


def _dashed(query: Query) -> dict[str, Any]:
    stem = query.legend.partition("{{")[0].strip()
    dashes = {"id": "custom.lineStyle", "value": {"dash": [8, 8], "fill": "dash"}}
    return {"matcher": {"id": "byRegexp", "options": f"/^{stem}/"}, "properties": [dashes]}


def _columns(panel: Panel) -> list[dict[str, Any]]:
    return [
        {"matcher": {"id": "byName", "options": q.legend}, "properties": [{"id": "unit", "value": q.unit}]}
        for q in panel.queries
    ]


def _one_row_per_role(panel: Panel) -> list[dict[str, Any]]:
    titles = {f"Value #{chr(ord('A') + i)}": q.legend for i, q in enumerate(panel.queries)}
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"role": "Role", **titles}}},
    ]


def normalised(board: dict[str, Any]) -> dict[str, Any]:
    """Grafanalib's output as today's Grafana writes it itself."""
    board = {k: v for k, v in board.items() if k in _DASHBOARD_KEYS}
    board["templating"] = {"list": [_variable(v) for v in board["templating"]["list"]]}
    board["panels"] = [_normalised_panel(p) for p in board["panels"]]
    return board


def _variable(variable: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in variable.items() if k in _VARIABLE_KEYS and v is not None}
    if variable["includeAll"]:
        kept["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
    else:
        kept["current"] = {}
    return kept


def _normalised_panel(panel: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in panel.items() if k in _PANEL_KEYS and v is not None}
    kept["gridPos"] = {k: panel["gridPos"][k] for k in ("h", "w", "x", "y")}
    if panel["type"] == "row":
        return {k: kept[k] for k in ("collapsed", "gridPos", "id", "panels", "title", "type")}
    kept["targets"] = [
        {**{k: t[k] for k in _TARGET_KEYS}, "editorMode": "code", "range": not t["instant"]} for t in panel["targets"]
    ]
    kept["fieldConfig"] = _field_config(panel)
    return kept


def _field_config(panel: dict[str, Any]) -> dict[str, Any]:
    config = panel["fieldConfig"]
    defaults = {k: v for k, v in config["defaults"].items() if v is not None and v != ""}
    defaults["custom"] = {k: v for k, v in defaults.get("custom", {}).items() if v is not None and k != "displayMode"}
    thresholds = defaults.get("thresholds")
    if not isinstance(thresholds, dict) or not thresholds.get("steps"):
        defaults["thresholds"] = {"mode": "absolute", "steps": _steps(None)}
    if panel["type"] == "table":
        defaults["custom"]["cellOptions"] = {"type": "auto"}
        defaults["noValue"] = "no data"
    return {"defaults": defaults, "overrides": config.get("overrides", [])}
