"""Agents at work: a session plans, fans out to agents, each re-sends its growing context at every step.

A flow is a generator that says what it needs next (a call, several flows at once, or time to think) and
is resumed when it has it, so an agent's code below reads like an agent.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import exp, log
from random import Random
from typing import Protocol

from controlplane.simulate.replica import Request

NETWORK = 0.3
"""Seconds between an answer and the next call at the least: gateway, agent runtime, tool start.
The fleet relies on it: within this span no answer can cause another call."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """How the world behaves at a moment; a story changes it over time."""

    sessions_per_minute: float = 4.0
    documents: int = 0
    """Extra tokens of documents a planner puts into each session's context."""
    loose_agents_per_minute: float = 0.0
    """Agents started by something else than a planner."""
    agents: float = 3.0
    """Mean number of agents a planner starts at once."""
    slow_start: dict[str, float] = field(default_factory=dict)
    """Factor on the time to load weights, by role."""


class Story(Protocol):
    """What the world is like when."""

    def mood(self, at: float) -> Mood:
        """At ``at`` seconds from the start."""
        ...


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


@dataclass(slots=True, eq=False)
class _Run:
    flow: Flow | None
    """``None``: the source of sessions or of loose agents."""
    loose: bool = False
    parent: "_Run | None" = None
    children: int = 0


class Traffic:
    """Starts sessions, keeps them going, and hands out their calls in order of time."""

    def __init__(self, story: Story, rng: Random, most_sessions: int = 28) -> None:
        """``most_sessions`` is what the agents' runtime runs at once; it turns further ones away."""
        self._story = story
        self._most = most_sessions
        self._rng = rng
        self._number = 0
        self._order = 0
        self._due: list[tuple[float, int, _Run]] = []
        self._waiting: dict[Request, _Run] = {}
        self.sessions_started = 0
        self.sessions_finished = 0
        self.sessions_refused = 0
        self._start_next(_Run(None), 0.0)
        self._start_next(_Run(None, loose=True), 0.0)

    @property
    def next_at(self) -> float:
        """When something happens next."""
        return self._due[0][0]

    def calls(self, until: float) -> Iterator[tuple[float, Call]]:
        """Calls made by ``until``, in order of time."""
        while self._due[0][0] <= until:
            at, _, run = heappop(self._due)
            if run.flow is None:
                self._start_next(run, at)
                started = self._start(at, loose=run.loose)
                if started is None:
                    continue
                run = started
            call = self._resume(run, at)
            if call is not None:
                call.request.arrived = at
                yield at, call

    def answered(self, request: Request) -> None:
        """A call is answered at ``request.finished``: its flow goes on soon after."""
        self._at(request.finished + NETWORK, self._waiting.pop(request))

    def _start(self, at: float, *, loose: bool) -> _Run | None:
        self._number += 1
        if self._rate(at, loose=loose) == 0:
            return None
        if loose:
            return _Run(agent(f"a{self._number}", self._rng), loose=True)
        if self.sessions_started - self.sessions_finished >= self._most:
            self.sessions_refused += 1
            return None
        self.sessions_started += 1
        return _Run(session(f"s{self._number}", self._story.mood(at), self._rng))

    def _resume(self, run: _Run, at: float) -> Call | None:
        assert run.flow is not None
        try:
            need = next(run.flow)
        except StopIteration:
            parent = run.parent
            if parent is None:
                self.sessions_finished += not run.loose
            else:
                parent.children -= 1
                if parent.children == 0:
                    self._at(at, parent)
            return None
        match need:
            case Call():
                self._waiting[need.request] = run
                return need
            case Think(seconds):
                self._at(at + seconds, run)
            case Fork(flows):
                run.children = len(flows)
                for flow in flows:
                    self._at(at, _Run(flow, parent=run))
        return None

    def _start_next(self, source: _Run, at: float) -> None:
        rate = self._rate(at, loose=source.loose)
        wait = self._rng.expovariate(rate / 60) if rate else 30.0  # look again: the mood may change
        self._at(at + wait, source)

    def _rate(self, at: float, *, loose: bool) -> float:
        mood = self._story.mood(at)
        return mood.loose_agents_per_minute if loose else mood.sessions_per_minute

    def _at(self, at: float, run: _Run) -> None:
        self._order += 1
        heappush(self._due, (at, self._order, run))
