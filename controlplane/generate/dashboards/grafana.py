"""Our boards as Grafana's JSON, through grafanalib.

grafanalib knows Grafana 6: it lays a dashboard out, numbers its panels and encodes it, but what it says about a
panel's inside would be migrated by today's Grafana on load, or guessed. So panels bring their own shape, and what
grafanalib adds of old Grafana is dropped again (:mod:`controlplane.generate.dashboards.normal`).
"""

import json
from typing import Any

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from controlplane.generate.dashboards.asked import EVERYWHERE
from controlplane.generate.dashboards.normal import normalised
from controlplane.generate.dashboards.panel import Annotation, Board, Kind, Panel, Place, Query, Variable, places
from controlplane.generate.dashboards.shapes import JSON, ref, shape

SCHEMA = 39
"""Dashboard schema of Grafana 10.4; newer ones read it as it is."""
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "llm-fleet"
_OVER_TIME = {Kind.TIMESERIES, Kind.HEATMAP, Kind.STATES}


class _Drawn(core.Panel):  # type: ignore[misc]  # grafanalib ships no types
    """A panel of any kind: grafanalib gives it a place, a number and its queries; its inside is ours."""

    def to_json_data(self) -> Any:
        return self.panel_json({})


def dashboard(board: Board, made_by: str, every: str) -> JSON:
    """A whole dashboard.

    Args:
        board: what it shows.
        made_by: said in its description: it marks the file as generated.
        every: how often pages are read. Grafana makes ``$__rate_interval`` of it; else of what its data source is set
            to, 15 s unless somebody changed it, and a rate over four of those sees one sample of a slower scrape.
    """
    made: list[Any] = []
    y = 0
    for row in board.rows:
        made.append(core.RowPanel(title=row.title, gridPos=core.GridPos(h=1, w=24, x=0, y=y)))
        found = places(row.panels, y + 1)
        made += [_panel(panel, place, every) for panel, place in zip(row.panels, found, strict=True)]
        y = max(place.y + place.height for place in found)
    drawn = core.Dashboard(
        title=board.title,
        uid=board.uid,
        description=f"{board.words} {made_by}",
        tags=[TAG],
        timezone="browser",
        refresh="30s",
        time=core.Time("now-6h", "now"),
        editable=False,
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        schemaVersion=SCHEMA,
        version=1,
        annotations=core.Annotations(list=[_BUILT_IN, *(_annotation(a) for a in board.annotations)]),
        links=[
            core.DashboardLink(title="LLM fleet", tags=[TAG], includeVars=True, keepTime=True, asDropdown=False),
        ],
        templating=core.Templating(list=_variables(board.variables)),
        panels=made,
    ).auto_panel_ids()
    return normalised(json.loads(json.dumps(drawn.to_json_data(), cls=DashboardEncoder)))


_BUILT_IN = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}
"""Grafana adds it by itself, and then asks whether to save the change."""


def _annotation(annotation: Annotation) -> JSON:
    return {
        "datasource": DATASOURCE,
        "enable": True,
        "expr": annotation.expr,
        "hide": False,
        "iconColor": annotation.colour,
        "name": annotation.name,
        "textFormat": annotation.text,
        "titleFormat": annotation.title,
        "useValueForTime": False,
    }


def _variables(variables: tuple[Variable, ...]) -> list[Any]:
    """The data source, then the choices: each offers what the ones before it leave."""
    source = core.Template(name="datasource", label="Data source", type="datasource", query="prometheus", default="")
    made = [source]
    for i, variable in enumerate(variables):
        narrowed = ",".join(
            f'{v.label}=~"${v.called}"' for v in variables[:i] if v.query == variable.query or v.label in EVERYWHERE
        )
        selector = f"{variable.query}{{{narrowed}}}" if narrowed else variable.query
        made.append(
            core.Template(
                name=variable.called,
                label=variable.title,
                query=f"label_values({selector}, {variable.label})",
                dataSource=DATASOURCE,
                includeAll=True,
                multi=True,
                allValue=variable.all_of,
                default="All",
                refresh=core.REFRESH_ON_TIME_RANGE_CHANGE,
            )
        )
    return made


def _panel(panel: Panel, place: Place, every: str) -> Any:
    made = shape(panel)
    inside: JSON = {"type": panel.kind.value, "options": made.options, "transformations": made.transformations}
    if made.defaults:
        inside["fieldConfig"] = {"defaults": made.defaults, "overrides": made.overrides}
    return _Drawn(
        title=panel.title,
        description=panel.description,
        dataSource=None if panel.kind is Kind.TEXT else DATASOURCE,
        gridPos=core.GridPos(h=place.height, w=place.width, x=place.x, y=place.y),
        targets=[_target(query, i, panel.kind, every) for i, query in enumerate(panel.queries)],
        maxDataPoints=None,
        extraJson=inside,
    )


def _target(query: Query, index: int, kind: Kind, every: str) -> Any:
    formats = {Kind.TABLE: "table", Kind.HEATMAP: "heatmap"}
    return core.Target(
        expr=query.expr,
        legendFormat="" if kind is Kind.TABLE else query.legend,
        refId=ref(index),
        datasource=DATASOURCE,
        interval=every if "$__rate_interval" in query.expr else "",
        instant=kind not in _OVER_TIME,
        format=formats.get(kind, "time_series"),
    )
