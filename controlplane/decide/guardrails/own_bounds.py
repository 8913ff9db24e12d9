"""Replicas stay within the floor and ceiling of fleet.yaml, and never below one.

These are a person's own bounds, kept outside the object that is patched.
"""

from dataclasses import dataclass
from typing import ClassVar

from controlplane.decide.guardrail import LEAST_PATH, MOST_PATH, UNNAMED, Case, fine, objection
from controlplane.model.decision import Check
from controlplane.model.patch import FieldChange, Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBounds:
    """Objects when a bound would leave the declared range, or the lower one pass the upper one."""

    id: ClassVar[str] = "own-bounds"

    def check(self, case: Case) -> Check:
        least, most = case.bound(LEAST_PATH), case.bound(MOST_PATH)
        if least is None and most is None:
            return fine(self.id, "no replica bound is touched")
        declared, in_force = case.role.spec.replicas, case.role.in_force
        floor, ceiling = max(1, declared.min), declared.max
        after_least = _after(least) if least else in_force.min
        after_most = _after(most) if most else in_force.max
        for field in (least, most):
            if field is None:
                continue
            after = _after(field)
            if type(after) is not int:
                return objection(self.id, f"{field.path} would be {after!r}, not a number", "no number")
            if not floor <= after <= ceiling:
                number = f"{after} not in {floor}…{ceiling}"
                words = "outside the floor and ceiling of fleet.yaml"
                return objection(self.id, words, number, answerable=field.after is None and case.is_undo)
        if isinstance(after_least, int) and isinstance(after_most, int) and after_least > after_most:
            return objection(self.id, "the least would be more than the most", f"{after_least} > {after_most}")
        return fine(
            self.id, "within the floor and ceiling of fleet.yaml", f"{after_least}…{after_most} in {floor}…{ceiling}"
        )


def _after(field: FieldChange) -> Scalar:
    """What is in force afterwards: a bound that an undo takes out of the object again leaves KEDA's own."""
    return UNNAMED.get(field.path) if field.after is None else field.after
