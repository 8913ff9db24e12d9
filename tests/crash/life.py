"""One life of a small service over the real ledger: it walks a fixed story, tells people, and may die at any point.

The story is a function of the tick's number and of what the ledger remembers, so a life that begins where the
last one died walks it on, and a ledger that lost or doubled nothing ends exactly like one that never died.
"""

import json
import os
import random
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select

from controlplane.errors import RefusedError
from controlplane.loop.ports import Hands
from controlplane.loop.walk import World, act, sweep
from controlplane.model.change import Change, ChangeState, Outcome, OutcomeState, Receipt
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.decision import Verdict
from controlplane.model.recommendation import State
from controlplane.notify.digest import Grouping
from controlplane.notify.notes import Composer
from controlplane.notify.voice import OutboxVoice
from controlplane.store.database import Database
from controlplane.store.ledger import Ledger, open_ledger
from controlplane.store.tables import cycles
from tests.builders import (
    STEP,
    a_cycle,
    a_decision,
    a_finding,
    a_fleet,
    a_recommendation,
    a_role,
    a_spec,
    an_expectation,
)
from tests.store.steps import POLICY, at

ROLES = ("planner", "worker", "embedder", "reranker")
PEOPLE_DECIDE = ("planner", "worker")
"""The other two are in mode apply."""

WINDOW = timedelta(minutes=1)
GROUPING = Grouping(wait=timedelta(0), window=WINDOW)
POINTS = (
    "statement",
    "before commit",
    "after commit",
    "before effect",
    "after effect",
    "before telling",
    "after telling",
    "any time",
)
"""Where a life may end; at any time: the parent kills it."""

BROKEN = ("sends again blindly", "tells without a claim", "acknowledges too early")
"""Faults built in on request: a checker that cannot find them proves nothing."""


@dataclass
class Fate:
    """Death at the ``count``-th time of passing ``point``."""

    point: str
    count: int

    def passes(self, point: str) -> None:
        if point != self.point:
            return
        self.count -= 1
        if self.count <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Place:
    """Where the ledger and the journals are. Journals are what the world saw: appended, synced, never rewritten."""

    directory: Path
    url: str

    def journal(self, name: str) -> list[dict[str, Any]]:
        path = self.directory / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def write(self, name: str, entry: Mapping[str, object]) -> None:
        file = os.open(self.directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, json.dumps(entry).encode() + b"\n")
        os.fsync(file)
        os.close(file)


@dataclass
class JournalHands(Hands):
    place: Place
    fate: Fate
    blind: bool = False

    def apply(self, change: Change) -> Receipt:
        self.fate.passes("before effect")
        self.place.write("effects", {"change": change.id, "patch": str(change.patch)})
        self.fate.passes("after effect")
        return Receipt(change=change.id, state=ChangeState.APPLIED, at=change.at, said="written")

    def look_up(self, change: Change) -> Receipt | None:
        if not self.blind and any(entry["change"] == change.id for entry in self.place.journal("effects")):
            return Receipt(change=change.id, state=ChangeState.APPLIED, at=change.at, said="written")
        return None


@dataclass
class JournalSender:
    place: Place
    fate: Fate
    number: int = 0

    def send(self, message: Mapping[str, Any]) -> None:
        keys = [
            part["text"].split(" · ")[0] for b in message["blocks"] if b["type"] == "context" for part in b["elements"]
        ]
        self.fate.passes("before telling")
        self.place.write("told", {"at": self.number, "keys": keys})
        self.fate.passes("after telling")


class Claimless:
    """The ledger's outbox, with the claim left out."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def claim(self, ids: object, group: object, now: object) -> None:
        """Nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


@dataclass
class NoEyes:
    def look(self, now: object) -> Any:
        raise AssertionError("the story is told, not seen")


@dataclass
class Life:
    """The service from its start to its death, or to the end of the story."""

    place: Place
    fate: Fate
    ack: Callable[[str], None]
    broken: str = ""
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = self._open()
        self.hands = JournalHands(self.place, self.fate, blind=self.broken == "sends again blindly")
        self.sender = JournalSender(self.place, self.fate)
        outbox = Claimless(self.ledger) if self.broken == "tells without a claim" else self.ledger
        self.voice = OutboxVoice(outbox, [self.sender], chance=random.Random(1), grouping=GROUPING)
        self.world = World(eyes=NoEyes(), hands=self.hands, memory=self.ledger)

    def _open(self) -> Ledger:
        ledger = open_ledger(self.place.url, compose=Composer())
        watch(ledger._database, self.fate)
        return ledger

    def run(self, until: int) -> None:
        """Walk from the first tick that was not kept."""
        number = self.next_tick()
        self.ack(f"begins {number}")
        sweep(self.world, at(number))
        while number < until:
            self.step(number)
            number += 1

    def next_tick(self) -> int:
        with self.ledger._database.read() as connection:
            last = connection.scalar(select(func.count()).select_from(cycles))
        return int(last or 0)

    def step(self, number: int) -> None:
        now = at(number)
        self._people(number)
        past = self.ledger.recall(now)
        cycle = tick(number, past)
        receipts = act(self.world, cycle.decisions, now)
        if self.broken == "acknowledges too early":
            self.ack(f"kept {number}")
        self.ledger.keep(replace(cycle, receipts=receipts), past, POLICY)
        self.ack(f"kept {number}")
        self.sender.number = number
        self.voice.deliver(now)

    def _people(self, number: int) -> None:
        """Ada approves every third tick what is open."""
        if number % 3:
            return
        for record in self.ledger.recommendations(states=[State.OPEN]):
            what = record.recommendation
            if what.role in PEOPLE_DECIDE:
                try:
                    self.ledger.approve(what.id, record.version, "ada", at(number - 1))
                except RefusedError:
                    continue
                self.ack(f"approved {what.id}")


def tick(number: int, past: Recollection) -> Cycle:
    """What happens at one tick: trouble comes and goes in each role with a rhythm of its own."""
    now = at(number)
    troubled = [role for i, role in enumerate(ROLES) if (number + i) // (5 + 2 * i) % 2 == 0]
    decisions = []
    for role in troubled:
        what = a_recommendation(role, expectation=an_expectation(within=timedelta(minutes=2)))
        record = past.recommendations.get(what.id)
        approved = record is not None and record.state is State.APPROVED
        apply = approved or role not in PEOPLE_DECIDE
        verdict = Verdict.APPLY if apply else Verdict.ASK
        decisions.append(
            a_decision(what, verdict, at=now, approved_by=record.by if record is not None and approved else None)
        )
    outcomes = tuple(
        Outcome(change=r.change.id, role=r.change.role, state=OutcomeState.MET, at=now, measured=1.0, said="fine")
        for r in past.changes
        if r.outcome is None and r.receipt is not None and now - r.change.at >= 6 * STEP
    )
    fleet = a_fleet(*(a_role(a_spec(role), at=now) for role in ROLES))
    return a_cycle(
        fleet, findings=tuple(a_finding(role=role) for role in troubled), decisions=tuple(decisions), outcomes=outcomes
    )


def watch(database: Database, fate: Fate) -> None:
    """Let fate see every statement and every commit."""
    engine = database._engine
    event.listen(engine, "before_cursor_execute", lambda *_: fate.passes("statement"))
    event.listen(engine, "commit", lambda *_: fate.passes("before commit"))
    event.listen(engine, "checkin", lambda *_: fate.passes("after commit"))
