"""The kill switch right before the send, and hands that touch nothing."""

from pathlib import Path

from controlplane.act.dry_run import DryRun
from controlplane.act.gate import Gated, any_of, ledger_stop, stop_file
from controlplane.errors import StoreError
from controlplane.loop.ports import Hands
from controlplane.model.change import Change, ChangeState, Receipt
from controlplane.model.cycle import Stop
from controlplane.model.keys import ChangeId, DecisionId
from tests.act.still import Still
from tests.builders import NOON, a_recommendation


class Recording(Hands):
    """Hands that remember what they were asked to do."""

    def __init__(self) -> None:
        self.applied: list[str] = []

    def apply(self, change: Change) -> Receipt:
        self.applied.append(change.id)
        return Receipt(change=change.id, state=ChangeState.APPLIED, at=NOON, said="done")

    def look_up(self, change: Change) -> Receipt | None:
        return Receipt(change=change.id, state=ChangeState.APPLIED, at=NOON, said="found")


CHANGE = Change(id=ChangeId("chg-1"), decision=DecisionId("d"), recommendation=a_recommendation(), at=NOON)


def test_a_stop_file_that_appears_stops_the_very_next_send(tmp_path: Path) -> None:
    hands = Recording()
    gated = Gated(hands, stop_file(tmp_path / "stop"), clock=Still())
    assert gated.apply(CHANGE).state is ChangeState.APPLIED
    (tmp_path / "stop").write_text("incident 42\nmore")

    receipt = gated.apply(CHANGE)

    assert receipt.state is ChangeState.REFUSED
    assert receipt.said.endswith("is there: incident 42")
    assert hands.applied == ["chg-1"]


def test_an_empty_stop_file_stops_too(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    assert stop_file(tmp_path / "stop")() is not None


def test_a_stop_file_that_cannot_be_read_counts_as_stop(tmp_path: Path) -> None:
    (tmp_path / "stop").mkdir()
    why = stop_file(tmp_path / "stop")()
    assert why is not None
    assert "counts as stop" in why


def test_without_a_stop_file_nothing_is_stopped(tmp_path: Path) -> None:
    assert stop_file(None)() is None
    assert stop_file(tmp_path / "stop")() is None


def test_the_switch_on_the_pages_stops_with_its_reason_and_a_ledger_that_cannot_be_read_counts_as_stop() -> None:
    def gone() -> Stop | None:
        raise StoreError("the disk is on fire")

    assert ledger_stop(lambda: None)() is None
    assert ledger_stop(lambda: Stop(by="ada", at=NOON, reason="incident 7"))() == "stopped by ada: incident 7"
    why = ledger_stop(gone)()
    assert why is not None and "counts as stop: the disk is on fire" in why


def test_any_one_of_several_switches_suffices() -> None:
    assert any_of(lambda: None, lambda: "the budget is spent")() == "the budget is spent"
    assert any_of(lambda: None, lambda: None)() is None


def test_looking_up_is_allowed_while_stopped() -> None:
    assert Gated(Recording(), lambda: "stop", clock=Still()).look_up(CHANGE) is not None


def test_a_dry_run_says_the_exact_patch_and_was_never_sent() -> None:
    receipt = DryRun(Still()).apply(CHANGE)
    assert receipt.state is ChangeState.DRY_RUN
    assert "/spec/minReplicaCount 2 → 3" in receipt.said
    assert DryRun(Still()).look_up(CHANGE) is None
