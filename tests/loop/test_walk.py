"""Acting and sweeping up: intent first, never twice, never against the kill switch, never too late."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controlplane.errors import ActError
from controlplane.loop.ports import Hands
from controlplane.loop.walk import World, act, look_after, sweep
from controlplane.model.change import Change, ChangeRecord, ChangeState, Receipt, Rehearsal
from controlplane.model.cycle import Cycle, Recollection, Stop
from controlplane.model.decision import Verdict
from controlplane.model.sighting import Sighting
from tests.builders import (
    NOON,
    a_change,
    a_change_record,
    a_decision,
    a_patch,
    a_receipt,
    a_recollection,
    a_recommendation,
)


@dataclass
class Diary(Hands):
    """Everything that happened, in order, to the ledger and to the hands alike."""

    refuses: bool = False
    open: tuple[Change, ...] = ()
    past: Recollection = field(default_factory=a_recollection)
    in_effect: bool = False
    lines: list[str] = field(default_factory=list)

    def recall(self, now: object) -> Recollection:
        return self.past

    def intend(self, change: Change) -> bool:
        self.lines.append(f"intend {change.id}")
        return not self.refuses

    def keep(self, cycle: Cycle, past: Recollection, policy: str) -> None:
        self.lines.append("keep")

    def unsettled(self) -> tuple[Change, ...]:
        return self.open

    def settle(self, receipt: Receipt) -> None:
        self.lines.append(f"settle {receipt.state}")

    def apply(self, change: Change) -> Receipt:
        self.lines.append(f"apply {change.id}")
        return a_receipt(change)

    def look_up(self, change: Change) -> Receipt | None:
        return a_receipt(change) if self.in_effect else None

    def look(self, now: object) -> Sighting:
        return Sighting(at=NOON)

    @property
    def world(self) -> World:
        return World(eyes=self, hands=self, memory=self)


def test_the_intent_is_durable_before_the_effect():
    diary = Diary()
    decision = a_decision(verdict=Verdict.APPLY, approved_by="ada")
    (receipt,) = act(diary.world, [decision], NOON)
    assert diary.lines == [f"intend chg-{decision.id}", f"apply chg-{decision.id}"]
    assert receipt.state is ChangeState.APPLIED


def test_what_the_ledger_refuses_is_not_sent():
    diary = Diary(refuses=True)
    assert act(diary.world, [a_decision(verdict=Verdict.APPLY)], NOON) == ()
    assert len(diary.lines) == 1


def test_only_what_was_decided_to_apply_is_applied():
    diary = Diary()
    assert act(diary.world, [a_decision(verdict=Verdict.ASK), a_decision(verdict=Verdict.HOLD)], NOON) == ()
    assert diary.lines == []


def swept(diary: Diary, late: timedelta = timedelta(minutes=1)) -> tuple[list[str], ChangeState]:
    (receipt,) = sweep(diary.world, NOON + late)
    return diary.lines, receipt.state


def test_an_intent_that_took_effect_is_written_down_not_sent_again():
    assert swept(Diary(open=(a_change(),), in_effect=True)) == (["settle applied"], ChangeState.APPLIED)


def test_an_intent_that_was_never_sent_is_sent_with_the_same_id():
    lines, state = swept(Diary(open=(a_change(id_="chg-7"),)))
    assert (lines, state) == (["apply chg-7", "settle applied"], ChangeState.APPLIED)


def test_after_a_long_time_away_it_is_too_late_to_send():
    old = a_change(a_recommendation(good_for=timedelta(minutes=15)))
    assert swept(Diary(open=(old,)), timedelta(minutes=16)) == (["settle refused"], ChangeState.REFUSED)


def test_what_cannot_be_looked_up_now_stays_open():
    @dataclass
    class Blind(Diary):
        def look_up(self, change: Change) -> Receipt | None:
            raise ActError("no answer")

    diary = Blind(open=(a_change(),))
    assert sweep(diary.world, NOON) == ()
    assert diary.lines == []


def test_what_is_refused_the_second_time_is_given_up_for_good_before_it_counts_as_not_sent():
    @dataclass
    class Shut(Diary):
        def apply(self, change: Change) -> Receipt:
            return a_receipt(change, ChangeState.REFUSED)

        def abandon(self, change: Change, why: str, at: datetime) -> Receipt | None:
            self.lines.append(f"abandon {change.id}")
            return None

    diary = Shut(open=(a_change(id_="chg-7"),))
    assert sweep(diary.world, NOON) == ()
    assert diary.lines == ["abandon chg-7"]


def test_the_rehearsal_comes_before_the_intent_and_what_it_refuses_is_written_down_and_not_sent():
    @dataclass
    class Careful(Diary):
        def rehearse(self, change: Change) -> Rehearsal:
            self.lines.append("rehearse")
            return Rehearsal(change=change, refusal=a_receipt(change, ChangeState.FAILED, "denied"))

    diary = Careful()
    (receipt,) = act(diary.world, [a_decision(verdict=Verdict.APPLY, approved_by="ada")], NOON)
    assert [line.split()[0] for line in diary.lines] == ["rehearse", "intend"]
    assert receipt.said == "denied"


@dataclass
class Watching(Diary):
    """Hands that see everything changed back."""

    def reverted(self, change: Change) -> Receipt | None:
        self.lines.append(f"look at {change.id}")
        return a_receipt(change, ChangeState.REVERTED)


def done(id_: str, state: ChangeState = ChangeState.APPLIED, path: str = "/spec/maxReplicaCount") -> ChangeRecord:
    return a_change_record(a_change(a_recommendation(patch=a_patch(path, 4, 6)), id_=id_), state)


def test_of_several_changes_of_a_field_the_newest_is_looked_after():
    diary = Watching()
    look_after(diary.world, [done("old"), done("other", path="/spec/minReplicaCount"), done("new")])
    assert diary.lines == ["look at new", "settle reverted", "look at other", "settle reverted"]


def test_a_change_that_was_never_made_leaves_the_one_before_looked_after():
    diary = Watching()
    look_after(diary.world, [done("old"), done("new", ChangeState.FAILED)])
    assert diary.lines[0] == "look at old"


def test_while_a_change_is_open_nothing_is_said_about_the_one_before():
    diary = Watching()
    look_after(diary.world, [done("old"), done("new", ChangeState.UNKNOWN)])
    assert diary.lines == []


def test_the_kill_switch_holds_for_what_a_crash_left_open_too():
    stopped = replace(a_recollection(), stop=Stop(by="bob", at=NOON, reason="incident"))
    assert swept(Diary(open=(a_change(),), past=stopped)) == (["settle refused"], ChangeState.REFUSED)
