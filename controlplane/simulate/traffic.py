"""Starts sessions as the mood of the moment wants, keeps them going, and hands out their calls in order of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from heapq import heappop, heappush
from random import Random

from controlplane.simulate.flows import RUNAWAYS, Call, Flow, Fork, Think, agent, session
from controlplane.simulate.mood import Mood, Story
from controlplane.simulate.replica import Request

NETWORK = 0.3
"""Seconds between an answer and the next call at the least: gateway, agent runtime, tool start.
The fleet relies on it: within this span no answer can cause another call."""


LOOK = 10.0
"""Seconds between two looks whether a session is to get out of hand."""


class _Source(Enum):
    """Starts flows now and then."""

    SESSIONS = auto()
    LOOSE_AGENTS = auto()
    RUNAWAYS = auto()


@dataclass(slots=True, eq=False)
class _Run:
    flow: Flow
    planned: bool = False
    """It takes one of the places that the agents' runtime has for sessions."""
    parent: "_Run | None" = None
    children: int = 0


class Traffic:
    """The sessions under way, and those to come."""

    def __init__(self, story: Story, rng: Random, most_sessions: int = 28) -> None:
        """``most_sessions`` is what the agents' runtime runs at once; it turns further ones away."""
        self._story = story
        self._most = most_sessions
        self._rng = rng
        self._number = 0
        self._order = 0
        self._due: list[tuple[float, int, _Run | _Source]] = []
        self._waiting: dict[Request, _Run] = {}
        self._runaway: _Run | None = None
        """The session that is out of hand."""
        self.sessions_started = 0
        self.sessions_finished = 0
        self.sessions_refused = 0
        for source in _Source:
            self._start_next(source, 0.0)

    @property
    def next_at(self) -> float:
        """When something happens next."""
        return self._due[0][0]

    def calls(self, until: float) -> Iterator[tuple[float, Call]]:
        """Calls made by ``until``, in order of time."""
        while self._due[0][0] <= until:
            at, _, due = heappop(self._due)
            if isinstance(due, _Source):
                self._start_next(due, at)
                run = self._start(due, at)
            else:
                run = due
            call = None if run is None else self._resume(run, at)
            if call is not None:
                call.request.arrived = at
                yield at, call

    def answered(self, request: Request) -> None:
        """A call is answered at ``request.finished``: its flow goes on soon after."""
        self._at(request.finished + NETWORK, self._waiting.pop(request))

    def _start(self, source: _Source, at: float) -> _Run | None:
        mood = self._story.mood(at)
        if source is _Source.RUNAWAYS:
            return self._start_runaway(mood)
        self._number += 1
        if self._rate(source, mood) == 0:
            return None
        if source is _Source.LOOSE_AGENTS:
            return _Run(agent(f"a{self._number}", self._rng))
        if self.sessions_started - self.sessions_finished >= self._most:
            self.sessions_refused += 1
            return None
        self.sessions_started += 1
        return _Run(session(f"s{self._number}", mood, self._rng), planned=True)

    def _start_runaway(self, mood: Mood) -> _Run | None:
        """One at a time, as long as the mood is for it."""
        if mood.runaway is None or self._runaway is not None:
            return None
        self._number += 1
        self._runaway = _Run(RUNAWAYS[mood.runaway](f"s{self._number}", self._rng))
        return self._runaway

    def _resume(self, run: _Run, at: float) -> Call | None:
        try:
            need = next(run.flow)
        except StopIteration:
            self._end(run, at)
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

    def _end(self, run: _Run, at: float) -> None:
        parent = run.parent
        if parent is not None:
            parent.children -= 1
            if parent.children == 0:
                self._at(at, parent)
        self.sessions_finished += run.planned
        if run is self._runaway:
            self._runaway = None

    def _start_next(self, source: _Source, at: float) -> None:
        if source is _Source.RUNAWAYS:
            self._at(at + LOOK, source)
            return
        rate = self._rate(source, self._story.mood(at))
        wait = self._rng.expovariate(rate / 60) if rate else 30.0  # look again: the mood may change
        self._at(at + wait, source)

    def _rate(self, source: _Source, mood: Mood) -> float:
        return mood.loose_agents_per_minute if source is _Source.LOOSE_AGENTS else mood.sessions_per_minute

    def _at(self, at: float, due: _Run | _Source) -> None:
        self._order += 1
        heappush(self._due, (at, self._order, due))
