"""How many replicas a role is wished to run: up at once, down only when everything agrees, nothing out of nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.decide.desired import desired, plan
from controlplane.decide.law import ScalingLaw
from controlplane.model.belief import RoleBeliefs, Start, Throughput
from controlplane.model.cycle import Stop
from controlplane.model.desired import Binding, Desired
from controlplane.model.finding import Finding, Severity
from controlplane.model.keys import ReplicaKey, RoleName
from controlplane.model.role import RoleView
from tests.builders import NOON, PLANNER, Course, a_fleet, a_role, a_spec, some_beliefs, steady, ticking

LAW = ScalingLaw()
HOUR = 181
"""Ticks of the 45 minutes that are remembered."""


def known(capacity: float = 1.0, lead: float = 60.0) -> RoleBeliefs:
    """A role whose replicas sustain ``capacity`` requests a second and start in ``lead`` seconds."""
    return some_beliefs(
        starts=(Start(replica=ReplicaKey(PLANNER, "planner-9"), ready=NOON, seconds=lead),),
        throughputs=tuple(Throughput(at=NOON, requests=capacity, tokens=1000.0) for _ in range(6)),
    )


def a_load(rate: float | Course = 2.0, **other: object) -> RoleView:
    """A role at work: requests finish as they come, of 1,000 tokens each, nothing waits."""
    size = [r if r is None else r * 1000 for r in rate.values] if isinstance(rate, Course) else None
    usual = {
        "spec": a_spec(most=20),
        "ready": 4,
        "requests": rate,
        "prompt_tokens": ticking(*(None if s is None else s * 0.8 for s in size)) if size else rate * 800,
        "output_tokens": ticking(*(None if s is None else s * 0.2 for s in size)) if size else rate * 200,
        "running": 8.0,
        "waiting": 0.0,
        "waiting_per_replica": 0.0,
        "kv_usage": 0.2,
        "kv_usage_max": 0.25,
        "ttft_p95": 0.3,
        "queue_p95": 0.05,
        "itl_p95": 0.02,
    }
    return a_role(**{**usual, **other})


def wish(role: RoleView, beliefs: RoleBeliefs | None = None, law: ScalingLaw = LAW, *, trend: bool = True) -> Desired:
    return desired(role, beliefs or known(), law, now=NOON, trend=trend)


def ramp(*steps: tuple[float, int]) -> Course:
    """Values held for so many ticks each."""
    return ticking(*(value for value, ticks in steps for _ in range(ticks)))


def test_arrivals_over_what_a_replica_sustains_with_a_reserve_is_the_need_by_rate():
    said = wish(a_load(rate=9.0))
    assert (said.replicas, said.binding) == (10, Binding.RATE)  # 9 / 0.9
    assert "9 requests/s arrive; a replica sustains 1/s (lower bound of 6 saturated minutes)" in said.because


def test_a_rise_beyond_chance_is_followed_to_when_a_new_replica_would_serve():
    rising = ramp((4.0, 181 - 24), *((4.0 + 0.25 * i, 1) for i in range(24)))
    near, far = wish(a_load(rate=rising), known(lead=45.0)), wish(a_load(rate=rising), known(lead=165.0))
    assert near.replicas is not None and far.replicas is not None
    assert 11 <= near.replicas < far.replicas <= 20
    assert "more in 3 min" in far.because
    assert wish(a_load(rate=rising), known(lead=165.0), trend=False).replicas < near.replicas


def test_what_is_in_the_engine_and_was_not_counts_as_arrived():
    piling = ramp((8.0, 177), (8.0, 1), (23.0, 1), (38.0, 1), (68.0, 1))
    assert (wish(a_load(rate=4.0, running=piling)).replicas or 0) > (wish(a_load(rate=4.0)).replicas or 0)


def test_full_kv_caches_ask_for_replicas_whatever_the_rate():
    said = wish(a_load(rate=1.0, kv_usage=0.95, kv_usage_max=0.99))
    assert (said.replicas, said.binding) == (5, Binding.KV)  # 3.8 / 0.85
    assert "3.8 KV caches are in use" in said.because


def test_a_kv_cache_that_fills_is_followed_too():
    filling = ramp((0.3, HOUR - 12), *((0.3 + 0.03 * i, 1) for i in range(1, 13)))
    said = wish(a_load(rate=1.0, kv_usage=filling, kv_usage_max=0.7), known(lead=165.0))
    assert said.binding is Binding.KV_TREND
    assert (said.replicas or 0) > 4


def test_a_queue_that_breaks_the_promise_asks_for_what_drains_it():
    calm, late = wish(a_load(waiting=7.0, rate=4.0)), wish(a_load(waiting=200.0, rate=4.0))
    assert calm.binding is not Binding.QUEUE  # 8 are served within 2 s
    assert (late.replicas, late.binding) == (9, Binding.QUEUE)  # 4.44 + 192 / 45
    assert "200 requests wait; 8 are served within the promise" in late.because


def test_one_tick_with_a_queue_is_no_queue():
    assert wish(a_load(waiting=ramp((0.0, HOUR - 1), (200.0, 1)), rate=2.0)).binding is not Binding.QUEUE


def test_without_a_known_capacity_the_reference_rule_asks_for_at_most_twice_as_many():
    said = wish(a_load(waiting=200.0), some_beliefs())
    assert (said.replicas, said.binding) == (8, Binding.QUEUE)
    assert wish(a_load(waiting=28.0), some_beliefs()).replicas == 6  # 28 / 5
    assert (
        wish(a_load(waiting=6.0, ttft_p95=2.9), some_beliefs()).replicas == 6
    )  # 4 · 2.9 s / 2 s, and all have a queue
    assert wish(a_load(waiting=2.0, ttft_p95=2.9), some_beliefs()).replicas == 4  # helped already: the queue is gone


def test_replicas_on_their_way_are_not_asked_for_again():
    first = wish(a_load(waiting=200.0))
    asked = first.replicas
    again = wish(a_load(waiting=200.0, desired=asked, pending=(asked or 0) - 4))
    assert again.replicas == asked


def test_down_goes_to_what_is_needed_but_at_most_a_third_at_once():
    said = wish(a_load(rate=1.0, ready=12, kv_usage=0.05))
    assert (said.replicas, said.binding) == (8, Binding.STEP)
    said = wish(a_load(rate=2.6, kv_usage=0.2))
    assert (said.replicas, said.binding) == (3, Binding.RATE)


def test_down_waits_until_the_high_need_is_out_of_the_window():
    lately = ramp((8.0, HOUR - 8), (2.0, 8))
    assert wish(a_load(rate=lately, ready=9)).replicas == 9
    assert wish(a_load(rate=lately, ready=12)).binding is Binding.RECENT
    long_ago = ramp((8.0, HOUR - 40), (2.0, 40))
    assert wish(a_load(rate=long_ago, ready=9)).replicas == 6


@pytest.mark.parametrize(
    ("hurt", "said"),
    [
        ({"queue_p95": 1.6, "ttft_p95": 1.9}, "TTFT p95 would come near"),
        ({"itl_p95": 0.045}, "ITL p95 would come near"),
        ({"kv_usage_max": 0.9}, "the fullest KV cache would need"),
        ({"ttft_p95": None}, "TTFT p95 is unknown"),
    ],
)
def test_down_is_refused_when_the_others_could_not_carry_the_load(hurt: dict[str, object], said: str):
    refused = wish(a_load(rate=1.0, **hurt))
    assert (refused.replicas, refused.binding) == (4, Binding.SURVIVORS)
    assert said in refused.because


def test_a_first_token_that_is_long_by_itself_does_not_keep_replicas():
    said = wish(a_load(rate=1.0, ttft_p95=1.9, queue_p95=0.02))
    assert said.replicas == 3


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ({"running": None}, "running is unknown"),
        ({"coverage": 0.75}, "not every replica was heard"),
        ({"coverage": ramp((1.0, HOUR - 8), (0.5, 4), (1.0, 4))}, "not every replica was heard"),
        ({"kv_usage": ramp((0.1, HOUR - 1), (None, 1))}, "KV cache used, mean is unknown"),
        ({"requests": ramp((1.0, HOUR - 1), (None, 1))}, "arrivals are unknown"),
        ({"running": ramp((8.0, HOUR - 12), (None, 4), (8.0, 8))}, "not every replica was heard"),
    ],
)
def test_with_an_input_missing_the_role_does_not_shrink(gone: dict[str, object], said: str):
    held = wish(a_load(**{"rate": 1.0, **gone}), known())
    assert (held.replicas, held.binding) == (4, Binding.HELD)
    assert said in held.because


def test_with_an_input_missing_the_role_still_grows():
    assert wish(a_load(running=None, requests=None, waiting=60.0, kv_usage=0.99)).replicas == 8


def test_after_a_gap_down_waits_for_a_full_window():
    """The dangerous moment is recovery, not outage (grafana/mimir#7691)."""
    for since, expected in ((4, 4), (15, 4), (20, 3)):
        back = ramp((8.0, HOUR - 20 - since), (None, 20), (8.0, since))
        gap = ramp((0.1, HOUR - 20 - since), (None, 20), (0.1, since))
        said = wish(a_load(rate=1.0, running=back, kv_usage=gap))
        assert said.replicas == expected, (since, said)


def test_scaling_up_goes_on_with_one_metric_invalid_and_scaling_down_does_not():
    """Kubernetes' own rule (kubernetes/kubernetes#99514), and ours."""
    blind = {"kv_usage": None}
    assert wish(a_load(rate=9.0, **blind)).replicas == 10
    assert wish(a_load(rate=1.0, **blind)).replicas == 4


def test_without_a_known_capacity_a_role_shrinks_only_when_nothing_waited_through_the_window():
    calm, lately = a_load(rate=1.0), a_load(rate=1.0, waiting=ramp((0.0, HOUR - 6), (3.0, 1), (0.0, 5)))
    assert wish(calm, some_beliefs()).replicas == 3
    assert wish(lately, some_beliefs()).binding is Binding.HELD


@pytest.mark.parametrize(
    "role",
    [
        pytest.param(a_role(ready=3), id="no engine answers"),
        pytest.param(a_load(ready=None, desired=None, rate=9.0), id="nobody counts replicas"),
        pytest.param(a_load(at=NOON - timedelta(seconds=61)), id="old"),
    ],
)
def test_says_nothing_out_of_nothing(role: RoleView):
    said = wish(role)
    assert (said.replicas, said.valid, said.binding) == (None, False, Binding.UNKNOWN)


def test_stays_between_the_bounds_of_fleet_yaml():
    crowded, idle = a_load(rate=60.0, spec=a_spec(most=6)), a_load(rate=0.1, spec=a_spec(least=3, most=6), ready=3)
    assert (wish(crowded).replicas, wish(crowded).binding) == (6, Binding.CEILING)
    assert (wish(idle).replicas, wish(idle).binding) == (3, Binding.FLOOR)


def idle(zero: bool, asked: Course | float = 0.0) -> RoleView:
    nothing = {"running": 0.0, "kv_usage": 0.0, "kv_usage_max": 0.0, "ttft_p95": None, "itl_p95": None}
    return a_load(rate=asked, spec=a_spec(least=0 if zero else 1, most=4), ready=1, **nothing)


def test_the_last_replica_goes_only_where_that_was_asked_for_and_after_long_idleness():
    assert wish(idle(zero=False)).replicas == 1
    assert wish(idle(zero=True)).replicas == 0
    lately = ramp((0.2, HOUR - 40), (0.0, 40))  # ten minutes of nothing
    assert wish(idle(zero=True, asked=lately)).replicas == 1


def test_a_runaway_or_a_freeze_takes_the_trend_away_and_the_kill_switch_everything():
    rising = a_load(rate=ramp((4.0, 181 - 24), *((4.0 + 0.25 * i, 1) for i in range(24))))
    fleet, beliefs = a_fleet(rising), {PLANNER: known(lead=165.0)}
    finding = Finding(
        detector="runaway-session", role=PLANNER, severity=Severity.WARNING, since=NOON, summary="ten times the tokens"
    )
    free = plan(fleet, beliefs, (), LAW, now=NOON)[PLANNER].replicas
    runaway = plan(fleet, beliefs, (finding,), LAW, now=NOON)[PLANNER].replicas
    frozen = plan(fleet, beliefs, (), LAW, now=NOON, frozen=True)[PLANNER].replicas
    assert free is not None and runaway is not None
    assert runaway < free
    assert frozen == runaway
    stopped = plan(fleet, beliefs, (), LAW, now=NOON, stop=Stop(by="ann", at=NOON, reason="drill"))[PLANNER]
    assert not stopped.valid
    assert "stopped by ann" in stopped.because


def test_every_need_says_what_it_was_made_of_or_what_is_missing():
    said = {need.binding: need.said for need in wish(a_role(ready=2), some_beliefs()).needs}
    assert said == {
        Binding.RATE: "arrivals of the last minute are unknown",
        Binding.KV: "KV cache use is unknown",
        Binding.KV_TREND: "KV cache use does not rise",
        Binding.QUEUE: "how many requests wait is unknown",
    }


def test_a_window_is_at_least_as_long_as_a_start():
    lately = ramp((8.0, HOUR - 30), (2.0, 30))  # seven and a half minutes ago
    assert wish(a_load(rate=lately, ready=9), known(lead=600.0)).replicas == 9
    assert (wish(a_load(rate=lately, ready=9), known(lead=60.0)).replicas or 9) < 9


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="kv_fill is a share"):
        replace(LAW, kv_fill=85.0)
    with pytest.raises(ValueError, match="above 0"):
        replace(LAW, drain=timedelta(0))


def test_the_role_of_a_fleet_that_was_never_learned_about_is_planned_too():
    fleet = a_fleet(a_load(rate=9.0, kv_usage=0.95))
    assert plan(fleet, {}, (), LAW, now=NOON)[RoleName("planner")].replicas == 5


def test_a_steady_role_is_left_alone():
    assert wish(a_load(rate=3.5, waiting=steady(0.0))).replicas == 4


def test_time_between_tokens_is_held_against_the_line_this_role_has_shown():
    """25 ms of its 30 ms are there without load: half as many replicas would not make it 60 ms."""
    wave = [4.0 + 4.0 * ((i + 19) // 20 % 2) for i in range(HOUR)]  # five minutes of little, five of more
    seen = [sum(wave[max(0, i - 19) : i + 1]) / min(20, i + 1) for i in range(HOUR)]  # what a percentile has seen
    flat, steep = ([least + (0.030 - least) * (load - 4) / 4 for load in seen] for least in (0.0275, 0.0150))
    load = {"rate": 0.5, "ready": 2, "running": ticking(*wave), "spec": a_spec(most=20, itl=0.05)}
    assert wish(a_load(**load, itl_p95=ticking(*flat))).replicas == 1
    assert wish(a_load(**load, itl_p95=ticking(*steep))).binding is Binding.SURVIVORS


def test_one_request_that_passes_through_the_queue_does_not_keep_a_fleet():
    passing = ticking(*(1.0 if i % 7 == 0 else 0.0 for i in range(HOUR)))
    assert wish(a_load(rate=1.0, waiting=passing), some_beliefs()).replicas == 3
