"""How far a deployment has come on the way others went before it, and what the next stage lacks.

Four stages: one agent that proves its value; two layers with prefix caching; elastic and observable; hardened. A stage
is reached when everything of it, and of the stages before, is there. What cannot be seen counts neither way.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen of a deployment; ``None`` where it could not be looked at."""

    engines: bool | None = None
    """An engine is scraped."""
    router: bool | None = None
    """A router's metrics are there: agents and models are two layers."""
    prefix_cache: bool | None = None
    """Engines look prompts up in a prefix cache."""
    scaled: bool | None = None
    """Every role that may grow has a ScaledObject."""
    gpus: bool | None = None
    """GPUs are measured."""
    cost: bool | None = None
    """Cost per token is recorded."""
    alerts: bool | None = None
    """Our alerts are loaded."""
    sessions: bool | None = None
    """Sessions are watched for runaways."""
    budget: bool | None = None
    """A limit of dollars per hour is set."""
    sound: bool | None = None
    """The doctor found nothing critical."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that belongs to a stage."""

    seen: str
    """Field of :class:`Sight`."""
    lacking: str
    """What to do about it, as an instruction."""


STAGES: tuple[tuple[str, tuple[Step, ...]], ...] = (
    ("one agent proves its value", (Step(seen="engines", lacking="scrape an engine"),)),
    (
        "two layers, prefix caching everywhere",
        (
            Step(seen="router", lacking="put a router between agents and models, and scrape it"),
            Step(seen="prefix_cache", lacking="turn prefix caching on"),
        ),
    ),
    (
        "elastic and observable",
        (
            Step(seen="scaled", lacking="scale every role that may grow by a ScaledObject"),
            Step(seen="gpus", lacking="scrape the DCGM exporter"),
            Step(seen="cost", lacking="load the rules that record cost per token"),
            Step(seen="alerts", lacking="load the alerts"),
        ),
    ),
    (
        "hardened",
        (
            Step(seen="sessions", lacking="watch sessions (sessions: in fleet.yaml)"),
            Step(seen="budget", lacking="set a budget (budget: in fleet.yaml)"),
            Step(seen="sound", lacking="cure what is critical in this report"),
        ),
    ),
)
"""In their order; the words of what each is."""


def reached(sight: Sight) -> int:
    """The highest stage of which nothing, and of those before it nothing, is known to lack; 0 when none is seen."""
    stage = 0
    for number, (_, steps) in enumerate(STAGES, 1):
        have = [getattr(sight, step.seen) for step in steps]
        if False in have or True not in have:
            return stage
        stage = number
    return stage


def lacking(sight: Sight) -> tuple[str, ...]:
    """What the next stage lacks; empty at the last one."""
    stage = reached(sight)
    if stage == len(STAGES):
        return ()
    return tuple(step.lacking for step in STAGES[stage][1] if getattr(sight, step.seen) is not True)


def words(sight: Sight) -> str:
    """Where it stands, in a sentence."""
    stage, lacks = reached(sight), lacking(sight)
    here = f"stage {stage} of {len(STAGES)}" + (f": {STAGES[stage - 1][0]}" if stage else "")
    return here + (f"; for stage {stage + 1}, {STAGES[stage][0]}: {_list(lacks)}" if lacks else "")


def _list(parts: Sequence[str]) -> str:
    return "; ".join(parts)
