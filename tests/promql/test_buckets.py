"""The edges we know are those on pages that real engines wrote."""

import re
from pathlib import Path

import pytest

from controlplane.promql.buckets import DEFAULTS, LATENCIES, Place, place, spellings
from controlplane.promql.metric import Signal, Source

PAGES = Path(__file__).parents[1] / "collect" / "data"
NAMES = {
    Signal.TTFT: "time_to_first_token_seconds",
    Signal.ITL: "(?:inter_token_latency|time_per_output_token)_seconds",
    Signal.E2E: "e2e_request_latency_seconds",
}


@pytest.mark.parametrize("page", ["vllm-0.10.2-prefix-heavy.prom", "vllm-0.32.0-planner-1.prom"])
@pytest.mark.parametrize("signal", LATENCIES)
def test_a_page_of_vllm_has_the_edges_we_know(page: str, signal: Signal) -> None:
    text = (PAGES / page).read_text(encoding="utf-8")
    found = re.findall(rf'^vllm:{NAMES[signal]}_bucket{{.*?le="([^"]+)"', text, re.MULTILINE)
    edges = DEFAULTS[Source.VLLM, signal].edges
    assert set(map(float, found)) == {*edges, float("inf")}
    assert {word for edge in edges for word in spellings(edge)} >= set(found) - {"+Inf"}


@pytest.mark.parametrize(("source", "signal"), DEFAULTS)
def test_edges_rise(source: Source, signal: Signal) -> None:
    edges = DEFAULTS[source, signal].edges
    assert list(edges) == sorted(set(edges))


def test_a_target_is_on_an_edge_or_between_two() -> None:
    assert place(1.0, (0.5, 1, 2.5)) == Place(1, 0.5, 2.5)
    assert place(2.0, (0.5, 1, 2.5)) == Place(None, 1, 2.5)
    assert place(9.0, (0.5, 1, 2.5)) == Place(None, 2.5, None)
    assert place(0.075, (0.05, 0.1)).on is None


def test_an_edge_is_found_however_a_client_writes_it() -> None:
    assert spellings(1) == ("1", "1.0")
    assert spellings(2560) == ("2560", "2560.0")
    assert spellings(0.075) == ("0.075",)
