"""Agents at work: a session plans, fans out to agents, each re-sends its growing context at every step.

A flow is a generator that says what it needs next (a call, several flows at once, or time to think) and
is resumed when it has it, so an agent's code below reads like an agent.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from math import exp, log
from random import Random

from controlplane.simulate.mood import Mood, Runaway
from controlplane.simulate.replica import Request


@dataclass(frozen=True, slots=True)
class Call:
    """Ask a role and wait for the answer."""

    role: str
    request: Request


@dataclass(frozen=True, slots=True)
class Think:
    """Do nothing for some seconds: a tool runs, a person reads."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fork:
    """Run flows side by side and wait for all of them."""

    flows: "tuple[Flow, ...]"


Flow = Generator[Call | Think | Fork, None, None]


def around(rng: Random, median: float, spread: float = 0.35) -> int:
    """A log-normal whole number."""
    return max(1, round(exp(rng.gauss(log(median), spread))))


def session(name: str, mood: Mood, rng: Random) -> Flow:
    """One run of a multi-agent task: plan, let agents work, read what they found, plan again, answer."""
    system, context = 3000, 3000
    news = around(rng, 700) + (around(rng, mood.documents, 0.25) if mood.documents else 0)
    for turn in range(rng.randint(2, 4)):
        output = around(rng, 800)
        yield Call("planner", _step(name, "planner", system=system, context=context, news=news, output=output))
        context += news + output
        width = min(8, 1 + _geometric(rng, mood.agents))
        yield Fork(tuple(agent(f"{name}.{turn}.{i}", rng) for i in range(width)))
        news = sum(around(rng, 600) for _ in range(width))
    answer = around(rng, 600)
    yield Call("planner", _step(name, "planner", system=system, context=context, news=news, output=answer))


def agent(name: str, rng: Random) -> Flow:
    """A worker agent: a few steps with tools between them; now and then it searches first."""
    system, context = 2200, 2200
    news = around(rng, 400)
    for _ in range(rng.randint(2, 5)):
        if rng.random() < 0.04:
            yield Call("embedder", _single(rng, name, around(rng, 60)))
            yield Call("reranker", _single(rng, name, around(rng, 5000)))
        output = around(rng, 160)
        yield Call("worker", _step(name, "worker", system=system, context=context, news=news, output=output))
        context += news + output
        news = around(rng, 700)
        yield Think(around(rng, 2000, 0.6) / 1000)


def storm(name: str, rng: Random) -> Flow:
    """A planner that takes a list of sixty-odd things to look at for a list of agents to start."""
    output = around(rng, 800)
    yield Call("planner", _step(name, "planner", system=3000, context=3000, news=around(rng, 700), output=output))
    width = 60 + rng.randrange(10)
    yield Fork(tuple(agent(f"{name}.0.{i}", rng) for i in range(width)))
    told, context = sum(around(rng, 150) for _ in range(width)), 3700 + output
    yield Call("planner", _step(name, "planner", system=3000, context=context, news=told, output=around(rng, 600)))


def loop(name: str, rng: Random) -> Flow:
    """A planner that waits for an agent which never finds what it looks for."""
    output = around(rng, 800)
    yield Call("planner", _step(name, "planner", system=3000, context=3000, news=around(rng, 700), output=output))
    yield Fork((_lost(f"{name}.0.0", rng),))
    context = 3700 + output
    yield Call("planner", _step(name, "planner", system=3000, context=context, news=600, output=around(rng, 600)))


def _lost(name: str, rng: Random) -> Flow:
    """It reads long pages, its context grows with each; when it is full it forgets all but a summary and goes on."""
    context = 2200
    for _ in range(150):
        news, output = around(rng, 4000), around(rng, 300)
        yield Call("worker", _step(name, "worker", system=2200, context=context, news=news, output=output))
        context += news + output
        if context > 27_000:
            context = 2200


RUNAWAYS: Mapping[Runaway, Callable[[str, Random], Flow]] = {Runaway.STORM: storm, Runaway.LOOP: loop}
"""What a session does that gets out of hand."""


def _step(name: str, kind: str, *, system: int, context: int, news: int, output: int) -> Request:
    return Request(
        session=name, kind=kind, shared=system, prefix=context, prompt=context + news, output=output, most=4096
    )


def _single(rng: Random, name: str, prompt: int) -> Request:
    return Request(session=f"{name}.{rng.getrandbits(32):08x}", kind="text", prompt=prompt, output=0)


def _geometric(rng: Random, mean: float) -> int:
    """Number of further agents; mean ``mean - 1``."""
    stop = 1 / max(mean, 1.0)
    more = 0
    while rng.random() > stop:
        more += 1
    return more
