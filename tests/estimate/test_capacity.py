"""A replica's capacity is learned from minutes in which it could do no more, and from nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.estimate.capacity import FORGOTTEN_AFTER, KEPT, LEAST_SAMPLES, capacity_of, learn_capacity
from controlplane.model.belief import RoleBeliefs, Throughput
from controlplane.model.role import RoleView
from tests.builders import NOON, a_role, some_beliefs, ticking

MINUTE = timedelta(minutes=1)


def saturated(**other: object) -> RoleView:
    """Four replicas, each with a queue, finishing 8 requests a second of 1,000 tokens."""
    usual = {"requests": 8.0, "prompt_tokens": 6000.0, "output_tokens": 2000.0, "waiting_per_replica": 3.0}
    return a_role(ready=4, **{**usual, **other})


def samples(*requests: float, tokens: float = 1000.0) -> RoleBeliefs:
    return some_beliefs(throughputs=tuple(Throughput(at=NOON, requests=r, tokens=tokens) for r in requests))


def test_a_saturated_minute_is_a_sample_per_replica():
    learned = learn_capacity(saturated(), some_beliefs())
    assert learned.throughputs == (Throughput(at=NOON, requests=2.0, tokens=1000.0),)


@pytest.mark.parametrize(
    "role",
    [
        pytest.param(saturated(waiting_per_replica=0.5), id="no queue everywhere"),
        pytest.param(saturated(waiting_per_replica=ticking(3.0, 0.0, 3.0, 3.0)), id="the queue was empty in between"),
        pytest.param(saturated(replicas_ready=ticking(3.0, 3.0, 4.0, 4.0)), id="a replica has just begun to serve"),
        pytest.param(saturated(coverage=0.75), id="a replica is not heard"),
        pytest.param(saturated(requests=None), id="nobody counts what is finished"),
        pytest.param(saturated(requests=0.0), id="nothing is finished"),
        pytest.param(saturated(prompt_tokens=None), id="their size is unknown"),
    ],
)
def test_nothing_else_is(role: RoleView):
    assert learn_capacity(role, some_beliefs()).throughputs == ()


def test_the_same_minute_is_not_counted_twice():
    learned = learn_capacity(saturated(at=NOON + MINUTE / 2), learn_capacity(saturated(), some_beliefs()))
    assert len(learned.throughputs) == 1
    assert len(learn_capacity(saturated(at=NOON + MINUTE), learned).throughputs) == 2


def test_only_the_last_ones_of_a_day_are_kept():
    many = samples(*range(1, KEPT + 1))
    learned = learn_capacity(saturated(at=NOON + MINUTE), many)
    assert len(learned.throughputs) == KEPT
    assert learned.throughputs[-1].requests == 2.0
    assert learn_capacity(a_role(at=NOON + FORGOTTEN_AFTER + MINUTE), many).throughputs == ()


def test_what_is_believed_is_a_lower_bound_and_nothing_before_three_samples():
    role = saturated()
    assert capacity_of(role, samples(*[2.0] * (LEAST_SAMPLES - 1))) is None
    even, spread = capacity_of(role, samples(*[2.0] * 5)), capacity_of(role, samples(1.0, 1.5, 2.0, 2.5, 3.0))
    assert even is not None
    assert spread is not None
    assert (even.requests, even.samples) == (2.0, 5)
    assert spread.requests == pytest.approx(2.0 - 0.842 * 0.7906 / 5**0.5, abs=1e-3)


def test_requests_of_another_size_are_another_capacity():
    longer = replace(samples(*[2.0] * 5), throughputs=samples(*[0.5] * 5, tokens=4000.0).throughputs)
    assert capacity_of(saturated(), longer) is None
    idle = a_role(ready=4)
    assert capacity_of(idle, longer) is not None  # nothing says of what size the next ones will be
