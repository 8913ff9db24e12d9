"""The mixed cluster scraped by a real Prometheus with our rules: what is recorded is what the cluster's books say.

Money is compared at instants between two intervals of the GPU exporters, rates between the very samples Prometheus
holds. Set LIVE_WINDOW=300 to see windows of five minutes as they ship: the run then takes seven.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from controlplane.generate.rules.cost import WEIGHTED_PRICE
from controlplane.simulate.mixed import mixed_cluster
from controlplane.simulate.truth_sessions import sessions
from tests.e2e.live_fleet import PACE, LiveFleet, live_fleet, panel_queries
from tests.e2e.told_sessions import (
    SPLIT,
    TOKENS,
    Active,
    Scrape,
    active,
    after_their_last_pause,
    expected,
    listed,
    scrapes,
    weighted,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]  # 2 minutes, most of them spent waiting

WINDOW = timedelta(seconds=float(os.environ.get("LIVE_WINDOW", "45")))
SETTLED = 20.0
"""Seconds after the GPU exporters' interval at which scrape, walk and rules have seen it."""
DCGM = 30.0


@pytest.fixture(scope="module")
def live(prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFleet]:
    """Running for long enough that every window is full."""
    with live_fleet(prometheus_binary, tmp_path_factory.mktemp("live"), window=WINDOW) as running:
        running.watch(WINDOW + timedelta(seconds=DCGM) + 4 * PACE)
        yield running


@pytest.fixture(scope="module")
def quiet(live: LiveFleet) -> float:
    """An instant at which everybody has seen the exporters' newest interval, and the next has not begun."""
    start = live.fleet.start.timestamp()
    newest = live.books[-1][0] - start
    since = newest % DCGM
    return start + newest - since + (SETTLED if since >= SETTLED else SETTLED - DCGM)


def test_every_rule_is_healthy(live: LiveFleet) -> None:
    assert live.value("count(llm_pod:info)") > 0
    assert live.ask("sum(prometheus_rule_evaluation_failures_total) > 0") == []


def test_the_buckets_are_the_books_and_add_up_to_the_bill(live: LiveFleet, quiet: float) -> None:
    true = live.at(quiet - PACE.total_seconds() * 2)
    said = {labels["bucket"]: value for labels, value in live.ask("llm_fleet:cost_dollars_per_hour:sum", quiet)}
    assert said == {
        "serving": pytest.approx(sum(r.serving for r in true.roles.values()), rel=0.01),
        "idle": pytest.approx(sum(r.idle for r in true.roles.values()), rel=0.01),
        "other": pytest.approx(true.other, rel=0.01),
        "unallocated": pytest.approx(true.unallocated, rel=0.01),
    }
    assert sum(said.values()) == pytest.approx(live.value("llm_fleet:bill_dollars_per_hour:sum", quiet), rel=0.001)
    assert sum(said.values()) == pytest.approx(true.bill, rel=0.001)
    assert live.value("max_over_time(llm_fleet:cost_drift:ratio[1m])", quiet) < 0.001


def test_every_gpu_is_watched_and_whole(live: LiveFleet, quiet: float) -> None:
    """An alert that is about to fire is there already, as pending."""
    assert live.value("sum(llm_node:gpus_physical:count)", quiet) == live.value(
        "count(llm_gpu:row_remap_failed:bool == 0)", quiet
    )
    assert live.ask('ALERTS{alertname=~"GPUExporterDown|GPURowRemapFailure|GPUThrottled"}', quiet) == []


def test_roles_cost_hold_and_use_what_the_books_say(live: LiveFleet, quiet: float) -> None:
    true = live.at(quiet - PACE.total_seconds() * 2).roles

    def said(name: str) -> dict[str, float]:
        return {labels["role"]: value for labels, value in live.ask(name, quiet)}

    cost, idle = said("llm_role:cost_dollars_per_hour:sum"), said("llm_role:cost_idle_dollars_per_hour:sum")
    assert cost == {name: pytest.approx(r.serving + r.idle, rel=0.01) for name, r in true.items()}
    assert idle == {name: pytest.approx(r.idle, rel=0.01, abs=1e-3) for name, r in true.items()}
    assert said("llm_role:gpus_allocated:sum") == {name: pytest.approx(r.gpus, rel=0.01) for name, r in true.items()}
    busy = said("llm_role:gpu_engine_active:avg")
    assert busy == {name: pytest.approx(r.busy, rel=0.01, abs=1e-4) for name, r in true.items()}


@pytest.mark.parametrize(
    ("role", "counter"),
    [("worker", "generation_tokens"), ("prefill", "prompt_tokens"), ("decode", "generation_tokens")],
)
def test_tokens_are_delivered_as_the_books_say(live: LiveFleet, quiet: float, role: str, counter: str) -> None:
    """Between the first and the last page of the window that the rules of pods saw: two groups before."""
    window = f"{WINDOW.total_seconds():g}s"
    name = "llm_role:tokens_delivered:rate5m"
    (_, evaluated), *_ = live.matrix(f'{name}{{role="{role}"}}[10s]', quiet)
    now = evaluated[-1][0]
    counted_at = now
    for group_before in ("llm_role:output_tokens:rate5m", "llm_pod:output_tokens:rate5m"):
        counted_at = max(value for _, value in live.ask(f"timestamp({group_before})", counted_at))
    ((_, samples),) = live.matrix(f'vllm:{counter}_total{{role="{role}"}}[{window}]', counted_at)
    prompt, cached, output = live.delivered(role, samples[0][0], samples[-1][0])
    said = {labels["kind"]: value for labels, value in live.ask(f'{name}{{role="{role}"}}', now)}
    phase_has = {"worker": ("prompt", "cached", "output"), "prefill": ("prompt", "cached"), "decode": ("output",)}[role]
    assert set(said) == set(phase_has), "a prompt is delivered once"
    true = {"prompt": prompt, "cached": cached, "output": output}
    assert said == {kind: pytest.approx(true[kind], rel=0.01) for kind in phase_has}


def test_the_cache_holds_what_the_engine_has(live: LiveFleet) -> None:
    said = {labels["pod"]: value for labels, value in live.ask("llm_fleet_engine_kv_capacity_tokens")}
    assert said == {p.name: p.engine.blocks * 16 for p in live.fleet.pods if p.engine is not None}


def test_a_million_tokens_cost_what_was_spent_for_them(live: LiveFleet, quiet: float) -> None:
    """Ratio of sums over the same ticks; the split planner's two pools are one model."""
    for model in ("Qwen/Qwen3-32B-FP8", "meta-llama/Llama-3.1-8B-Instruct"):
        (_, money), *_ = live.matrix(f'llm_model:cost_dollars_per_hour:sum{{model="{model}"}}[1h]', quiet)
        kinds = live.matrix(f'llm_model:tokens_delivered:rate5m{{model="{model}"}}[1h]', quiet)
        tokens = sum(value for _, values in kinds for _, value in values)
        price = f'llm_model:cost_per_million_tokens:dollars1h{{model="{model}",kind="blended"}}'
        assert live.value(price, quiet) == pytest.approx(sum(v for _, v in money) / 3600 / tokens * 1e6, rel=0.01)


@pytest.fixture(scope="module")
def told(live: LiveFleet) -> list[Scrape]:
    """Each scrape of the service, with the calls it had been told of."""
    assert not live.calls.lost
    found = scrapes(live)
    assert len(found) > WINDOW / PACE
    return found


def test_every_token_of_every_call_is_counted_once_for_its_tenant_and_its_role(told: list[Scrape]) -> None:
    for scrape in told:
        assert scrape.tokens == expected(scrape)
    assert {tenant for tenant, _, _ in told[-1].tokens} == {"Team A", "Team B", "Team C"}
    assert {(role, kind) for _, role, kind in told[-1].tokens} > {
        ("prefill", "prompt"), ("prefill", "cached"), ("decode", "output"), ("worker", "output"),
    }  # fmt: skip


def test_as_many_sessions_are_active_as_the_books_say_and_as_wide(live: LiveFleet, told: list[Scrape]) -> None:
    start, exact, widest = live.fleet.start.timestamp(), 0, 0.0
    for scrape in told[2:]:
        books = active(scrape, start)
        gauges, wide = (
            {(labels["tenant"], labels["role"]): value for labels, value in live.ask(name, scrape.at)}
            for name in ("llm_fleet_sessions_active", "llm_fleet_session_fanout_max")
        )
        assert set(books) <= set(gauges) == set(wide)
        for key, value in gauges.items():
            there = books.get(key, Active())
            assert there.least <= value <= there.most, (key, scrape)
            assert there.narrowest <= wide[key] <= there.widest, (key, scrape)
            exact += there.least == there.most and there.narrowest == there.widest
        widest = max(widest, *wide.values())
    assert exact > 2 * len(told), "mostly there is one right answer"
    assert widest > 50, "a storm of agents was under way"


def test_every_session_is_told_as_it_was(live: LiveFleet) -> None:
    found, told = listed(live)
    assert not live.calls.lost
    books, unbroken = sessions(told, SPLIT), sessions(after_their_last_pause(told), SPLIT)
    assert {(one["tenant"], one["id"]) for one in found} == set(books)
    assert len(books) > 30
    start, exact = live.fleet.start.timestamp(), 0
    for one in found:
        true, lately = (those[one["tenant"], one["id"]] for those in (books, unbroken))
        assert (one["role"], one["calls"], one["tokens"]) == (true.role, true.calls, true.tokens)
        assert datetime.fromisoformat(one["begun"]).timestamp() == pytest.approx(start + true.begun, abs=1e-4)
        assert datetime.fromisoformat(one["last"]).timestamp() == pytest.approx(start + true.last, abs=1e-4)
        assert lately.fanout <= one["fanout"] <= true.fanout, one
        exact += lately.fanout == true.fanout
    assert exact > len(found) / 2, "mostly there is one right answer"


def test_tenants_use_tokens_as_fast_as_they_were_told_and_pay_their_models_price(live: LiveFleet, quiet: float) -> None:
    name, window = "llm_tenant:tokens:rate5m", f"{WINDOW.total_seconds():g}s"
    (_, evaluated), *_ = live.matrix(f"{name}[10s]", quiet)
    now = evaluated[-1][0]
    rates = {(row["tenant"], row["role"], row["kind"]): value for row, value in live.ask(name, now)}
    grown: dict[tuple[str, str, str], float] = {}
    for row, samples in live.matrix(f"{TOKENS}[{window}]", now):
        (began, least), (ended, most) = samples[0], samples[-1]
        whole = began - (now - WINDOW.total_seconds()) < PACE.total_seconds()  # else it was born in the window
        if whole and least > (most - least) / 5:  # else rate() is cut short where the counter would have been zero
            grown[row["tenant"], row["role"], row["kind"]] = (most - least) / (ended - began)
    assert len(grown) > 8
    assert {key: rates[key] for key in grown} == pytest.approx(grown, rel=0.01)

    prices = {row["model"]: value for row, value in live.ask(f"{WEIGHTED_PRICE}1h", now)}
    models = {role.name: role.model for role in mixed_cluster().roles}
    said = {
        (row["tenant"], row["role"]): value
        for row, value in live.ask("llm_tenant:session_spend_dollars_per_hour:sum", now)
    }
    tokens: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for (tenant, role, kind), rate in rates.items():
        tokens[tenant, role][kind] = rate
    dollars = {
        (tenant, role): weighted(kinds) * prices[models[role]] * 3600 / 1e6 for (tenant, role), kinds in tokens.items()
    }
    assert said == pytest.approx(dollars, rel=0.01)


NOTHING_YET = {
    r"llm_fleet_realised_savings|rolled_back|resets\(": "nothing was changed or started in two minutes",
    r"llm_gpu:row_remap_failed:bool\{.*> 0": "every GPU is whole",
    r"llm_gpu:throttled:ratio5m": "the exporter's own list of counters does not have it",
    r"llm_fleet_missing_right": "patch files need no rights",
    r"offset 1w": "there was no week before",
    r"count\((vllm:gpu_cache_usage_perc|vllm:time_per_output_token|sglang:)": "one version of one engine is shown",
}
"""Queries that may be empty, and why. One that is never empty any more must go."""


def test_every_panel_of_every_dashboard_shows_something(live: LiveFleet) -> None:
    empty: list[str] = []
    excused: set[str] = set()
    for panel, query in panel_queries(live.made):
        if live.ask(query):
            continue
        reason = next((pattern for pattern in NOTHING_YET if re.search(pattern, query)), None)
        empty += [f"{panel}: {query}"] if reason is None else []
        excused |= {reason} if reason is not None else set()
    assert not empty, "\n".join(empty)
    assert excused == set(NOTHING_YET), "an excuse that is needed no more"
