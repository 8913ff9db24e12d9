"""Where the engines' latency histograms can be cut: the upper bounds of their default buckets.

A histogram knows how many requests were faster than one of its edges and nothing in between. So a promise can be
counted exactly only at an edge. Edges were read from each engine's sources; captured pages are held against them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from controlplane.promql.metric import Signal, Source

LATENCIES = (Signal.TTFT, Signal.ITL, Signal.E2E)
"""Histograms that promises are made about."""

_SGLANG_LONG = (0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400)
_SGLANG_SHORT = (
    *(0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.06, 0.08),
    *(0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """The edges of one histogram in one engine."""

    edges: tuple[float, ...]
    """Upper bounds in seconds, without +Inf."""
    flag: str
    """The engine's option for other edges."""


DEFAULTS: Mapping[tuple[Source, Signal], Buckets] = MappingProxyType(
    {
        (Source.VLLM, Signal.TTFT): Buckets(
            edges=(
                *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
                *(20, 40, 80, 160, 640, 2560),
            ),
            flag="--custom-histogram-buckets",
        ),
        (Source.VLLM, Signal.ITL): Buckets(
            edges=(
                *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
                *(20, 40, 80),
            ),
            flag="--custom-histogram-buckets",
        ),
        (Source.VLLM, Signal.E2E): Buckets(
            edges=(
                *(0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60),
                *(120, 240, 480, 960, 1920, 7680),
            ),
            flag="--custom-histogram-buckets",
        ),
        (Source.SGLANG, Signal.TTFT): Buckets(edges=_SGLANG_LONG, flag="--bucket-time-to-first-token"),
        (Source.SGLANG, Signal.ITL): Buckets(edges=_SGLANG_SHORT, flag="--bucket-inter-token-latency"),
        (Source.SGLANG, Signal.E2E): Buckets(
            edges=(*_SGLANG_LONG, 600, 1200, 1800, 2400),
            flag="--bucket-e2e-request-latency",
        ),
    }
)
"""Default edges of the newest versions; vLLM under Ray keeps its own. Up to 0.8.3 vLLM's first token stopped at 10 s
and its requests at 60 s; older SGLang has 800 s as its last. An engine that lacks an edge is told by an alert."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target lies among edges: on one, or between two (either may be missing at the ends)."""

    on: float | None
    below: float | None
    above: float | None


def place(target: float, edges: Sequence[float]) -> Place:
    """Find a target among edges; they are the same up to a millionth."""
    on = next((edge for edge in edges if abs(edge - target) <= 1e-6 * edge), None)
    return Place(
        on=on,
        below=max((edge for edge in edges if edge < target), default=None),
        above=min((edge for edge in edges if edge > target), default=None),
    )


def spellings(edge: float) -> tuple[str, ...]:
    """How an edge stands in ``le``: Python clients write ``1.0``, Go clients and old servers ``1``."""
    short = f"{edge:g}"
    return (short, f"{short}.0") if short.isdigit() else (short,)
