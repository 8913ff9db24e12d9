"""How many requests a second one replica sustains, learned from the minutes in which it could do no more.

A replica without a queue says only that it can do *at least* this much, which is no capacity: a fleet that
believed it would never shrink. So we learn from minutes in which requests waited the whole time, everywhere, and
the number of replicas that serve did not change; and we believe a lower bound, because a capacity thought 20 % too high
costs users, and one thought 20 % too low only money. Until enough such minutes were seen it is unknown.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import fsum, sqrt

from controlplane.model.belief import RoleBeliefs, Throughput
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView

RATE_WINDOW = timedelta(minutes=1)
"""REQUESTS is a rate of this window: two samples closer together share what they saw."""

KEPT = 40
"""Samples remembered: enough for a mean, few enough to follow another engine version."""

FORGOTTEN_AFTER = timedelta(days=1)
"""A sample older than this says nothing about the replicas of today."""

LEAST_SAMPLES = 3
"""Samples needed before a capacity is believed: three saturated minutes. A fleet that follows it has few of them."""

SATURATED = 1.0
"""Waiting requests per ready replica from which a replica never idles between two requests."""

EVERYWHERE = 0.9
"""Share of the replicas that must have answered."""

SIMILAR = 1.5
"""Requests whose mean size differs by more than this factor are another workload: their capacity is not this one."""

SIZED_OVER = timedelta(minutes=3)
"""How far back the mean size of a request is taken."""

LOWER = 0.842
"""Standard errors below the mean: the one-sided 80 % bound of a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one replica sustains, and how that is known."""

    requests: float
    """Requests per second, the lower 80 % bound of the mean."""
    samples: int
    """Saturated minutes behind it."""


def learn_capacity(role: RoleView, before: RoleBeliefs) -> RoleBeliefs:
    """Take this tick's throughput as a sample when the role was saturated for the whole minute it covers."""
    kept = tuple(t for t in before.throughputs if role.at - t.at <= FORGOTTEN_AFTER)
    if not kept or role.at - kept[-1].at >= RATE_WINDOW:
        sample = _sample(role)
        if sample is not None:
            kept = (*kept, sample)[-KEPT:]
    return before if kept == before.throughputs else replace(before, throughputs=kept)


def capacity_of(role: RoleView, beliefs: RoleBeliefs) -> Capacity | None:
    """What a replica sustains of requests like those of now; ``None`` until enough was seen of them."""
    tokens = _tokens_per_request(role)
    alike = [t.requests for t in beliefs.throughputs if tokens is None or _alike(t.tokens, tokens)]
    if len(alike) < LEAST_SAMPLES:
        return None
    mean = fsum(alike) / len(alike)
    spread = sqrt(fsum((x - mean) ** 2 for x in alike) / (len(alike) - 1))
    bound = max(mean - LOWER * spread / sqrt(len(alike)), min(alike))
    return Capacity(requests=bound, samples=len(alike)) if bound > 0 else None


def _sample(role: RoleView) -> Throughput | None:
    ready = role.now(Reading.REPLICAS_READY)
    requests, tokens = role.now(Reading.REQUESTS), _tokens_per_request(role)
    if not ready or not requests or tokens is None:
        return None
    since = _saturated_since(role, ready)
    if since is None or role.at - since < RATE_WINDOW:
        return None
    return Throughput(at=role.at, requests=requests / ready, tokens=tokens)


def _saturated_since(role: RoleView, ready: float) -> datetime | None:
    """Since when every replica had a queue and there were as many of them as now."""
    return role.holds_since(
        lambda waiting, coverage, count: waiting >= SATURATED and coverage >= EVERYWHERE and count == ready,
        Reading.WAITING_PER_REPLICA,
        Reading.COVERAGE,
        Reading.REPLICAS_READY,
    )


def _tokens_per_request(role: RoleView) -> float | None:
    """Over three minutes: the mix of one minute is chance."""
    means = [
        role.series(reading).last(SIZED_OVER).mean()
        for reading in (Reading.REQUESTS, Reading.PROMPT_TOKENS, Reading.OUTPUT_TOKENS)
    ]
    requests, prompt, output = means
    if not requests or prompt is None or output is None or prompt + output <= 0:
        return None
    return (prompt + output) / requests


def _alike(one: float, other: float) -> bool:
    return max(one, other) <= SIMILAR * min(one, other)
