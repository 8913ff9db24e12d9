"""A missing right stands until a change of the object is let through, and is forgotten after a week without a try."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from controlplane.model.change import Bound, Change, ChangeRecord, ChangeState
from controlplane.model.keys import ObjectRef
from controlplane.model.patch import FieldChange
from controlplane.model.right import Right
from controlplane.verify.rights import REMEMBERED, Lacking, lacking
from tests.builders import NOON, a_change, a_patch, a_receipt, a_recommendation

RIGHT = Right(verb="patch", group="keda.sh", resource="scaledobjects", namespace="llm", name="planner")
MINUTE = timedelta(minutes=1)
BOUND = Bound(uid="u", generation=1)
SENT = a_patch()


def changed(minute: int, *, bound: Bound | None = None, field: str = "", name: str = "") -> Change:
    patch = replace(SENT, fields=(FieldChange(path=field, before=1, after=2),)) if field else SENT
    patch = replace(patch, target=ObjectRef("ScaledObject", "llm", name)) if name else patch
    return replace(a_change(a_recommendation(patch=patch), at=NOON + minute * MINUTE, id_=f"c{minute}"), bound=bound)


def told(minute: int, state: ChangeState, *, lacks: Right | None = None, **more: object) -> ChangeRecord:
    change = changed(minute, **more)  # type: ignore[arg-type]
    return ChangeRecord(change=change, receipt=replace(a_receipt(change, state, f"said {minute}"), lacks=lacks))


def refused(minute: int, **more: object) -> ChangeRecord:
    return told(minute, ChangeState.REFUSED, lacks=RIGHT, **more)


def at(*records: ChangeRecord, now: datetime = NOON + 60 * MINUTE) -> tuple[Lacking, ...]:
    return lacking(records, now)


def test_refusals_of_one_object_are_one_problem_since_the_first() -> None:
    (one,) = at(refused(9), refused(1), refused(4))
    assert (one.right, one.said, one.times) == (RIGHT, "said 9", 3)
    assert (one.since, one.last) == (NOON + MINUTE, NOON + 9 * MINUTE)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(told(2, ChangeState.APPLIED, bound=BOUND), id="written"),
        pytest.param(told(2, ChangeState.REFUSED, bound=BOUND), id="rehearsed, then stopped"),
        pytest.param(told(2, ChangeState.APPLIED), id="a patch file of the same fields: other hands"),
        pytest.param(told(2, ChangeState.DRY_RUN), id="a dry run of the same fields"),
    ],
)
def test_what_is_let_through_ends_it(after: ChangeRecord) -> None:
    assert at(refused(1), after) == ()
    assert len(at(refused(3), after)) == 1, "it was refused since"


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(told(2, ChangeState.REFUSED), id="stopped before it was rehearsed"),
        pytest.param(told(2, ChangeState.SUPERSEDED), id="moved before it was rehearsed"),
        pytest.param(told(2, ChangeState.APPLIED, field="/spec/triggers"), id="other fields go to a file anyway"),
        pytest.param(told(2, ChangeState.APPLIED, bound=BOUND, name="worker"), id="another object"),
        pytest.param(ChangeRecord(change=changed(2, bound=BOUND)), id="not told yet"),
    ],
)
def test_what_proves_nothing_leaves_it_standing(after: ChangeRecord) -> None:
    assert [one.last for one in at(refused(1), after)] == [NOON + MINUTE]


def test_an_old_refusal_is_forgotten() -> None:
    last = NOON + MINUTE
    assert len(at(refused(1), now=last + REMEMBERED)) == 1
    assert at(refused(1), now=last + REMEMBERED + MINUTE) == ()


def test_objects_stand_apart_the_oldest_first() -> None:
    found = at(refused(1, name="b"), refused(2, name="a"))
    assert [one.target.name for one in found] == ["b", "a"]
