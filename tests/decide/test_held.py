"""An object that somebody else holds is left alone for a day; one that must not be written, for longer each time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.decide.guardrails.held import Held
from controlplane.model.change import ChangeRecord, ChangeState
from controlplane.model.decision import Check
from tests.builders import NOON, a_change, a_change_record, a_patch, a_recollection, a_recommendation
from tests.decide.cases import a_case

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def ago(span: timedelta, state: ChangeState, name: str = "planner") -> ChangeRecord:
    change = a_change(a_recommendation(patch=a_patch(name=name)), at=NOON - span, id_=f"chg-{span}")
    record = a_change_record(change, state)
    assert record.receipt is not None
    return replace(record, receipt=replace(record.receipt, said="argocd-controller changed it"))


def checked(*records: ChangeRecord) -> Check:
    return Held().check(a_case(a_recommendation(), past=a_recollection(changes=records)))


def test_what_somebody_took_back_is_left_alone_for_a_day_whoever_approves():
    check = checked(ago(2 * HOUR, ChangeState.REVERTED))
    assert (check.passed, check.answerable, check.number) == (False, False, "2 h of 24 h")
    assert "argocd-controller changed it" in check.said
    assert checked(ago(24 * HOUR, ChangeState.REVERTED)).passed


def test_where_a_field_has_another_owner_a_person_may_still_ask_for_a_patch_file():
    check = checked(ago(2 * HOUR, ChangeState.CONFLICT))
    assert (check.passed, check.answerable) == (False, True)


@pytest.mark.parametrize(
    ("records", "held"),
    [
        pytest.param([ago(4 * MINUTE, ChangeState.REFUSED)], True, id="just refused"),
        pytest.param([ago(6 * MINUTE, ChangeState.REFUSED)], False, id="refused a while ago"),
        pytest.param(
            [ago(20 * MINUTE, ChangeState.REFUSED), ago(6 * MINUTE, ChangeState.REFUSED)], True, id="the second time"
        ),
        pytest.param(
            [ago(20 * MINUTE, ChangeState.REFUSED), ago(9 * MINUTE, ChangeState.APPLIED)], False, id="done since"
        ),
        pytest.param([ago(MINUTE, ChangeState.SUPERSEDED)], False, id="overtaken"),
        pytest.param([ago(MINUTE, ChangeState.REVERTED, "worker")], False, id="another object"),
        pytest.param([], False, id="nothing happened"),
    ],
)
def test_a_refusal_holds_for_longer_each_time(records: list[ChangeRecord], held: bool):
    assert checked(*records).passed is not held
