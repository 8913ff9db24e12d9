"""Advice is shown, never written: there is no object to patch, or no field that would help."""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.recommendation import Kind
from controlplane.recommend.patches import ADVICE_KIND


@dataclass(frozen=True, slots=True, kw_only=True)
class Patchable:
    """Objects when nothing can be written. It cannot be configured away."""

    id: ClassVar[str] = "patchable"

    def check(self, case: Case) -> Check:
        patch, spec = case.recommendation.patch, case.role.spec
        if not patch.fields:
            return objection(self.id, "no field to change: this needs a person, not a patch", "0 fields")
        if patch.target.kind == ADVICE_KIND:
            if case.recommendation.kind is Kind.ENGINE_FLAGS and spec.workload is None:
                return objection(self.id, f"nothing to patch: add workload to the role {spec.name}")
            if case.recommendation.kind is not Kind.ENGINE_FLAGS and spec.scaled_object is None:
                return objection(self.id, f"nothing to patch: add scaled_object to the role {spec.name}")
            return objection(self.id, "fleet.yaml is yours to change: we never write it")
        return fine(self.id, f"writes {patch.target}", f"{len(patch.fields)} fields")
