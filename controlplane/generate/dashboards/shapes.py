"""What each kind of panel looks like: Grafana's ``options`` and ``fieldConfig``, as Grafana 10.4 writes them itself.

A stat, a table and a bar ask for this instant only. Grafana would otherwise show the last value of the whole time
range, hours after a series has gone: unknown would look like known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.generate.dashboards.panel import NO_TRAFFIC, Key, Kind, Link, Panel, Query, State, Step

JSON = dict[str, Any]
GREEN, RED = "green", "red"
NEUTRAL = (Step("text"),)
"""A number that carries no judgement."""

_NOT_A_NUMBER = {"type": "special", "options": {"match": "nan", "result": {"index": 0, "text": NO_TRAFFIC}}}
_LEGEND = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}
_NOW = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_EMPTY = {"noValue": ""}
"""Of a table's cells: what the panel says without data would stand in each empty one."""
_UNHIDDEN = {"legend": False, "tooltip": False, "viz": False}


@dataclass(frozen=True, slots=True)
class Shape:
    """How one panel is drawn."""

    options: JSON
    defaults: JSON = field(default_factory=dict)
    overrides: list[JSON] = field(default_factory=list)
    transformations: list[JSON] = field(default_factory=list)


def shape(panel: Panel) -> Shape:
    """The panel's shape, with what all kinds have in common filled in."""
    made = _SHAPES[panel.kind](panel)
    if panel.kind is Kind.TEXT:
        return made
    common: JSON = {
        "color": {"mode": "palette-classic"},
        "mappings": [_NOT_A_NUMBER, *_words(panel.states)],
        "noValue": panel.nothing,
        "thresholds": _thresholds(panel.steps),
        "unit": panel.unit,
    }
    for key, value in (("decimals", panel.decimals), ("max", panel.most)):
        if value is not None:
            common[key] = value
    if panel.links:
        common["links"] = _links(panel.links)
    return Shape(made.options, {**common, **made.defaults}, made.overrides, made.transformations)


def ref(index: int) -> str:
    """Grafana's name for the query at this place."""
    return chr(ord("A") + index)


def _thresholds(steps: tuple[Step, ...]) -> JSON:
    return {"mode": "absolute", "steps": [{"color": s.colour, "value": s.value} for s in steps or NEUTRAL]}


def _words(states: tuple[State, ...]) -> list[JSON]:
    if not states:
        return []
    options = {str(s.value): {"color": s.colour, "index": i, "text": s.words} for i, s in enumerate(states)}
    return [{"type": "value", "options": options}]


def _links(links: tuple[Link, ...]) -> list[JSON]:
    return [{"title": link.title, "url": link.url, "targetBlank": False} for link in links]


def _override(matcher: str, which: str, properties: Mapping[str, Any]) -> JSON:
    held = [{"id": key, "value": value} for key, value in properties.items()]
    return {"matcher": {"id": matcher, "options": which}, "properties": held}


def _coloured(panel: Panel) -> list[JSON]:
    return [
        _override("byName", name, {"color": {"mode": "fixed", "fixedColor": colour}}) for name, colour in panel.colours
    ]


def _stat(panel: Panel) -> Shape:
    options = {
        "colorMode": "value" if panel.steps or panel.states else "none",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": _NOW,
        "textMode": "auto",
    }
    return Shape(options, {"color": {"mode": "thresholds"}})


def _timeseries(panel: Panel) -> Shape:
    line = () if panel.limit is None else (Step(GREEN), Step(RED, panel.limit))
    custom = {
        "drawStyle": "line",
        "fillOpacity": 20 if panel.stacked else 0,
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if line else "off"},
    }
    dashed = {
        "custom.lineStyle": {"dash": [8, 8], "fill": "dash"},
        "custom.stacking": {"group": "A", "mode": "none"},
        "custom.fillOpacity": 0,
    }
    promises = [_override("byFrameRefID", ref(i), dashed) for i, q in enumerate(panel.queries) if q.promise]
    return Shape(
        {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
        {
            "custom": custom,
            **({} if panel.least is None else {"min": panel.least}),
            **({"thresholds": _thresholds(line)} if line else {}),
        },
        [*promises, *_coloured(panel)],
    )


def _table(panel: Panel) -> Shape:
    names = {key.label: key.title for key in panel.keys}
    values = {f"Value #{ref(i)}": query.legend for i, query in enumerate(panel.queries)}
    if len(panel.queries) == 1:
        values = {"Value": panel.queries[0].legend}  # Grafana numbers them only when there are several
    order = {name: i for i, name in enumerate([*names, *values])}
    columns = [_override("byName", key.title, _name(key)) for key in panel.keys]
    columns += [_override("byName", query.legend, _column(query)) for query in panel.queries]
    return Shape(
        {
            "cellHeight": "sm",
            "footer": {"countRows": False, "reducer": [], "show": False},
            "showHeader": True,
            "sortBy": [],
        },
        {
            "color": {"mode": "thresholds"},
            "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False},
        },
        columns,
        [
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": order,
                    "renameByName": {**names, **values},
                },
            },
        ],
    )


def _name(key: Key) -> JSON:
    """A name is a text: left to the panel's unit, a role called 2024 would be 2.02 K."""
    return {"unit": "string", **_EMPTY, **({"links": _links(key.links)} if key.links else {})}


def _column(query: Query) -> JSON:
    found: JSON = {"unit": query.unit or "short", **_EMPTY}
    if query.decimals is not None:
        found["decimals"] = query.decimals
    if query.states:
        found["mappings"] = _words(query.states)
    if query.steps:
        found["thresholds"] = _thresholds(query.steps)
    if query.hidden:
        found["custom.hidden"] = True
    if query.steps or query.states:
        found["custom.cellOptions"] = {"type": "color-text"}
    return found


def _bargauge(panel: Panel) -> Shape:
    options = {
        "displayMode": "basic",
        "maxVizHeight": 300,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "auto",
        "orientation": "horizontal",
        "reduceOptions": _NOW,
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    return Shape(options, {"color": {"mode": "thresholds"}, "min": 0}, _coloured(panel))


def _heatmap(panel: Panel) -> Shape:
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": False,
            "scale": "exponential",
            "scheme": "Oranges",
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": panel.unit},
    }
    return Shape(options, {"custom": {"hideFrom": _UNHIDDEN, "scaleDistribution": {"type": "linear"}}})


def _states(_: Panel) -> Shape:
    return Shape(
        {
            "alignValue": "left",
            "legend": _LEGEND,
            "mergeValues": True,
            "rowHeight": 0.9,
            "showValue": "never",
            "tooltip": {"mode": "single", "sort": "none"},
        },
        # coloured by threshold, it would show ranges of numbers instead of the states' words
        {"color": {"mode": "fixed", "fixedColor": "text"}, "custom": {"fillOpacity": 70, "lineWidth": 0}},
    )


def _text(panel: Panel) -> Shape:
    return Shape({"content": panel.text, "mode": "markdown"})


_SHAPES: Mapping[Kind, Callable[[Panel], Shape]] = {
    Kind.STAT: _stat,
    Kind.TIMESERIES: _timeseries,
    Kind.TABLE: _table,
    Kind.BARGAUGE: _bargauge,
    Kind.HEATMAP: _heatmap,
    Kind.STATES: _states,
    Kind.TEXT: _text,
}
