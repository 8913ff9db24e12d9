"""``docs/dashboards.md``: every panel, what it means, what it asks, and what it showed in a run.

There is no Grafana here to take pictures of. Instead each query is asked of a Prometheus and answered beside it,
in the panel's own unit.

    python -m tools.dashboards_page --live                                   the simulated fleet, for four minutes
    python -m tools.dashboards_page --prometheus URL --fleet fleet.yaml      any other
"""

import argparse
import contextlib
import json
import re
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from controlplane.generate.dashboards import boards
from controlplane.generate.dashboards.panel import Board, Kind, Panel, Query
from controlplane.settings.load import load
from tests.e2e.live_fleet import live_fleet
from tools import real
from tools.dashboard_values import said

PAGE = Path(__file__).resolve().parents[1] / "docs" / "dashboards.md"
WINDOWS = {"$__rate_interval": "1m", "$__range": "5m"}
SHOWN = 4
"""Series of a query that are written out."""
ANSWER = "  → "
"""Begins what a query showed; everything else on the page follows from the code."""

_PORT = re.compile(r"(127\.0\.0\.1):\d+")
"""Of the run's machine: another one each time."""

Sample = tuple[Mapping[str, str], float]
Ask = Callable[[str], Sequence[Sample]]

HEAD = """# Dashboards, panel by panel

Written by `python -m tools.dashboards_page --live`; do not edit. Each query is followed by what it answered at the end
of a run: {run}.

Matchers for the choices at the top of a dashboard (cluster, namespace, model, role…) are left out here. An answer of
*nothing* says why that is fine. How to load dashboards: [dashboards/README.md](../dashboards/README.md).
"""
RUN = (
    "the simulated mixed fleet (a model split into prefill and decode pools, an idle role, MIG slices, a foreign pod "
    "with a GPU, a finished one), the control plane and a real Prometheus, with windows of one minute instead of five"
)


def markdown(shown: Sequence[Board], ask: Ask | None = None, run: str = RUN) -> str:
    """The whole page; without ``ask`` without answers."""
    parts = [HEAD.format(run=run), "| dashboard | address | panels |", "|---|---|---|"]
    parts += [f"| [{_name(b)}](#{_anchor(_name(b))}) | `/d/{b.uid}` | {len(b.panels)} |" for b in shown]
    for board in shown:
        parts += ["", f"## {_name(board)}", "", board.words]
        for row in board.rows:
            parts += ["", f"### {_name(board)}: {row.title}"]
            for panel in row.panels:
                parts += ["", *_panel(panel, ask)]
    return "\n".join(parts) + "\n"


def _name(board: Board) -> str:
    """The title without the fleet's name."""
    return board.title.partition(" · ")[2]


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def _panel(panel: Panel, ask: Ask | None) -> Iterator[str]:
    unit = "" if panel.kind in (Kind.TEXT, Kind.TABLE, Kind.STATES) else f", `{panel.unit}`"
    limit = "" if panel.limit is None else f", line at {said(panel.limit, panel.unit)}"
    yield f"**{panel.title}** ({panel.kind}{unit}{limit}) {panel.words}"
    if panel.kind is Kind.TEXT:
        yield f"\n> {panel.text}"
    for query in panel.queries:
        column = f"{query.legend}: " if panel.kind is Kind.TABLE else ""
        yield f"- {column}`{without_choices(query.expr)}`"
        if ask is not None:
            yield ANSWER + _answer(panel, query, ask(query.expr))


def without_choices(expr: str) -> str:
    """The expression without the matchers that a dashboard's choices fill in, and without the list of our alerts."""
    bare = re.sub(r'(?<=[{,])\w+=~"\$\w+",?|,\w+=~"\$\w+"', "", expr)
    bare = re.sub(r'alertname=~"[^"]+"', 'alertname=~"ours"', bare)
    return re.sub(r",}", "}", bare).replace("{}", "")


def _answer(panel: Panel, query: Query, found: Sequence[Sample]) -> str:
    if not found:
        return f"*nothing*: {panel.quiet or panel.nothing}"
    unit = (query.unit or "short") if panel.kind is Kind.TABLE else panel.unit
    states = query.states if panel.kind is Kind.TABLE else panel.states
    words = {state.value: state.words for state in states}
    named = sorted((_PORT.sub(r"\1", _series(panel, query, labels)), value) for labels, value in found)
    told = [
        f"{name} {words.get(int(value)) if value in words else said(value, unit)}".strip()
        for name, value in named[:SHOWN]
    ]
    more = f", and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return ", ".join(told) + more


def _series(panel: Panel, query: Query, labels: Mapping[str, str]) -> str:
    if panel.kind is Kind.TABLE:
        held = [labels.get(key.label, "") for key in panel.keys]
        return "/".join(part for part in held if part)
    return re.sub(r"\{\{(\w+)\}\}", lambda m: labels.get(m[1], ""), query.legend).strip()


def of(url: str, board: Board) -> Ask:
    """Asks a Prometheus, with everything chosen."""
    chosen = {variable.called: variable.all_of for variable in board.variables}

    def ask(expr: str) -> Sequence[Sample]:
        for name, value in chosen.items():
            expr = expr.replace(f'"${name}"', f'"{value}"')
        for name, value in WINDOWS.items():
            expr = expr.replace(name, value)
        asked = urllib.parse.urlencode({"query": expr})
        with urllib.request.urlopen(f"{url}/api/v1/query?{asked}", timeout=30) as reply:
            return [(row["metric"], float(row["value"][1])) for row in json.load(reply)["data"]["result"]]

    return ask


def page(url: str, shown: Sequence[Board], run: str = RUN) -> str:
    """The page with a Prometheus' answers."""
    answers = {query.expr: of(url, board)(query.expr) for board in shown for p in board.panels for query in p.queries}
    return markdown(shown, lambda expr: answers[expr], run)


@contextlib.contextmanager
def _live(minutes: float) -> Iterator[tuple[str, Path]]:
    found = real.find("prometheus")
    if found is None:
        raise SystemExit(f"prometheus is not here; get it with: {real.how_to_get('prometheus')}")
    with tempfile.TemporaryDirectory() as folder, live_fleet(found[0], Path(folder)) as running:
        running.watch(timedelta(minutes=minutes))
        yield running.prometheus.url, Path(folder) / "fleet.yaml"


def main() -> None:
    """Ask, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--live", action="store_true", help="start the simulated fleet, the service and a Prometheus")
    parser.add_argument("--minutes", type=float, default=4, help="how long it runs before it is asked (with --live)")
    parser.add_argument("--prometheus", metavar="URL")
    parser.add_argument("--fleet", metavar="FILE")
    parser.add_argument("--run", metavar="WORDS", default="that fleet", help="what was asked, for the page's head")
    given = parser.parse_args()
    if given.live:
        with _live(given.minutes) as (url, file):
            PAGE.write_text(page(url, boards(load(file))), encoding="utf-8")
    elif given.prometheus and given.fleet:
        PAGE.write_text(page(given.prometheus, boards(load(given.fleet)), given.run), encoding="utf-8")
    else:
        parser.error("say --live, or --prometheus URL and --fleet FILE")


if __name__ == "__main__":
    main()
