"""A call that has its answer, as the router in front of the fleet knows it: who asked, for what, when, how much.

Whose it is stands in the name of its request: "s12" is a session's planner, "s12.0.3" the fourth agent it started in
its first turn, "s12.0.3.5f2a" a text that agent had embedded. "a7" is an agent that no planner started.
"""

from dataclasses import dataclass

from controlplane.simulate.replica import Request

TEAMS = (("team-a", "Team A"), ("team-b", "Team B"))
LOOSE = ("team-c", "Team C")
"""Whose agents run without a planner."""
PLANNER = "orchestrator"
"""What a session's planner calls itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answered call. Instants are seconds since the simulation's start."""

    number: int
    """Of all answers, in order."""
    session: str
    agent: str
    parent: str
    """The agent that started that one; empty: nobody did."""
    team: str
    team_alias: str
    asked: str
    """The role asked for, whichever pools served it."""
    begun: float
    first_token: float
    ended: float
    prompt: int
    """Tokens of the prompt, the cached ones included."""
    cached: int
    output: int
    """0 for embeddings and scores."""


def answer_to(request: Request, asked: str, number: int) -> Answer:
    """What the router knows once ``request`` is finished."""
    root, *way = request.session.split(".")
    loose = root.startswith("a")
    team, alias = team_of(root)
    agent = f"worker-{'.'.join(way[:2])}" if way and not loose else "worker" if loose else PLANNER
    return Answer(
        number=number,
        session=root,
        agent=agent,
        parent=PLANNER if way and not loose else "",
        team=team,
        team_alias=alias,
        asked=asked,
        begun=request.called,
        first_token=request.finished if request.first_token is None else request.first_token,
        ended=request.finished,
        prompt=request.prompt,
        cached=request.found,
        output=request.output,
    )


def team_of(root: str) -> tuple[str, str]:
    """Whose session it is: by its number; agents without a planner are one team's."""
    return LOOSE if root.startswith("a") else TEAMS[int(root[1:]) % len(TEAMS)]
