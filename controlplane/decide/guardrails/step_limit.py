"""One step at a time, and look what it did before the next: small steps down, larger ones up."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import LEAST_PATH, MOST_PATH, Case, fine, number_of, objection
from controlplane.model.decision import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLimit:
    """Objects to a step in replicas that is larger than both a number and a share of what is there."""

    id: ClassVar[str] = "step-limit"

    up: int = 2
    """Replicas that may always be added at once."""

    up_share: float = 0.5
    """Share of the replicas that may be added at once, where that is more."""

    down: int = 1
    """Replicas that may always be taken away at once."""

    down_share: float = 0.2
    """Share of the replicas that may be taken away at once, where that is more."""

    def check(self, case: Case) -> Check:
        step, base = replica_step(case)
        if step == 0:
            return fine(self.id, "no replica more or less", "0")
        limit = max(self.up, int(self.up_share * base)) if step > 0 else max(self.down, int(self.down_share * base))
        number = f"{step:+d}, at most {'+' if step > 0 else '-'}{limit}"
        if abs(step) > limit:
            return objection(self.id, "too large a step at once", number, answerable=case.is_undo)
        return fine(self.id, "the step is small enough", number)


def replica_step(case: Case) -> tuple[int, int]:
    """How many replicas the patch adds at most (negative: takes away), and the number it starts from.

    A raised lower bound adds what is above the replicas that are there; a raised upper bound may add all of
    its growth. A lowered bound may take away all of its fall, an upper one only what is really there.
    """
    there = case.replicas
    step, base = 0, there or 0
    least, most = number_of(case.bound(LEAST_PATH)), number_of(case.bound(MOST_PATH))
    if least is not None:
        before, after = least
        start = before if there is None else max(before, there)
        step += max(0, after - start) if after > before else after - before
        base = max(base, before)
    if most is not None:
        before, after = most
        start = before if there is None else min(before, there)
        step += after - before if after > before else min(0, after - start)
        base = max(base, start)
    return step, base
