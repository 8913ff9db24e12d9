"""What the ledger knows of proposals nobody carried out: whole walks give the right words, and reading is bounded."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select

from controlplane.estimate.beliefs import estimate
from controlplane.loop.shadow import shadow_of
from controlplane.model.cycle import Cycle
from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading
from controlplane.model.recommendation import State
from controlplane.model.role import Bounds, Mode
from controlplane.model.shadow import Shadowed, Word, stretch
from controlplane.store.ledger import Ledger
from controlplane.store.shadow import witness
from controlplane.store.shadow_bounds import BOUNDS_SEEN, bounds_of
from controlplane.store.tables import audit, beliefs
from tests.builders import CALM, NOON, PLANNER, a_cycle, a_finding, a_fleet, a_patch, a_recommendation, a_role
from tests.scenarios.stage import Pool, Readings, Stage
from tests.store.steps import POLICY, at, keep, tick
from tests.store.test_walks import on_stage

MINUTE = timedelta(minutes=1)


# --- whole walks of a role that is only looked at


class Traffic:
    """More than the role can take, until it ends."""

    ends: datetime | None = None

    def __call__(self, pool: Pool, now: datetime) -> Readings:
        many = self.ends is None or now < self.ends
        return {**CALM, "waiting": 18.0, "waiting_per_replica": 9.0} if many else CALM


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
def watched(ledger: Ledger, traffic: Traffic) -> Stage:
    """A role in mode observe whose autoscaler may not run more than the two it has, right after the first proposal."""
    stage = on_stage(ledger, traffic, Mode.OBSERVE)
    stage.pool.bounds = Bounds(min=2, max=2)
    stage.until(lambda cycle: bool(cycle.decisions), 10 * MINUTE)
    return stage


def proposal(ledger: Ledger, now: datetime) -> Shadowed:
    """What became of the first proposal: let it grow."""
    return shadow_of(ledger, PLANNER, now).proposals[-1]


def to_the_end(ledger: Ledger, stage: Stage) -> Shadowed:
    """Walk until the first proposal would have helped."""
    stage.play(proposal(ledger, stage.now).due - stage.now + MINUTE)
    return proposal(ledger, stage.now)


def test_a_queue_that_lasts_makes_it_needed(ledger: Ledger, watched: Stage) -> None:
    early = proposal(ledger, watched.now)
    assert (early.recommendation.title, early.word) == ("Let planner grow to 3 replicas", Word.NOT_KNOWN)
    assert "too early" in early.said
    said = to_the_end(ledger, watched)
    assert (said.word, said.state, said.asked) == (Word.NEEDED, State.OPEN, 1)


def test_a_queue_that_goes_away_passed_by_itself(ledger: Ledger, watched: Stage, traffic: Traffic) -> None:
    traffic.ends = watched.now + 3 * MINUTE
    said = to_the_end(ledger, watched)
    assert (said.word, said.state) == (Word.PASSED, State.EXPIRED)


def test_somebody_raises_the_most_and_did_it(ledger: Ledger, watched: Stage) -> None:
    watched.play(2 * MINUTE)
    watched.pool.bounds = Bounds(min=2, max=4)
    watched.play(MINUTE)
    said = proposal(ledger, watched.now)
    assert said.word is Word.SOMEBODY_DID
    assert "the most replicas became 4 (proposed: 3)" in said.said
    assert to_the_end(ledger, watched).word is Word.SOMEBODY_DID


def test_a_role_that_goes_dark_gives_no_word(ledger: Ledger, watched: Stage) -> None:
    watched.play(2 * MINUTE)
    watched.pool.dark = True
    assert to_the_end(ledger, watched).word is Word.NOT_KNOWN
    watched.play(5 * MINUTE)
    said = proposal(ledger, watched.now)
    assert said.word is Word.NOT_KNOWN
    assert "nobody looked" in said.said
    watched.pool.dark = False
    watched.play(10 * MINUTE)
    assert proposal(ledger, watched.now).word is Word.NOT_KNOWN, "who looks again later has not looked then"


def test_a_dismissal_is_held_against_what_happened(ledger: Ledger, watched: Stage) -> None:
    (record,) = ledger.recommendations()
    ledger.dismiss(record.recommendation.id, record.version, "ada", "the batch ends soon", watched.now)
    said = to_the_end(ledger, watched)
    assert (said.word, said.by, said.reason) == (Word.NEEDED, "ada", "the batch ends soon")


def test_the_words_outlive_the_ticks_they_came_from(ledger: Ledger, watched: Stage) -> None:
    """Means stand for the ticks that have been thrown away."""
    said = to_the_end(ledger, watched)
    watched.play(10 * MINUTE)
    later = said.due + timedelta(days=5)
    ledger.rollup(watched.now)
    ledger.prune(later)
    assert proposal(ledger, later).word is Word.NEEDED


# --- what is read, and how much of it


def a_tick(number: int, **happened: object) -> Cycle:
    """A tick at which the readings of a queue are known."""
    fleet = a_fleet(a_role(at=at(number), waiting_per_replica=9.0))
    return replace(tick(number, **happened), fleet=fleet)  # type: ignore[arg-type]


def test_nothing_is_known_of_a_role_nobody_knows(ledger: Ledger) -> None:
    seen = ledger.witness(RoleName("ghost"), NOON, at(4))
    assert (seen.proposals, seen.findings, seen.changes, seen.bounds, dict(seen.looks)) == ((), (), (), (), {})


def test_proposals_are_those_that_were_seen_in_that_time(ledger: Ledger) -> None:
    first, second = a_recommendation(), a_recommendation(patch=a_patch(after=4))
    keep(ledger, a_tick(0, proposals=[first]))
    keep(ledger, a_tick(9, proposals=[second]))
    keep(ledger, a_tick(10, proposals=[second]))

    def seen(begin: int, end: int) -> list[str]:
        return [p.recommendation.id for p in ledger.witness(PLANNER, at(begin), at(end)).proposals]

    assert seen(0, 20) == [second.id, first.id]
    assert seen(10, 20) == [second.id]
    assert seen(0, 8) == [first.id]
    assert seen(11, 20) == []


def test_a_look_is_what_was_known_within_five_minutes_before_and_after_the_means_are_made(ledger: Ledger) -> None:
    proposal = a_recommendation()
    keep(ledger, a_tick(0, proposals=[proposal], findings=(a_finding(),)))
    for number in (40, 60):  # due at tick 40, ten minutes later
        keep(ledger, a_tick(number))
    begin = stretch(at(40))
    looks = ledger.witness(PLANNER, NOON, at(60)).looks
    assert looks.keys() == {begin}
    assert Reading.WAITING_PER_REPLICA in looks[begin] and Reading.TTFT_P95 not in looks[begin]
    ledger.rollup(at(60))
    assert ledger.witness(PLANNER, NOON, at(60)).looks == looks
    assert ledger.witness(PLANNER, NOON, at(39)).looks == {}, "that time is still to come"


def test_no_more_proposals_are_read_than_can_be_shown(ledger: Ledger) -> None:
    keep(ledger, a_tick(0, findings=(a_finding(),)))
    for number in range(1, 4):
        keep(ledger, a_tick(number, findings=(a_finding(),), proposals=[a_recommendation(patch=a_patch(after=number))]))
    with ledger._database.read() as connection:
        seen = witness(connection, ledger._packing, PLANNER, NOON, at(9), most=2)
    assert [p.opened for p in seen.proposals] == [at(3), at(2)]
    assert seen.cut
    assert not ledger.witness(PLANNER, NOON, at(9)).cut


# --- the bounds over time


def walk(ledger: Ledger, *states: tuple[int, int] | None, start: int = 0) -> None:
    """One tick a minute, with these bounds seen."""
    for number, bounds in enumerate(states, start):
        now = NOON + number * MINUTE
        past = ledger.recall(now)
        view = replace(a_role(at=now), bounds=None if bounds is None else Bounds(min=bounds[0], max=bounds[1]))
        cycle = a_cycle(a_fleet(view))
        ledger.keep(replace(cycle, beliefs=estimate(cycle.fleet, past.beliefs)), past, POLICY)


def course(ledger: Ledger, since: float = 0) -> list[tuple[float, tuple[int, int] | None]]:
    """Minutes after noon, and the bounds from then on."""
    with ledger._database.read() as connection:
        states = bounds_of(connection, PLANNER, NOON + since * MINUTE)
    return [((s.since - NOON) / MINUTE, None if s.bounds is None else (s.bounds.min, s.bounds.max)) for s in states]


def lines(ledger: Ledger) -> int:
    """Audit lines about bounds."""
    with ledger._database.read() as connection:
        return len(connection.execute(select(audit.c.seq).where(audit.c.what == BOUNDS_SEEN)).all())


def test_bounds_are_known_from_when_they_were_first_seen(ledger: Ledger) -> None:
    walk(ledger, None, None, (2, 4), (2, 4))
    assert course(ledger) == [(2, (2, 4))]
    assert lines(ledger) == 1


def test_every_change_of_the_bounds_is_known_with_when_it_was_seen(ledger: Ledger) -> None:
    walk(ledger, (2, 4), (2, 4), (2, 6), (3, 6), (3, 6))
    assert course(ledger) == [(0, (2, 4)), (2, (2, 6)), (3, (3, 6))]
    assert lines(ledger) == 3
    assert ledger.verify_audit() is None


def test_what_was_in_force_at_the_beginning_is_known_without_older_lines(ledger: Ledger) -> None:
    walk(ledger, (2, 4), (2, 4), (2, 6))
    assert course(ledger, since=1) == [(0, (2, 4)), (2, (2, 6))], "a line says what was before"
    assert course(ledger, since=3) == [(2, (2, 6))], "beliefs say what is: so does a ledger from before the lines"


def test_bounds_that_are_out_of_sight_are_a_gap_while_it_lasts_and_afterwards(ledger: Ledger) -> None:
    walk(ledger, (2, 4), *[None] * 6)
    assert course(ledger) == [(0, (2, 4)), (1, None)]
    walk(ledger, (2, 4), (2, 6), start=7)
    assert course(ledger) == [(0, (2, 4)), (1, None), (7, (2, 4)), (8, (2, 6))]


def test_a_short_gap_with_the_same_bounds_on_both_sides_says_nothing(ledger: Ledger) -> None:
    walk(ledger, *[(2, 4), None] * 20, (2, 4))
    assert course(ledger) == [(0, (2, 4))]
    assert lines(ledger) == 1, "a flickering source does not fill the audit"


def test_a_change_behind_a_short_gap_shows_the_gap(ledger: Ledger) -> None:
    walk(ledger, (2, 4), None, (2, 6))
    assert course(ledger) == [(0, (2, 4)), (1, None), (2, (2, 6))]


def test_a_role_that_was_gone_begins_anew(ledger: Ledger) -> None:
    walk(ledger, (2, 4))
    with ledger._database.write() as connection:
        connection.execute(delete(beliefs))
    walk(ledger, (2, 6), start=5)
    assert course(ledger) == [(5, (2, 6))], "nobody knows when it changed"
