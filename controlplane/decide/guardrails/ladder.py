"""How far the role is trusted: look only, ask a person, or act within the other guardrails."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.recommendation import Kind
from controlplane.model.role import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Objects by the role's ``mode``. It cannot be configured away."""

    id: ClassVar[str] = "mode"

    restarts: bool = False
    """Whether mode ``apply`` covers engine flags, which restart every replica. By default a person decides."""

    def check(self, case: Case) -> Check:
        mode = case.role.spec.mode
        if mode is Mode.OBSERVE:
            return objection(self.id, "mode is observe: look only", mode.value)
        if mode is Mode.PROPOSE:
            return objection(self.id, "mode is propose: a person approves", mode.value, answerable=True)
        if case.recommendation.kind is Kind.ENGINE_FLAGS and not self.restarts:
            return objection(
                self.id, "an engine flag restarts every replica: a person approves", mode.value, answerable=True
            )
        return fine(self.id, "mode is apply", mode.value)
