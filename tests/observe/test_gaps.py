"""Whatever goes missing, a reading is true or unknown: never invented, never zero for want of data."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.model.history import RoleHistory
from controlplane.model.page import Fault
from controlplane.model.reading import Reading
from controlplane.observe.assemble import History
from tests.builders import NOON, a_spec
from tests.observe.pages import STEP, Watcher, a_page, a_target, a_vllm_page, bad, good

LOW, HIGH = 10, 40
"""Each replica's true rate lies between these, tokens per second, at any time."""
FAST, SLOW = 0.3, 0.9
"""All first tokens arrive within these, seconds."""

EVENT = st.sampled_from(["ok"] * 8 + ["refused", "timeout", "stale", "same page", "NaN", "restart", "gone"])


class Truth:
    """One replica that really serves; its page says what it did."""

    def __init__(self) -> None:
        self.tokens = 1000.0
        self.first_tokens = 0

    def live(self, rate: int, seconds: float) -> None:
        self.tokens += rate * seconds
        self.first_tokens += 4

    def restart(self) -> None:
        self.tokens, self.first_tokens = 0.0, 0

    def page(self, waiting: int, *, broken: bool):
        odd = "NaN"
        labels = '{model_name="m",engine="0"}'
        return a_page(
            f"vllm:num_requests_running{labels} 2",
            f"vllm:num_requests_waiting{labels} {odd if broken else waiting}",
            f"vllm:kv_cache_usage_perc{labels} {odd if broken else 0.25 + waiting / 20}",
            f"vllm:generation_tokens_total{labels} {odd if broken else self.tokens}",
            f"vllm:prompt_tokens_total{labels} {self.tokens}",
            f'vllm:time_to_first_token_seconds_bucket{{model_name="m",le="{FAST}"}} 0',
            f'vllm:time_to_first_token_seconds_bucket{{model_name="m",le="{SLOW}"}} {self.first_tokens}',
            f'vllm:time_to_first_token_seconds_bucket{{model_name="m",le="+Inf"}} {self.first_tokens}',
        )


ticks = st.lists(
    st.tuples(st.lists(EVENT, min_size=3, max_size=3), st.integers(LOW, HIGH), st.integers(1, 9)),
    min_size=1,
    max_size=24,
)


@settings(max_examples=150, deadline=None)
@given(ticks)
def test_a_reading_is_within_the_truth_or_unknown(story):
    watcher = Watcher(a_spec(price=2.5, gpus=1))
    fleet = [Truth() for _ in range(3)]
    pages = [None, None, None]
    living = []
    for i, (events, rate, waiting) in enumerate(story):
        now = NOON + i * STEP
        scrapes = []
        for number, event in enumerate(events):
            replica, target = fleet[number], a_target(number=number)
            if event == "restart":
                replica.restart()
            replica.live(rate, STEP.total_seconds())
            if event == "gone":
                continue
            if event == "refused":
                scrapes.append(bad(now, target))
            elif event == "timeout":
                scrapes.append(bad(now, target, Fault.TIMEOUT))
            elif event == "stale":
                scrapes.append(good(replica.page(waiting, broken=False), now - 10 * STEP, target))
            elif event == "same page" and pages[number] is not None:
                scrapes.append(pages[number])
            else:
                pages[number] = good(replica.page(waiting, broken=event == "NaN"), now, target)
                scrapes.append(pages[number])
        living.append(len(scrapes))
        role = watcher.see(now, *scrapes)
        lately = living[-6:]
        check(role, min(lately), max(lately))


def check(role, least, most):
    values = {reading: role.now(reading) for reading in Reading}
    for reading, value in values.items():
        assert value is None or (math.isfinite(value) and value >= 0), reading
        assert (value is None) == (reading in role.missing), reading
    within(values[Reading.OUTPUT_TOKENS], LOW * least, HIGH * most)
    within(values[Reading.PROMPT_TOKENS], LOW * least, HIGH * most)
    within(values[Reading.WAITING], least and 1, 9 * most)
    within(values[Reading.WAITING_PER_REPLICA], 1, 9)
    within(values[Reading.KV_USAGE], 0.3, 0.7)
    within(values[Reading.KV_USAGE_MAX], 0.3, 0.7)
    within(values[Reading.TTFT_P95], FAST, SLOW)
    within(values[Reading.DOLLARS_PER_HOUR], 2.5, 3 * 2.5)
    within(values[Reading.COVERAGE], 0, 1)


def within(value, low, high):
    assert value is None or low * 0.999 <= value <= high * 1.001


def steady(watcher, ticks, replicas, tokens=30):
    """A role at a steady rate per replica."""
    role = None
    for i in range(ticks):
        at = NOON + i * STEP
        pages = [a_vllm_page(generation_tokens=1000 + tokens * 15 * i) for _ in range(replicas)]
        role = watcher.see(at, *(good(p, at, a_target(number=n)) for n, p in enumerate(pages)))
    return role


def test_a_roles_rate_does_not_dip_because_one_replica_is_new():
    watcher = Watcher()
    assert steady(watcher, 6, 2).now(Reading.OUTPUT_TOKENS) == 60
    told = []
    for i in range(6, 12):
        at = NOON + i * STEP
        old = [good(a_vllm_page(generation_tokens=1000 + 450 * i), at, a_target(number=n)) for n in range(2)]
        new = good(a_vllm_page(generation_tokens=450 * (i - 6)), at, a_target(number=2))
        told.append(watcher.see(at, *old, new).now(Reading.OUTPUT_TOKENS))
    assert told == [60, 70, 80, 90, 90, 90]


def test_what_was_counted_is_told_exactly_however_pages_and_ticks_fall():
    """Pages alternate between 10 and 20 s apart, ticks do not; all tokens come in the longer intervals."""
    watcher = Watcher()
    for i in range(12):
        tick, pair, second = NOON + i * STEP, i // 2, i % 2
        tokens = 1000 + 300 * pair
        read = NOON + timedelta(seconds=30 * pair + 10 * second)
        role = watcher.see(tick + timedelta(seconds=1), good(a_vllm_page(generation_tokens=tokens), read))
    assert role.now(Reading.OUTPUT_TOKENS) == pytest.approx(10)


def test_pages_rarer_than_the_window_is_long_leave_the_last_rate_standing():
    watcher = Watcher()
    watcher.history = History.empty(STEP, stale_after=timedelta(minutes=4))
    told = []
    for i in range(20):
        at = NOON + i * STEP
        number = i // 8
        page = good(a_vllm_page(generation_tokens=1000 + 1200 * number), NOON + number * 8 * STEP)
        told.append(watcher.see(at, page).now(Reading.OUTPUT_TOKENS))
    assert told == [None] * 8 + [10] * 12


def test_a_lost_replica_makes_sums_unknown_and_leaves_means():
    watcher = Watcher()
    steady(watcher, 6, 2)
    at = NOON + 6 * STEP
    role = watcher.see(at, good(a_vllm_page(waiting=4, generation_tokens=3700), at), bad(at, a_target(number=1)))
    assert role.now(Reading.WAITING) is None
    assert role.now(Reading.RUNNING) is None
    assert role.now(Reading.WAITING_PER_REPLICA) == 4
    assert role.now(Reading.COVERAGE) == 0.5
    assert role.now(Reading.DOLLARS_PER_HOUR) == 2 * 5.0


def test_a_page_of_two_steps_ago_is_still_read_and_an_older_one_is_not():
    watcher = Watcher()
    scrape = good(a_vllm_page(waiting=3), NOON)
    assert watcher.see(NOON + 2 * STEP, scrape).now(Reading.WAITING) == 3
    role = watcher.see(NOON + 3 * STEP, scrape)
    assert role.now(Reading.WAITING) is None
    assert role.replicas[0].fault == "stale"


def test_a_hole_in_the_pages_is_not_averaged_away():
    watcher = Watcher()
    steady(watcher, 5, 1)
    at = NOON + timedelta(minutes=10)
    role = watcher.see(at, good(a_vllm_page(generation_tokens=1_000_000), at))
    assert role.now(Reading.OUTPUT_TOKENS) is None


def test_a_clock_that_went_back_drops_the_past():
    watcher = Watcher()
    steady(watcher, 5, 1)
    role = watcher.see(NOON, good(a_vllm_page(generation_tokens=1)))
    assert role.ticks == (NOON,)
    assert role.now(Reading.OUTPUT_TOKENS) is None


def test_nothing_known_of_a_role_is_nothing_said_about_it():
    role = Watcher().see(NOON)
    assert all(role.now(reading) is None for reading in Reading)
    assert role.missing[Reading.WAITING].startswith("no replica is known")


def test_a_swallowed_page_fault_is_told_in_the_roles_words():
    role = Watcher().see(NOON, bad(fault=Fault.UNAUTHORISED))
    assert role.missing[Reading.KV_USAGE] == "no replica answered (planner-0: not authorised)"


def test_percentiles_of_three_requests_are_not_told():
    watcher = Watcher()
    for i in range(8):
        at = NOON + i * STEP
        count = min(i, 3)
        page = a_page(
            "vllm:num_requests_running 1",
            f'vllm:time_to_first_token_seconds_bucket{{le="1"}} {count}',
            f'vllm:time_to_first_token_seconds_bucket{{le="+Inf"}} {count}',
        )
        role = watcher.see(at, good(page, at))
    assert role.now(Reading.TTFT_P95) is None
    assert role.missing[Reading.TTFT_P95].startswith("fewer than 5 observations")


def test_columns_keep_gaps_and_the_span_of_the_past():
    watcher = Watcher()
    watcher.history = History.empty(STEP, timedelta(minutes=1))
    for i in range(8):
        at = NOON + i * STEP
        role = watcher.see(at, bad(at) if i == 5 else good(a_vllm_page(waiting=i), at))
    assert len(role.ticks) == 5
    assert role.series(Reading.WAITING).values == (3, 4, None, 6, 7)


def test_history_goes_on_from_what_the_ledger_kept():
    spec = a_spec()
    at = tuple(NOON - (3 - i) * STEP for i in range(3))
    kept = RoleHistory(role=spec.name, step=STEP, at=at, columns={Reading.WAITING: (1.0, None, 3.0)})
    watcher = Watcher(spec)
    watcher.history = History.restore(STEP, [kept])
    role = watcher.see(NOON, good(a_vllm_page(waiting=4)))
    assert role.ticks == (*at, NOON)
    assert role.series(Reading.WAITING).values == (1, None, 3, 4)
    assert role.now(Reading.OUTPUT_TOKENS) is None


def test_targets_that_are_gone_are_forgotten():
    watcher = Watcher()
    steady(watcher, 2, 5)
    at = NOON + 2 * STEP
    watcher.see(at, good(a_vllm_page(), at))
    assert len(watcher.history.engines) == 1


def test_two_targets_of_one_pod_are_two_replicas():
    """An external load balancer over data-parallel ranks: one port each."""
    first = a_target()
    second = replace(first, url="http://planner-0:8001/metrics")
    role = Watcher().see(NOON, good(a_vllm_page(), target=first), good(a_vllm_page(), target=second))
    assert [r.key.name for r in role.replicas] == ["planner-0", "planner-0 (planner-0:8001)"]
    assert role.now(Reading.RUNNING) == 2


def test_a_third_of_the_replicas_does_not_speak_for_the_others():
    role = Watcher().see(NOON, good(a_vllm_page(waiting=4)), *(bad(target=a_target(number=n)) for n in (1, 2)))
    assert role.now(Reading.COVERAGE) == 1 / 3
    assert role.now(Reading.WAITING_PER_REPLICA) is None
    assert role.now(Reading.KV_USAGE_MAX) is None


def test_a_page_seen_at_two_ticks_moves_nothing_twice():
    """Pages every 30 s, ticks every 15 s: rates go on in between, observations are counted once."""
    watcher = Watcher()
    told = []
    for i in range(12):
        at = NOON + i * STEP
        if i % 2 == 0:
            scrape = good(
                a_page(
                    "vllm:num_requests_running 1",
                    f"vllm:generation_tokens_total {30 * 15 * i}",
                    f'vllm:time_to_first_token_seconds_bucket{{le="1"}} {min(i // 2, 4)}',
                    f'vllm:time_to_first_token_seconds_bucket{{le="+Inf"}} {min(i // 2, 4)}',
                ),
                at,
            )
        role = watcher.see(at, scrape)
        told.append(role.now(Reading.OUTPUT_TOKENS))
    assert told[5:] == [30.0] * 7
    assert role.now(Reading.TTFT_P50) is None
    assert role.missing[Reading.TTFT_P50].startswith("fewer than 5 observations")
