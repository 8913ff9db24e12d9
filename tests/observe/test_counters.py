"""How far counters moved: known exactly, or unknown."""

import math

import pytest

from controlplane.observe.counters import advance, flow, gauges
from controlplane.observe.plan import plan_page
from controlplane.promql.metric import Signal
from tests.observe.pages import a_page, a_vllm_page


def the(page):
    (plan,) = plan_page(page.layout).replicas
    return plan


def moved(first, second, seconds=15.0):
    before = advance(None, the(first), first.values, 0)
    return flow([(advance(before, the(second), second.values, seconds), True)]).rates


def test_a_counter_moves_by_its_difference_per_second():
    rates = moved(
        a_vllm_page(generation_tokens=100, prompt_tokens=10), a_vllm_page(generation_tokens=250, prompt_tokens=40)
    )
    assert rates[Signal.OUTPUT_TOKENS] == (10.0, 1)
    assert rates[Signal.PROMPT_TOKENS] == (2.0, 1)


def test_a_counter_that_went_back_makes_the_whole_interval_unknown():
    first = a_vllm_page(generation_tokens=100, prompt_tokens=10)
    assert moved(first, a_vllm_page(generation_tokens=5, prompt_tokens=90)) == {}


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_an_interval_without_length_is_unknown(seconds):
    assert moved(a_vllm_page(generation_tokens=1), a_vllm_page(generation_tokens=2), seconds) == {}


@pytest.mark.parametrize("strange", [math.nan, math.inf])
def test_a_number_that_is_none_hides_only_its_own_signal(strange):
    first = a_vllm_page(generation_tokens=100, prompt_tokens=10)
    rates = moved(first, a_vllm_page(generation_tokens=strange, prompt_tokens=40))
    assert Signal.OUTPUT_TOKENS not in rates
    assert rates[Signal.PROMPT_TOKENS] == (2.0, 1)


def test_a_series_that_is_new_on_the_page_is_unknown_and_the_others_go_on():
    rates = moved(a_vllm_page(prompt_tokens=10), a_vllm_page(prompt_tokens=40, generation_tokens=500))
    assert Signal.OUTPUT_TOKENS not in rates
    assert rates[Signal.PROMPT_TOKENS] == (2.0, 1)


def test_what_is_unknown_of_one_replica_does_not_poison_the_count_of_the_others():
    first = a_vllm_page(generation_tokens=0)
    before = advance(None, the(first), first.values, 0)
    steps = []
    for value in (150, math.nan, 300):
        page = a_vllm_page(generation_tokens=value)
        steps.append((advance(before, the(page), page.values, 15), True))
    assert flow(steps).rates[Signal.OUTPUT_TOKENS] == (30.0, 2)


def test_repeating_ranks_count_once_and_data_parallel_ones_add_up():
    rows = [("0", "0"), ("1", "0"), ("0", "1"), ("1", "1")]

    def page(tokens, running):
        lines = []
        for tp, dp in rows:
            labels = f'tp_rank="{tp}",dp_rank="{dp}",model_name="m"'
            lines.append(f"sglang:num_running_reqs{{{labels}}} {running[dp]}")
            lines.append(f'sglang:realtime_tokens_total{{{labels},mode="decode"}} {tokens[dp]}')
        return a_page(*lines)

    first, second = page({"0": 0, "1": 0}, {"0": 3, "1": 4}), page({"0": 150, "1": 300}, {"0": 3, "1": 4})
    assert gauges(the(second), second.values)[Signal.RUNNING] == 7
    assert moved(first, second)[Signal.OUTPUT_TOKENS] == (30.0, 1)


def test_copies_per_priority_are_left_out_of_a_total():
    page = a_page(
        'sglang:num_queue_reqs{priority=""} 5',
        'sglang:num_queue_reqs{priority="high"} 2',
        'sglang:num_queue_reqs{priority="low"} 3',
    )
    assert gauges(the(page), page.values)[Signal.WAITING] == 5


def test_places_to_wait_in_a_split_sglang_add_up():
    page = a_page("sglang:num_queue_reqs 5", "sglang:num_decode_prealloc_queue_reqs 2")
    assert gauges(the(page), page.values)[Signal.WAITING] == 7


@pytest.mark.parametrize("kv", ["NaN", "+Inf", "-0.1", "37"])
def test_a_gauge_that_cannot_be_true_is_unknown(kv):
    page = a_vllm_page(kv=kv)
    assert Signal.KV_USAGE not in gauges(the(page), page.values)
    assert Signal.RUNNING in gauges(the(page), page.values)


def test_rays_page_of_a_node_holds_a_replica_per_replica_id():
    page = a_page(
        'ray_vllm_num_requests_running{ReplicaId="a",WorkerId="1",model_name="m"} 1',
        'ray_vllm_num_requests_running{ReplicaId="b",WorkerId="2",model_name="m"} 2',
        'ray_vllm_num_requests_running{ReplicaId="c",WorkerId="3",model_name="other"} 4',
    )
    plans = plan_page(page.layout, "m").replicas
    assert [plan.name for plan in plans] == ["a", "b"]
    assert [gauges(plan, page.values)[Signal.RUNNING] for plan in plans] == [1, 2]


def test_a_histogram_without_its_open_bucket_or_with_a_strange_edge_is_left_out():
    lines = ["vllm:num_requests_running 1", 'vllm:time_to_first_token_seconds_bucket{le="1"} 1']
    page = a_page(*lines, 'vllm:time_to_first_token_seconds_bucket{le="2"} 1')
    assert the(page).shape.histograms == ()


def test_lookups_in_an_unknown_unit_give_a_ratio_and_no_token_rate():
    """Early V1 counted blocks under the names that later counted tokens."""
    first = a_vllm_page(gpu_prefix_cache_queries=0, gpu_prefix_cache_hits=0)
    rates = moved(first, a_vllm_page(gpu_prefix_cache_queries=150, gpu_prefix_cache_hits=75))
    assert rates[Signal.PREFIX_LOOKUPS] == (10.0, 1)
    assert rates[Signal.PREFIX_HITS] == (5.0, 1)
    assert Signal.PREFIX_QUERIED not in rates
    assert Signal.CACHED_TOKENS not in rates
