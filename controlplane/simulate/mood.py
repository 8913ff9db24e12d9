"""How the simulated world behaves at a moment: how many sessions and agents start, and what goes wrong with them."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

MOMENT = timedelta(seconds=15)
"""Long enough for one session to get out of hand, too short for a second one."""


class Runaway(StrEnum):
    """How a session gets out of hand."""

    STORM = "storm"
    """It starts far more agents at once than anybody meant."""
    LOOP = "loop"
    """One of its agents calls again and again and never finds what it looks for."""


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
    runaway: Runaway | None = None
    """One session is out of hand; when it is over the next one begins, as long as the mood lasts."""


class Story(Protocol):
    """What the world is like when."""

    def mood(self, at: float) -> Mood:
        """At ``at`` seconds from the start."""
        ...
