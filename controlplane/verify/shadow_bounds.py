"""Whether the bounds in the cluster came to what was proposed, and by whose hand.

Bounds show what became of a proposal to raise or lower them, in the object or in fleet.yaml; nothing shows what
became of an engine flag or of advice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.decide.guardrail import LEAST_PATH, MOST_PATH, UNNAMED
from controlplane.model.change import ChangeRecord
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.role import Bounds
from controlplane.model.shadow import InForce

_LEAST = (LEAST_PATH, "/replicas/min")
_MOST = (MOST_PATH, "/replicas/max")
"""In the object, and in fleet.yaml: a floor or ceiling that a person moves there comes to the cluster, too."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The bounds a patch asks for."""

    patch: Patch

    @property
    def visible(self) -> bool:
        """Whether all of it shows in the bounds."""
        return bool(self.patch.fields) and all(_numbers(f) is not None for f in self.patch.fields)

    def met(self, bounds: Bounds) -> bool:
        """Whether every field has the proposed value, or one beyond it in the same direction."""
        return self.visible and all(_beyond(f, _value(f, bounds)) for f in self.patch.fields)

    def words(self, bounds: Bounds | None) -> str:
        """``the most replicas became 8 (proposed: 6)``."""
        assert bounds is not None
        said = []
        for field in self.patch.fields:
            name = "least" if field.path in _LEAST else "most"
            said.append(f"the {name} replicas became {_value(field, bounds)} (proposed: {_after(field)})")
        return " and ".join(said)

    def asked_for_by(self, changes: Sequence[ChangeRecord], state: InForce) -> bool:
        """Whether an earlier change of ours asked for this value, or for enough: it may be ours, merged late."""
        return any(
            c.change.at <= state.since and _enough(f, mine, state.bounds)
            for c in changes
            for mine in c.change.patch.fields
            for f in self.patch.fields
        )


@dataclass(frozen=True, slots=True)
class Course:
    """The bounds in the cluster over time, oldest first."""

    states: Sequence[InForce]

    def reached(self, goal: Goal, begin: datetime, end: datetime) -> InForce | None:
        """The state by which the goal was met in this time; ``None`` when that is not known to have happened.

        Bounds that were out of sight when it was proposed may have changed before.
        """
        before = self._at(begin)
        if before is None or before.bounds is None or goal.met(before.bounds):
            return None
        return next(
            (s for s in self.states if begin < s.since <= end and s.bounds is not None and goal.met(s.bounds)), None
        )

    def between(self, begin: datetime, end: datetime) -> list[InForce]:
        """States from ``begin`` to ``end``; empty when what was in force at ``begin`` is not known."""
        before = self._at(begin)
        return [] if before is None else [before, *(s for s in self.states if begin < s.since <= end)]

    def _at(self, at: datetime) -> InForce | None:
        return next((s for s in reversed(self.states) if s.since <= at), None)


def _numbers(field: FieldChange) -> tuple[int, int] | None:
    """Before and after of a bound; ``None`` for any other field."""
    if field.path not in (*_LEAST, *_MOST):
        return None
    before, after = (UNNAMED.get(field.path) if v is None else v for v in (field.before, field.after))
    return (before, after) if isinstance(before, int) and isinstance(after, int) else None


def _after(field: FieldChange) -> int | None:
    numbers = _numbers(field)
    return None if numbers is None else numbers[1]


def _value(field: FieldChange, bounds: Bounds) -> int:
    return bounds.min if field.path in _LEAST else bounds.max


def _beyond(field: FieldChange, value: int) -> bool:
    """Whether a value is what the field should have, or beyond it in the same direction."""
    numbers = _numbers(field)
    if numbers is None:
        return False
    before, after = numbers
    return value >= after if after > before else value <= after


def _enough(field: FieldChange, mine: FieldChange, bounds: Bounds | None) -> bool:
    """Whether our change is about the same bound and asked for the value it has, or for what ``field`` asks for."""
    asked = _after(mine)
    if bounds is None or asked is None or (field.path in _LEAST) != (mine.path in _LEAST):
        return False
    return asked == _value(mine, bounds) or _beyond(field, asked)
