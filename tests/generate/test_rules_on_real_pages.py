"""Pages of real engines, of two versions and in disguise, through the rules: one set of names, the pages' own values.

Two successive pages of a server become series that go on growing as they did between the two.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.generate.rules.fleets import IN_KUBERNETES, REWRITTEN
from tests.generate.rules.scenario import Samples, Scenario, judge

DATA = Path(__file__).parents[1]
NEW = ("collect/data/vllm-0.32.0-planner-1.prom", "collect/data/vllm-0.32.0-planner-2.prom")
OLD = tuple(f"observe/data/vllm-0.10.2/02-prefix-heavy-0{n}.prom" for n in (1, 2))
TWO_ENGINES = tuple(f"observe/data/data-parallel/{page}.prom" for page in ("01-idle-fresh", "03-kv-pressure-02"))
STEP = 30.0
"""Seconds from one sample to the next."""

Page = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]

GONE = {"gpu_cache_usage_perc", "gpu_prefix_cache_hits_total", "gpu_prefix_cache_queries_total"}
COME = {"kv_cache_usage_perc", "prefix_cache_hits_total", "prefix_cache_queries_total"}
CACHED = "prompt_tokens_cached:rate5m"

RATES = {
    "preemptions:rate5m": ("num_preemptions_total",),
    "prompt_tokens:rate5m": ("prompt_tokens_total",),
    CACHED: ("prompt_tokens_cached_total", "prefix_cache_hits_total"),
    "output_tokens:rate5m": ("generation_tokens_total",),
    "prefix_cache_queried_tokens:rate5m": ("prefix_cache_queries_total", "gpu_prefix_cache_queries_total"),
    "prefix_cache_hit_tokens:rate5m": ("prefix_cache_hits_total", "gpu_prefix_cache_hits_total"),
}
GAUGES = {
    "requests_running:sum": ("num_requests_running",),
    "requests_waiting:sum": ("num_requests_waiting",),
    "kv_cache_usage:max": ("kv_cache_usage_perc", "gpu_cache_usage_perc"),
}
BUCKETS = {
    "ttft": ("time_to_first_token_seconds_bucket",),
    "itl": ("inter_token_latency_seconds_bucket", "time_per_output_token_seconds_bucket"),
    "e2e": ("e2e_request_latency_seconds_bucket",),
    "queue_time": ("request_queue_time_seconds_bucket",),
}


def read(path: str) -> Page:
    families = text_string_to_metric_families((DATA / path).read_text(encoding="utf-8"))
    return {
        (sample.name.removeprefix("vllm:"), tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("vllm:")
    }


def without(names: set[str]) -> Callable[[str], bool]:
    return lambda name: name not in names


def series(first: Page, second: Page, prefix: str) -> Iterator[tuple[str, str]]:
    for (name, labels), value in second.items():
        text = ",".join(f'{key}="{held}"' for key, held in (*labels, ("namespace", "llm"), ("pod", "p-0")))
        growth = value - first.get((name, labels), 0) if name.endswith(("_total", "_bucket")) else 0
        yield f"{prefix}{name}{{{text}}}", f"{value:.17g}+{growth:.17g}x30"


def truth(first: Page, second: Page, runtime: str) -> dict[str, Samples]:
    """What the two pages say, read by names written down here."""
    here = f'namespace="llm",pod="p-0",model="planner",runtime="{runtime}"'

    def held(names: tuple[str, ...]) -> dict[tuple[tuple[str, str], ...], float]:
        name = next(n for n in (*names, "") if not n or any(key[0] == n for key in second))
        return {labels: value for (found, labels), value in second.items() if found == name}

    def rate(names: tuple[str, ...], only: tuple[str, str] | None = None) -> float | None:
        rows = {labels: value for labels, value in held(names).items() if only is None or only in labels}
        before = {labels: value for (name, labels), value in first.items() if name in names}
        return sum(v - before.get(labels, 0) for labels, v in rows.items()) / STEP if rows else None

    expect: dict[str, Samples] = {}
    for name, wires in RATES.items():
        value = rate(wires)
        expect[f"llm_pod:{name}"] = {} if value is None else {here: value}
    for name, wires in GAUGES.items():
        expect[f"llm_pod:{name}"] = {here: (max if "max" in name else sum)(held(wires).values())}
    for stem, wires in BUCKETS.items():
        edges = {dict(labels)["le"] for labels in held(wires)}
        assert len(edges) > 10
        expect[f"llm_pod:{stem}_seconds_bucket:rate5m"] = {
            f'{here},le="{le}"': rate(wires, ("le", le)) or 0.0 for le in edges
        }
    return expect


@pytest.mark.real
@pytest.mark.parametrize(
    ("pages", "prefix", "shown"),
    [
        pytest.param(NEW, "vllm:", without(set()), id="0.32.0"),
        pytest.param(NEW, "ray_vllm_", without(set()), id="0.32.0 under Ray"),
        pytest.param(NEW, "vllm_", without(set()), id="0.32.0 behind a pipeline that replaces colons"),
        pytest.param(OLD, "vllm_", without(set()), id="0.10.2 behind one"),
        pytest.param(TWO_ENGINES, "vllm:", without(set()), id="0.32.0 with two engines"),
        pytest.param(OLD, "vllm:", without(set()), id="0.10.2, which shows old and new names"),
        pytest.param(OLD, "vllm:", without(GONE), id="0.10.2 as if only the new names were there"),
        pytest.param(OLD, "vllm:", without(COME), id="0.10.2 as if only the old names were there"),
    ],
)
def test_a_real_page_is_recorded_as_it_is(
    promtool_binary: Path, tmp_path: Path, pages: tuple[str, str], prefix: str, shown: Callable[[str], bool]
) -> None:
    first, second = ({key: value for key, value in read(page).items() if shown(key[0])} for page in pages)
    expect = truth(first, second, "ray-serve" if prefix.startswith("ray") else "vllm")
    busy = [name for name, samples in expect.items() if any(samples.values())]
    assert len(busy) > 8, f"a page on which nothing happens shows nothing: {busy}"
    fleet = REWRITTEN if prefix == "vllm_" else IN_KUBERNETES
    scenario = Scenario(name="real", fleet=fleet, series=dict(series(first, second, prefix)), expect=expect)
    said = judge(promtool_binary, tmp_path, [scenario])
    assert not said, said


def test_of_the_older_page_every_disguise_says_the_same() -> None:
    """But for the cached tokens, which the old names count in blocks up to 0.8.5: they are not taken from them."""
    both, new, old = (
        truth(*({k: v for k, v in read(page).items() if shown(k[0])} for page in OLD), "vllm")
        for shown in (without(set()), without(GONE), without(COME))
    )
    assert both == new
    assert {name for name in both if both[name] != old[name]} == {f"llm_pod:{CACHED}"}
