"""What we ask of every dashboard, on its JSON: whatever a rule finds is one line that names the panel.

Rules of Grafana's own dashboard linter, where they fit dashboards over recorded names, and ours: no panel may show
another team's series, every metric is known, nothing of old Grafana is left.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

from grafana_foundation_sdk.models import units

from controlplane.promql.catalogue import CATALOGUE
from controlplane.promql.exported import EXPORTED
from controlplane.promql.metric import Kind
from controlplane.promql.recorded import LEVELS, RECORDED
from controlplane.settings.alerts import AlertName
from tests.generate.promql_names import Selector, selectors

Board = Mapping[str, Any]

OURS = {recorded.name for recorded in RECORDED} | {series for metric in EXPORTED for series in metric.series}
PARTS = ("", "_bucket", "_count", "_sum")
THEIRS = {
    spelling + part
    for metric in CATALOGUE
    for spelling in metric.spellings
    for part in (PARTS if metric.kind is Kind.HISTOGRAM else ("",))
}
LEGACY = {
    *("rows", "style", "hideControls", "sharedCrosshair", "gnetId", "__inputs", "maxDataPoints", "intervalFactor"),
    *("fieldOptions", "displayMode: auto", "valueName", "yaxes", "xaxis", "nullPointMode", "aliasColors", "renderer"),
}
TYPES = {"stat", "timeseries", "table", "bargauge", "heatmap", "state-timeline", "text", "row"}
UNITS = {value for name, value in vars(units).items() if name[0].isupper() and isinstance(value, str)}
UNIT_FORM = re.compile(r"(suffix|prefix|count|si|currency|time|bool):.+")
LARGEST = 200_000
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def faults(board: Board) -> list[str]:
    """Everything that is wrong with a dashboard."""
    return [fault for rule in RULES for fault in rule(board)]


def panels(board: Board) -> list[dict[str, Any]]:
    """All panels but headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def asking(board: Board) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Panels that ask something, with each of their targets."""
    for panel in panels(board):
        for target in panel.get("targets", ()):
            yield panel, target


def expressions(board: Board) -> Iterator[tuple[str, str]]:
    """Where it stands, and the expression: of panels, annotations and variables."""
    for panel, target in asking(board):
        yield panel["title"], target["expr"]
    for annotation in board["annotations"]["list"]:
        if "expr" in annotation:
            yield f"annotation {annotation['name']}", annotation["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            yield f"variable {variable['name']}", asked[1] if asked else variable["query"]


def _of_today(board: Board) -> Iterator[str]:
    if board.get("schemaVersion") != 39:
        yield f"schemaVersion is {board.get('schemaVersion')}, not 39"
    if not re.fullmatch(r"[a-z0-9-]{1,40}", board.get("uid", "")):
        yield f"uid {board.get('uid')!r} is no stable address"
    for panel in board["panels"]:
        if panel["type"] not in TYPES:
            yield f"{panel['title']}: no such panel type: {panel['type']}"

    def keys(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {key for held in value.values() for key in keys(held)}
        return {key for held in value for key in keys(held)} if isinstance(value, list) else set()

    for key in sorted(keys(board) & LEGACY):
        yield f"{key} is of old Grafana"


def _size(board: Board) -> Iterator[str]:
    size = len(json.dumps(board, indent=2))
    if size > LARGEST:
        yield f"{size} bytes do not fit into a ConfigMap with room to spare"


def _places(board: Board) -> Iterator[str]:
    for number, times in Counter(panel["id"] for panel in board["panels"]).items():
        if times > 1:
            yield f"id {number} is there {times} times"
    for a, b in combinations(board["panels"], 2):
        p, q = a["gridPos"], b["gridPos"]
        beside = p["x"] + p["w"] <= q["x"] or q["x"] + q["w"] <= p["x"]
        under = p["y"] + p["h"] <= q["y"] or q["y"] + q["h"] <= p["y"]
        if not (beside or under):
            yield f"{a['title']} lies over {b['title']}"
    for panel in board["panels"]:
        if panel["gridPos"]["x"] + panel["gridPos"]["w"] > 24:
            yield f"{panel['title']} is wider than the grid"


def _explained(board: Board) -> Iterator[str]:
    for title, times in Counter(panel["title"] for panel in panels(board)).items():
        if times > 1:
            yield f"{title} is the title of {times} panels"
    for panel in panels(board):
        if not panel.get("title"):
            yield f"panel {panel['id']} has no title"
        words, _, named = panel.get("description", "").partition("\n\nMetric")
        if len(words) < 20 and panel["type"] != "text":
            yield f"{panel['title']} is not explained"
        for target in panel.get("targets", ()):
            missing = {s.name for s in _parsed(target["expr"]) if s.name} - set(re.findall(r"`([^`]+)`", named))
            if missing:
                yield f"{panel['title']}: its description does not name {', '.join(sorted(missing))}"


def _units(board: Board) -> Iterator[str]:
    for panel in panels(board):
        if panel["type"] == "text":
            continue
        defaults, overrides = panel["fieldConfig"]["defaults"], panel["fieldConfig"]["overrides"]
        said = [(panel["title"], defaults.get("unit"))]
        if panel["type"] == "table":
            by_name = {o["matcher"]["options"]: {p["id"]: p["value"] for p in o["properties"]} for o in overrides}
            renamed = panel["transformations"][-1]["options"]["renameByName"]
            values = [name for held, name in renamed.items() if held.startswith("Value")]
            said += [(f"{panel['title']}, {name}", by_name.get(name, {}).get("unit")) for name in values]
            for name in renamed.values():
                if by_name.get(name, {}).get("noValue") != "":
                    yield f"{panel['title']}, {name}: an empty cell says {defaults.get('noValue')!r}"
                if name not in values and by_name.get(name, {}).get("unit") != "string":
                    yield f"{panel['title']}, {name}: a name of digits is shown as a number"
        for where, unit in said:
            if (unit not in UNITS and not UNIT_FORM.fullmatch(unit or "")) or ": " in (unit or ""):
                yield f"{where}: {unit!r} is no unit of Grafana"
        if not defaults.get("noValue"):
            yield f"{panel['title']} does not say what stands there without data"
        if not any(m["type"] == "special" and m["options"]["match"] == "nan" for m in defaults.get("mappings", ())):
            yield f"{panel['title']} shows NaN"


_CLICKED = re.compile(r"var-\w+=(\$\{__[^}]*\})")


def _links(board: Board) -> Iterator[str]:
    for title, url in _addresses(board):
        for value in _CLICKED.findall(url):
            if not value.endswith(":percentencode}"):
                yield f"{title}: a name with & or # in it breaks the link {url}"
        kept = ("datasource", "cluster", "namespace") if url.startswith("/d/llm-") else ("datasource",)
        for name in kept:
            if f"${{{name}:queryparam}}" not in url:
                yield f"{title}: {url} forgets the chosen {name}"


def _addresses(board: Board) -> Iterator[tuple[str, str]]:
    for panel in panels(board):
        config = panel.get("fieldConfig", {"defaults": {}, "overrides": []})
        held = [*config["defaults"].get("links", ())]
        for override in config["overrides"]:
            held += [link for p in override["properties"] if p["id"] == "links" for link in p["value"]]
        for link in held:
            yield panel["title"], link["url"]


def _sources(board: Board) -> Iterator[str]:
    for panel, target in asking(board):
        if target.get("datasource") != SOURCE or panel.get("datasource") != SOURCE:
            yield f"{panel['title']}: data does not come from the chosen source"
        if "$__rate_interval" in target["expr"] and "interval" not in target:
            yield f"{panel['title']}: Grafana is not told how often pages are read"
        if target["instant"] is target["range"]:
            yield f"{panel['title']}: neither or both of an instant and a range"
    for annotation in board["annotations"]["list"]:
        if annotation.get("builtIn") != 1 and annotation.get("datasource") != SOURCE:
            yield f"annotation {annotation['name']}: data does not come from the chosen source"


def _variables(board: Board) -> Iterator[str]:
    held = {variable["name"]: variable for variable in board["templating"]["list"]}
    for name in ("datasource", "cluster", "namespace", "model", "role"):
        if name not in held:
            yield f"there is no variable {name}"
    for name, variable in held.items():
        if variable["type"] != "query":
            continue
        if not (variable["multi"] and variable["includeAll"] and variable["allValue"] in (".+", ".*")):
            yield f"variable {name} cannot mean all, or becomes one long pattern"
        if variable["current"].get("value") != ["$__all"]:
            yield f"variable {name} begins with something else than all"
        if variable["refresh"] != 2:
            yield f"variable {name} does not follow the time range"
    written = json.dumps([panels(board), board["annotations"]])
    for name in sorted(set(re.findall(r'=~\\"\$(\w+)\\"', written)) - set(held)):
        yield f"${name} is used and is no variable"


_COUNTING = re.compile(r"\b(?:rate|irate|increase)\(.*?\[([^\]]+)\]")


def _rates(board: Board) -> Iterator[str]:
    for where, expr in expressions(board):
        for window in _COUNTING.findall(expr):
            if window not in ("$__rate_interval", "$__range"):
                yield f"{where}: a rate over {window} misses counts, or smears them: use $__rate_interval"


def _parsed(expr: str) -> tuple[Selector, ...]:
    try:
        return selectors(expr)
    except ValueError:
        return ()


def _queries(board: Board) -> Iterator[str]:
    for where, expr in expressions(board):
        try:
            found = selectors(expr)
        except ValueError as wrong:
            yield f"{where}: not PromQL: {wrong}"
            continue
        for selector in found:
            if selector.name and selector.name not in OURS | THEIRS:
                yield f"{where}: nobody makes {selector.name}"
            elif not _is_ours(selector) and not where.startswith("variable"):
                yield f"{where}: {selector.name or selector.matchers} may be another team's"


def _is_ours(selector: Selector) -> bool:
    """Whether it can only be our series, or those somebody chose at the top of the dashboard."""
    held = dict(selector.matchers)
    if selector.name in OURS:
        return "cluster" not in held or held["cluster"] == "$cluster"
    if selector.name.startswith("ALERTS"):
        return set(held.get("alertname", "?").split("|")) <= {name.value for name in AlertName}
    if selector.name.startswith("prometheus_rule"):
        return ";llm-" in held.get("rule_group", "")
    if selector.name.startswith("keda_"):
        return "scaledObject" in held and "namespace" in held
    if not selector.name:
        return held.get("__name__", "").partition(":")[0] in LEVELS
    return any(value.startswith("$") for value in held.values())


RULES: tuple[Callable[[Board], Iterator[str]], ...] = (
    _of_today,
    _size,
    _places,
    _explained,
    _units,
    _links,
    _sources,
    _variables,
    _rates,
    _queries,
)
