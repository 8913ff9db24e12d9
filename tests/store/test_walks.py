"""Whole walks over the real ledger: what it keeps is enough to walk on, and to think every decision again."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from controlplane.cli.main import main
from controlplane.loop.replay import replay
from controlplane.loop.walk import World
from controlplane.model.change import Change, OutcomeState, Receipt
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.decision import Verdict
from controlplane.model.recommendation import State
from controlplane.model.role import Bounds, Mode
from controlplane.store.ledger import Ledger, open_ledger
from controlplane.store.tables import policies
from tests.builders import CALM, IDLE, a_spec
from tests.scenarios.stage import Pool, Readings, Stage
from tests.store.notes import one_note_each

MINUTE = timedelta(minutes=1)


def full_cache(pool: Pool, now: datetime) -> Readings:
    if pool.flags and now >= pool.started:
        return {**CALM, "kv_usage": 0.5, "kv_usage_max": 0.55}
    return {**CALM, "kv_usage": 0.95, "kv_usage_max": 0.98, "waiting": 3.0, "waiting_per_replica": 1.5}


def idle_but_needed(pool: Pool, now: datetime) -> Readings:
    return {**CALM, **IDLE} if pool.ready >= 2 else {**CALM, "ttft_p95": 6.0, "gpu_activity": 0.9}


@dataclass
class Book:
    """The real ledger where the stage expects its notebook."""

    ledger: Ledger
    cycles: list[Cycle] = field(default_factory=list)

    @property
    def past(self) -> Recollection:
        return self.ledger.recall(self.cycles[-1].at)

    def recall(self, now: datetime) -> Recollection:
        return self.ledger.recall(now)

    def intend(self, change: Change) -> bool:
        return self.ledger.intend(change)

    def keep(self, cycle: Cycle, past: Recollection, policy: str) -> None:
        self.ledger.keep(cycle, past, policy)
        self.cycles.append(cycle)

    def unsettled(self) -> tuple[Change, ...]:
        return self.ledger.unsettled()

    def settle(self, receipt: Receipt) -> None:
        self.ledger.settle(receipt)


def on_stage(ledger: Ledger, readings: object, mode: Mode) -> Stage:
    pool = Pool(spec=a_spec(mode=mode), readings=readings, bounds=Bounds(min=2, max=8), ready=2)  # type: ignore[arg-type]
    stage = Stage(pool)
    stage.memory = Book(ledger)  # type: ignore[assignment]
    stage.world = World(eyes=stage.world.eyes, hands=stage.hands, memory=Book(ledger))
    stage.world = replace(stage.world, memory=stage.memory)
    return stage


def asked(cycle: Cycle) -> bool:
    return any(d.verdict is Verdict.ASK for d in cycle.decisions)


@pytest.fixture
def approved(ledger: Ledger) -> Ledger:
    """A ledger in which KV pressure was found, proposed, approved by ada, applied and met."""
    stage = on_stage(ledger, full_cache, Mode.PROPOSE)
    cycle = stage.until(asked, 5 * MINUTE)
    id_ = cycle.decisions[0].recommendation_id
    record = ledger.recommendation(id_)
    assert record is not None
    ledger.approve(id_, record.version, "ada", stage.now)
    stage.until(lambda c: bool(c.outcomes), 60 * MINUTE)
    return ledger


def test_what_was_approved_is_applied_at_the_next_tick_and_judged(approved: Ledger) -> None:
    (record,) = approved.changes()
    assert record.change.approved_by == "ada"
    assert record.outcome is not None and record.outcome.state is OutcomeState.MET
    assert approved.findings(open_only=True) == ()
    assert [r.state for r in approved.recommendations()] == [State.APPLIED]
    assert approved.verify_audit() is None


def test_every_stored_decision_is_thought_again_with_the_same_answer(approved: Ledger) -> None:
    decisions = approved.decisions()
    assert {d.verdict for d in decisions} >= {Verdict.ASK, Verdict.APPLY}
    for decision in decisions:
        kept = approved.kept(decision.id)
        assert kept is not None
        assert replay(kept).decisions == kept.decisions


def test_harm_is_taken_back_and_the_ledger_remembers_both(ledger: Ledger) -> None:
    stage = on_stage(ledger, idle_but_needed, Mode.APPLY)
    stage.until(lambda _: len(ledger.changes()) == 2, 100 * MINUTE)
    taken_back, released = ledger.changes()
    assert released.outcome is not None and released.outcome.state is OutcomeState.WORSE
    assert taken_back.change.recommendation.undoes == released.change.id
    stage.play(90 * MINUTE)
    assert len(ledger.changes()) == 2
    for decision in ledger.decisions():
        kept = ledger.kept(decision.id)
        assert kept is not None
        assert replay(kept).decisions == kept.decisions


def test_a_restart_in_the_middle_changes_nothing_of_the_story(url: str) -> None:
    ledger = open_ledger(url, compose=one_note_each)
    stage = on_stage(ledger, full_cache, Mode.PROPOSE)
    stage.until(asked, 5 * MINUTE)
    ledger.close()
    ledger = open_ledger(url, compose=one_note_each)
    try:
        stage.memory = Book(ledger)  # type: ignore[assignment]
        stage.world = replace(stage.world, memory=stage.memory)
        stage.restart()
        stage.play(2 * MINUTE)
        assert [(f.finding.detector, f.number, f.closed) for f in ledger.findings()] == [("kv-pressure", 1, None)]
        assert [r.number for r in ledger.recommendations()] == [1]
    finally:
        ledger.close()


class Told:
    """A run of ``controlplane explain`` and what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *words: str) -> None:
        self.status = main(["explain", *words])
        printed = capsys.readouterr()
        self.out, self.err = printed.out, printed.err


@pytest.fixture
def explained(tmp_path: Path) -> Iterator[tuple[Ledger, str]]:
    url = f"sqlite:///{tmp_path / 'explained.db'}"
    ledger = open_ledger(url)
    stage = on_stage(ledger, full_cache, Mode.PROPOSE)
    stage.until(asked, 5 * MINUTE)
    yield ledger, url
    ledger.close()


def test_explain_says_why_and_that_it_would_decide_the_same_again(
    explained: tuple[Ledger, str], capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, url = explained
    (decision,) = ledger.decisions()
    for said in (decision.id, decision.recommendation_id, f"chg-{decision.id}"):
        told = Told(capsys, said, "--store", url)
        assert (told.status, told.err) == (0, "")
        assert "Store the KV cache of planner as FP8" in told.out
        assert "verdict  ask" in told.out
        assert "same answer" in told.out
        for check in decision.checks:
            assert check.guardrail in told.out
        for evidence in decision.recommendation.evidence:
            assert evidence.query in told.out, "a query can be copied whole"


def test_explain_shows_what_differs_when_the_policy_is_another(
    explained: tuple[Ledger, str], capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, url = explained
    (decision,) = ledger.decisions()
    with ledger._database.write() as connection:
        body = connection.scalar(policies.select().with_only_columns(policies.c.body))
        connection.execute(update(policies).values(body=str(body).replace('"newest":60.0', '"newest":-1.0')))
    told = Told(capsys, decision.id, "--store", url)
    assert told.status == 1
    assert "not the same answer" in told.out
    assert "verdict was ask, is hold" in told.out
    assert "check fresh-data was" in told.out


def test_explain_says_when_this_version_lacks_a_part(
    explained: tuple[Ledger, str], capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, url = explained
    with ledger._database.write() as connection:
        body = connection.scalar(policies.select().with_only_columns(policies.c.body))
        connection.execute(update(policies).values(body=str(body).replace("kv-pressure", "tea-leaves")))
    told = Told(capsys, ledger.decisions()[0].id, "--store", url)
    assert told.status == 1
    assert "tea-leaves" in told.out


def test_explain_of_what_is_not_there_is_one_clear_line(
    explained: tuple[Ledger, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, url = explained
    told = Told(capsys, "nothing", "--store", url)
    assert (told.status, told.err) == (2, "no decision, recommendation or change 'nothing' in this ledger\n")
    told = Told(capsys, "nothing", "--store", f"sqlite:///{tmp_path / 'absent.db'}")
    assert told.status == 2 and "there is no ledger" in told.err
    told = Told(capsys, "nothing", str(tmp_path / "absent.yaml"))
    assert told.status == 2 and "--store" in told.err


def test_explain_says_when_what_a_decision_was_made_from_is_gone(
    explained: tuple[Ledger, str], capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, url = explained
    (decision,) = ledger.decisions()
    ledger.prune(decision.at + timedelta(days=31))
    told = Told(capsys, decision.id, "--store", url)
    assert told.status == 2 and "too long ago" in told.err
