"""Which rights the hands lack, by what became of their last changes: a problem that stands until one is let through."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controlplane.model.change import ChangeRecord, ChangeState
from controlplane.model.keys import ObjectRef
from controlplane.model.right import Right

REMEMBERED = timedelta(days=7)
"""How long a refusal is held up to people when nothing was tried since. A week: each shift has seen it once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """A right without which changes of an object are refused."""

    target: ObjectRef
    """What could not be changed."""
    right: Right
    said: str
    """The newest refusal, with what gives the right."""
    since: datetime
    last: datetime
    times: int
    """Changes that were refused for it."""


def lacking(records: Iterable[ChangeRecord], now: datetime) -> tuple[Lacking, ...]:
    """What is missing now, by object.

    A change that was rehearsed, or one of the same fields that was made elsewhere since, shows that nothing is.
    """
    told = [(record.receipt, record.change) for record in records if record.receipt]
    found: dict[ObjectRef, tuple[Lacking, frozenset[str]]] = {}
    for receipt, change in sorted(told, key=lambda pair: (pair[0].at, pair[1].id)):
        target, fields = change.patch.target, frozenset(field.path for field in change.patch.fields)
        before = found.get(target)
        if receipt.lacks is not None:
            one = Lacking(
                target=target, right=receipt.lacks, said=receipt.said, since=receipt.at, last=receipt.at, times=1
            )
            if before is not None:
                one = replace(one, since=before[0].since, times=before[0].times + 1)
            found[target] = one, fields
        elif before is not None and (change.bound is not None or (_elsewhere(receipt.state) and fields & before[1])):
            del found[target]
    kept = (one for one, _ in found.values() if now - one.last <= REMEMBERED)
    return tuple(sorted(kept, key=lambda one: (one.since, one.target)))


def _elsewhere(state: ChangeState) -> bool:
    """Made without the API server: the hands are others than those that were refused."""
    return state in (ChangeState.APPLIED, ChangeState.DRY_RUN)
