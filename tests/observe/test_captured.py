"""Readings of real engines' pages equal what a person reads off the same pages by hand."""

from datetime import timedelta

import pytest

from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState
from tests.builders import NOON, a_spec
from tests.observe.pages import RAMP, RESTART, Watcher, bad, captured, good, recorded

SPAN = 1795364898.442 - 1795364838.441
"""Seconds from page 0010 to page 0022 of the ramp: 60.001."""


@pytest.fixture
def ramped():
    watcher = Watcher(a_spec(model="planner", price=2.5, gpus=1))
    for at, page in recorded("ramp", {k: v for k, v in RAMP.items() if k <= "0022"}):
        role = watcher.see(at, good(page, at))
    return role


@pytest.mark.parametrize(
    ("reading", "by_hand"),
    [
        (Reading.RUNNING, 8.0),
        (Reading.WAITING, 3.0),
        (Reading.WAITING_PER_REPLICA, 3.0),
        (Reading.KV_USAGE, 0.7578947368421053),
        (Reading.KV_USAGE_MAX, 0.7578947368421053),
        (Reading.PREEMPTIONS, (38 - 28) / SPAN),
        (Reading.REQUESTS, (272 - 201) / SPAN),
        (Reading.PROMPT_TOKENS, (208295 - 122132) / SPAN),
        (Reading.CACHED_TOKENS, (174880 - 95584) / SPAN),
        (Reading.OUTPUT_TOKENS, (22143 - 18810) / SPAN),
        (Reading.PREFIX_QUERIED, (208295 - 122132) / SPAN),
        (Reading.PREFIX_HIT_RATIO, (174880 - 95584) / (208295 - 122132)),
        # 79 first tokens in the window; the 39.5th lies between 0.75 s (37 below) and 1 s (44 below)
        (Reading.TTFT_P50, 0.75 + 0.25 * (39.5 - 37) / (44 - 37)),
        # the 75.05th lies between 5 s (75 below) and 7.5 s (76 below)
        (Reading.TTFT_P95, 5 + 2.5 * (75.05 - 75) / (76 - 75)),
        (Reading.COVERAGE, 1.0),
        (Reading.REPLICAS_READY, 1.0),
        (Reading.DOLLARS_PER_HOUR, 2.5),
        (Reading.DOLLARS_PER_MTOK, 2.5 / ((208295 - 122132 + 22143 - 18810) / SPAN * 3600 / 1e6)),
    ],
)
def test_a_minute_of_a_real_ramp_reads_as_computed_by_hand(ramped, reading, by_hand):
    assert ramped.now(reading) == pytest.approx(by_hand, rel=1e-6)


def test_the_replica_of_the_ramp_is_told_with_its_start_and_version(ramped):
    (replica,) = ramped.replicas
    assert replica.state is ReplicaState.READY
    assert replica.version == "≥0.32.0"
    assert replica.started is not None
    assert replica.started.timestamp() == pytest.approx(1795364392.44)
    assert replica.values == {Reading.RUNNING: 8.0, Reading.WAITING: 3.0, Reading.KV_USAGE: 0.7578947368421053}


def test_a_rate_waits_until_most_of_its_minute_was_watched():
    watcher = Watcher(a_spec(model="planner"))
    rates = [watcher.see(at, good(page, at)).now(Reading.OUTPUT_TOKENS) for at, page in recorded("ramp", RAMP)]
    assert rates[:3] == [None, None, None]
    assert rates[3] == pytest.approx((21388 - 18810) / (1795364883.449 - 1795364838.441))


def test_a_restart_leaves_rates_unknown_and_never_negative():
    """The counters of a real worker fell from thousands to nothing, 150 s of refused connections in between."""
    watcher = Watcher(a_spec(model="worker"), step=timedelta(seconds=5))
    pages = recorded("restart", RESTART)
    for at, page in pages[:2]:
        watcher.see(at, good(page, at))
    at = pages[1][0] + timedelta(seconds=5)
    lost = watcher.see(at, bad(at))
    assert lost.now(Reading.RUNNING) is None
    assert lost.now(Reading.COVERAGE) == 0.0
    assert lost.replicas[0].state is ReplicaState.LOST
    for at, page in pages[2:]:
        back = watcher.see(at, good(page, at))
    assert back.now(Reading.RUNNING) == 6.0
    assert back.now(Reading.OUTPUT_TOKENS) is None
    assert back.missing[Reading.OUTPUT_TOKENS].startswith("not watched for long enough")


def test_engines_of_one_replica_add_up_and_the_fullest_speaks_for_the_cache():
    watcher = Watcher(a_spec(model="planner"), step=timedelta(seconds=8))
    watcher.see(NOON, good(captured("data-parallel/03-kv-pressure-01.prom")))
    later = NOON + timedelta(seconds=7.952)
    role = watcher.see(later, good(captured("data-parallel/03-kv-pressure-02.prom"), later))
    assert role.now(Reading.RUNNING) == 5 + 7
    assert role.now(Reading.WAITING) == 14 + 10
    assert role.now(Reading.KV_USAGE) == 0.9789473684210527
    assert len(role.replicas) == 1


def test_a_fresh_page_of_several_api_servers_has_no_gauges_and_that_is_not_zero():
    watcher = Watcher(a_spec(model="planner"))
    role = watcher.see(NOON, good(captured("data-parallel/01-idle-fresh.prom")))
    assert role.now(Reading.RUNNING) is None
    assert role.now(Reading.KV_USAGE_MAX) is None
    assert role.now(Reading.COVERAGE) == 0.0
    assert "shows no gauges" in role.missing[Reading.RUNNING]


def test_old_and_new_names_of_one_number_count_once():
    """In vLLM 0.10.2 inter-token latency, prefix hits and cache use have two names each."""
    watcher = Watcher(a_spec(model="planner"), step=timedelta(minutes=1))
    watcher.see(NOON, good(captured("vllm-0.10.2/02-prefix-heavy-01.prom")))
    later = NOON + timedelta(minutes=1)
    role = watcher.see(later, good(captured("vllm-0.10.2/02-prefix-heavy-02.prom"), later))
    assert role.now(Reading.PREFIX_QUERIED) == pytest.approx((84754 - 40342) / 60)
    assert role.now(Reading.PREFIX_HIT_RATIO) == pytest.approx((81600 - 38080) / (84754 - 40342))
    assert role.now(Reading.CACHED_TOKENS) == pytest.approx((81600 - 38080) / 60)
    assert role.now(Reading.OUTPUT_TOKENS) == pytest.approx((986 - 477) / 60)
    assert role.now(Reading.KV_USAGE) == pytest.approx(0.34509803921568627)
    assert role.replicas[0].version == "0.10.2"


def test_a_server_that_hides_its_metrics_serves_and_says_nothing():
    watcher = Watcher(a_spec())
    role = watcher.see(NOON, good(captured("disable-log-stats.prom")))
    assert role.replicas[0].state is ReplicaState.READY
    assert role.now(Reading.WAITING) is None
    assert "hides its engine metrics" in role.missing[Reading.WAITING]


def test_a_router_where_an_engine_should_be_is_no_replica_of_ours():
    watcher = Watcher(a_spec())
    role = watcher.see(NOON, good(captured("litellm-1.109.1.prom")))
    assert role.replicas[0].state is ReplicaState.LOST
    assert role.replicas[0].fault == "not an engine's page: LiteLLM proxy"
    assert role.now(Reading.COVERAGE) == 0.0
