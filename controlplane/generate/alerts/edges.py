"""A promise is counted at an edge of the engine's histogram, or it is not counted.

Between two edges a histogram only knows how many, not which: a burn rate over a guess pages people for nothing,
or not at all. So a promise between edges is refused, with the nearest edges, unless fleet.yaml says which to take.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.errors import Problem, SettingsError
from controlplane.generate.request import Request
from controlplane.promql.buckets import DEFAULTS, Buckets, Place, place
from controlplane.promql.metric import Signal
from controlplane.promql.queries import source_of
from controlplane.settings import document
from controlplane.settings.alerts import BetweenEdges
from controlplane.settings.roles import Role

SIGNALS = {"ttft_p95": Signal.TTFT, "itl_p95": Signal.ITL, "e2e_p95": Signal.E2E}
"""Key in ``slo`` → the histogram it is counted in."""
QUANTILE = 0.95
"""Share of requests that each of these keys promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """One objective of one role, and the edge it is counted at."""

    role: str
    key: str
    signal: Signal
    target: float
    """Seconds, as promised."""
    edge: float
    """Seconds, as counted."""


def promised(request: Request) -> tuple[Promised, ...]:
    """Every objective in fleet.yaml, in the file's order.

    Raises:
        SettingsError: some lie between two edges; all of them are in it.
    """
    lines = document.read(request.raw.encode())
    found: list[Promised] = []
    problems: list[Problem] = []
    for name, role in request.settings.roles.items():
        for key, target in _targets(role):
            buckets = _buckets(role, SIGNALS[key])
            at = place(target, buckets.edges)
            edge = _edge(at, request.settings.alerts.between_edges)
            if edge is None:
                what, fix = _refusal(name, key, target, at, buckets)
                line, place_of = lines.line(("roles", name, "slo", key)), f"roles.{name}.slo.{key}"
                problems.append(Problem(file=request.source, line=line, key=place_of, what=what, fix=fix))
            else:
                found.append(Promised(role=name, key=key, signal=SIGNALS[key], target=target, edge=edge))
    if problems:
        raise SettingsError(problems)
    return tuple(found)


def _targets(role: Role) -> Iterator[tuple[str, float]]:
    for key, span in role.slo:
        if span is not None:
            yield key, span.total_seconds()


def _buckets(role: Role, signal: Signal) -> Buckets:
    default = DEFAULTS[source_of(role.engine), signal]
    own = getattr(role.histogram_buckets, signal.value)
    return Buckets(edges=tuple(sorted(e.total_seconds() for e in own)), flag=default.flag) if own else default


def _edge(at: Place, between: BetweenEdges) -> float | None:
    if at.on is not None:
        return at.on
    return {BetweenEdges.STRICTER: at.below, BetweenEdges.LOOSER: at.above}.get(between)


def _refusal(role: str, key: str, target: float, at: Place, buckets: Buckets) -> tuple[str, str]:
    """What is wrong, and what to write instead."""
    near = " or ".join(_text(edge) for edge in (at.below, at.above) if edge is not None)
    own = f"roles.{role}.histogram_buckets.{SIGNALS[key].value}"
    what = f"{_text(target)} is no bucket edge of the engine, so no alert can count it"
    fix = f"write {near}, or start the engine with {buckets.flag} and name its edges in {own}"
    return what, f"{fix}, or choose alerts.between_edges"


def _text(seconds: float) -> str:
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"
