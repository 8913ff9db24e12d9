"""Think a stored decision again from what it was made of, and get the same answer."""

from controlplane.loop.policy import policy_from_text
from controlplane.loop.ports import Kept
from controlplane.loop.walk import think
from controlplane.model.cycle import Cycle


def replay(kept: Kept) -> Cycle:
    """The pure part of that tick, anew.

    Its ``decisions`` equal ``kept.decisions`` unless this version thinks otherwise than the one that decided.

    Raises:
        NotFoundError: the policy names a detector, recommender or guardrail this version does not have.
    """
    return think(kept.fleet, kept.past, policy_from_text(kept.policy), kept.decision.at, _no_lap)


def _no_lap(step: str) -> None:
    """Nobody times a replay."""
