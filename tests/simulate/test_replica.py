"""One engine: its steps by hand, its queue, its cache, and jumps that equal single steps."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.simulate.costs import LLAMA_8B_H100, StepCost
from controlplane.simulate.replica import BLOCK, Replica, Request

FLAT = StepCost(t0=10, w=0, g=0, a=0, k=0, s=1, kv_tokens=1600)
"""Every step takes 10 ms; the cache holds 100 blocks."""


def a_request(prompt: int = 100, output: int = 10, *, at: float = 0.0, session: str = "s", prefix: int = 0) -> Request:
    return Request(session=session, kind="k", prompt=prompt, output=output, prefix=prefix, arrived=at)


def a_replica(cost: StepCost = FLAT, *, budget: int = 2048, most_sequences: int = 256) -> Replica:
    longest = min(32_768, cost.kv_tokens - BLOCK)
    return Replica(cost, longest=longest, at=0.0, budget=budget, most_sequences=most_sequences)


def test_a_request_alone_takes_one_step_of_prefill_and_one_step_per_further_token():
    replica, request = a_replica(), a_request(prompt=100, output=10, at=1.0)
    replica.advance(1.0)
    replica.enqueue(request, 1.0)
    replica.advance(5.0)
    assert request.first_token == pytest.approx(1.01)
    assert request.finished == pytest.approx(1.10)
    tally = replica.tally
    assert (tally.prompt_tokens, tally.generation_tokens, tally.itl.count, tally.ttft.count) == (100, 10, 9, 1)
    assert tally.itl.total == pytest.approx(0.09)
    assert tally.busy == pytest.approx(0.10)


def test_a_step_takes_what_the_formula_says():
    cost = StepCost(t0=2, w=4, g=0.02, a=1e-6, k=4e-5, b=0.007, s=1.13, kv_tokens=400_000)
    replica, request = a_replica(cost), a_request(prompt=1000, output=1)
    replica.enqueue(request, 0.0)
    replica.advance(1.0)
    by_hand = 1.13 * (2 + (4**4 + (0.02 * 1000) ** 4) ** 0.25 + 1e-6 * 1000 * 500) / 1000
    assert request.finished == pytest.approx(by_hand)


def test_a_long_prompt_is_computed_in_chunks_of_the_budget():
    replica, request = a_replica(budget=256), a_request(prompt=1000, output=1)
    replica.enqueue(request, 0.0)
    replica.advance(1.0)
    assert request.first_token == pytest.approx(0.04)


def test_a_prompt_waits_until_all_its_blocks_are_free_and_nobody_overtakes_it():
    replica = a_replica()
    first, long, short = a_request(800, 50), a_request(900, 5, session="b"), a_request(10, 5, session="c")
    for request in (first, long, short):
        replica.enqueue(request, 0.0)
    replica.advance(0.3)
    assert (len(replica.running), len(replica.waiting)) == (1, 2)
    replica.advance(5.0)
    assert first.finished <= long.admitted  # type: ignore[operator]
    assert long.admitted <= short.admitted  # type: ignore[operator]


def test_when_the_cache_is_full_the_last_admitted_is_thrown_out_and_finishes_later():
    replica = a_replica()
    old, young = a_request(760, 400), a_request(760, 400, session="b")
    replica.enqueue(old, 0.0)
    replica.enqueue(young, 0.0)
    replica.advance(60.0)
    assert replica.tally.preemptions >= 1
    assert (old.preempted, young.preempted > 0) == (0, True)
    assert old.finished < young.finished
    assert replica.tally.generation_tokens == 800
    assert replica.tally.prompt_tokens == 1520, "a recomputed prompt is not counted twice"
    assert replica.free == replica.blocks - 1


def test_a_session_that_comes_back_finds_its_context_in_full_blocks():
    replica = a_replica()
    replica.enqueue(a_request(100, 20), 0.0)
    replica.advance(1.0)
    again = a_request(300, 1, at=1.0, prefix=120)
    replica.enqueue(again, 1.0)
    replica.advance(2.0)
    assert again.cached == 112
    assert (replica.tally.prefix_queries, replica.tally.prefix_hits, replica.tally.cached_tokens) == (400, 112, 112)


def test_what_only_the_prefix_cache_remembers_counts_as_free_and_goes_under_pressure():
    replica = a_replica()
    replica.enqueue(a_request(800, 1), 0.0)
    replica.advance(1.0)
    assert replica.kv_usage == 0
    replica.enqueue(a_request(1500, 1, session="other"), 1.0)
    replica.advance(2.0)
    back = a_request(800, 1, at=2.0, prefix=800)
    replica.enqueue(back, 2.0)
    replica.advance(3.0)
    assert back.cached == 0


def test_usage_is_the_share_of_blocks_held():
    replica = a_replica()
    replica.enqueue(a_request(160, 100), 0.0)
    replica.advance(0.015)
    assert replica.kv_usage == pytest.approx(10 / 99)


def test_an_embedding_has_no_token_and_ends_with_its_prompt():
    replica, request = a_replica(), a_request(100, 0)
    replica.enqueue(request, 0.0)
    replica.advance(1.0)
    assert request.finished == pytest.approx(0.01)
    assert (replica.tally.generation_tokens, replica.tally.itl.count, replica.tally.finished) == (0, 0, 1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), blocks=st.integers(150, 2000), stride=st.floats(0.003, 0.7))
def test_jumping_equals_going_in_small_steps(seed: int, blocks: int, stride: float):
    """The same arrivals, once advanced only when somebody arrives, once every ``stride`` seconds as well."""
    cost = StepCost(t0=2.2, w=4.4, g=0.0195, a=8e-7, k=4.1e-5, b=0.007, kv_tokens=blocks * BLOCK)
    rough = _run(cost, seed, None)
    fine = _run(cost, seed, stride)
    assert [r.finished for r in fine] == pytest.approx([r.finished for r in rough], rel=1e-9)
    assert [r.preempted for r in fine] == [r.preempted for r in rough]
    assert [r.cached for r in fine] == [r.cached for r in rough]


def _run(cost: StepCost, seed: int, stride: float | None) -> list[Request]:
    rng = Random(seed)
    replica = a_replica(cost, budget=512, most_sequences=24)
    requests, now = [], 0.0
    for i in range(60):
        until = now + rng.expovariate(8)
        while stride is not None and now + stride < until:
            now += stride
            replica.advance(now)
        now = until
        replica.advance(now)
        prompt = min(rng.randint(1, 1500), cost.kv_tokens // 2)
        request = a_request(prompt, rng.randint(0, 300), at=now, session=f"s{i % 7}", prefix=prompt // 2)
        requests.append(request)
        replica.enqueue(request, now)
        assert 0 <= replica.free < replica.blocks
    replica.advance(now + 1e5)
    tally = replica.tally
    assert replica.free == replica.blocks - 1
    assert tally.finished == 60
    assert tally.generation_tokens == sum(r.output for r in requests)
    assert tally.prompt_tokens == sum(r.prompt for r in requests)
    assert tally.ttft.count == tally.e2e.count == 60
    assert tally.itl.count == sum(max(0, r.output - 1) for r in requests)
    assert tally.iteration.total >= tally.generation_tokens
    return requests


def test_throughput_is_near_the_published_figure_of_the_model():
    """8B on an H100 at 1000 tokens in, 300 out, 256 sequences: about 5800 output tokens a second."""
    replica = a_replica(LLAMA_8B_H100)
    for i in range(1500):
        replica.enqueue(a_request(1000, 300, session=f"s{i}"), 0.0)
    replica.advance(20.0)
    before = replica.tally.generation_tokens
    replica.advance(60.0)
    rate = (replica.tally.generation_tokens - before) / 40
    assert rate == pytest.approx(5804, rel=0.1)


def test_histograms_of_a_rising_step_time_equal_single_observations():
    from controlplane.simulate.tally import PER_TOKEN, Histogram

    rising, single = Histogram(PER_TOKEN), Histogram(PER_TOKEN)
    rising.add_rising(0.0081, 0.00037, 400, 3)
    for i in range(400):
        single.add(0.0081 + 0.00037 * i, 3)
    assert rising.counts == single.counts
    assert rising.total == pytest.approx(single.total)
    assert all(a <= b for a, b in pairwise(PER_TOKEN))
