"""Grafana dashboards over recorded names."""

from collections.abc import Callable, Mapping

from controlplane.generate.dashboards.agents import agents_board
from controlplane.generate.dashboards.cost import cost_board
from controlplane.generate.dashboards.fleet import fleet_board
from controlplane.generate.dashboards.gpus import gpu_board
from controlplane.generate.dashboards.grafana import dashboard
from controlplane.generate.dashboards.kv import kv_board
from controlplane.generate.dashboards.panel import Board
from controlplane.generate.dashboards.role import role_board
from controlplane.generate.dashboards.scaling import scaling_board
from controlplane.generate.dashboards.selfcheck import selfcheck_board
from controlplane.generate.request import Request
from controlplane.generate.text import json_text, made_by
from controlplane.promql.expr import duration
from controlplane.settings.schema import Settings

__all__ = ["boards", "dashboard_files"]

BOARDS: tuple[Callable[[Settings], Board], ...] = (
    fleet_board,
    cost_board,
    role_board,
    kv_board,
    gpu_board,
    agents_board,
    scaling_board,
    selfcheck_board,
)
"""From what everybody looks at to what tells whether the rest can be believed."""


def boards(settings: Settings) -> tuple[Board, ...]:
    """All dashboards of a fleet, as values."""
    return tuple(make(settings) for make in BOARDS)


def dashboard_files(request: Request) -> Mapping[str, str]:
    """Path → text of every dashboard."""
    said, every = made_by(request.source), duration(request.settings.sources.scrape_interval)
    return {
        f"dashboards/{board.uid}.json": json_text(dashboard(board, said, every)) for board in boards(request.settings)
    }
