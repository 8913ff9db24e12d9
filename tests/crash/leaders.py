"""Several services over one PostgreSQL, whose leader is killed, or stopped right where it hurts and woken up later.

Run as a program of its own: it has one thread, so forking is safe. Prints one JSON report.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from controlplane.clock import SystemClock
from controlplane.errors import StoreError
from controlplane.loop.walk import sweep
from controlplane.store.database import Database
from controlplane.store.lease import LeaseTimes
from controlplane.store.tables import lease
from tests.act.people import People, manifest
from tests.crash.hands_life import LOW, ROLES, HandsLife, at
from tests.crash.hands_nursery import examine, server, warm_up
from tests.crash.life import Fate
from tests.crash.nursery import NEVER

TIMES = LeaseTimes(lease=timedelta(seconds=0.8), deadline=timedelta(seconds=0.5), retry=timedelta(seconds=0.1))
PATIENCE = 1.5
"""Seconds after which a stopped service is woken even if nobody has taken over (it may hold the writers' lock)."""

POINTS = ("before send", "before answer", "after send", "before commit", "any time")
SERVICES = 3
clock = SystemClock()


@dataclass
class Blow(Fate):
    """Strikes a service once, and only while it leads."""

    number: signal.Signals = signal.SIGKILL
    leads: Callable[[], bool] = lambda: False

    def passes(self, point: str) -> None:
        if point != self.point or not self.leads():
            return
        self.count -= 1
        if self.count <= 0:
            self.point = "never"
            os.kill(os.getpid(), self.number)


@dataclass
class Child:
    """One service, as its parent sees it."""

    pid: int
    reader: int
    heard: bytes = b""
    stopped_at: float | None = None
    fence: int = 0
    acks: list[str] = field(default_factory=list)

    def listen(self) -> list[str]:
        """What it has said since."""
        try:
            while chunk := os.read(self.reader, 65536):
                self.heard += chunk
        except BlockingIOError:
            pass
        *lines, self.heard = self.heard.split(b"\n")
        return [line.decode() for line in lines]


def born(live: Callable[[Callable[[str], None]], None]) -> Child:
    """Fork a service that lives until it is killed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            speaking = os.fdopen(writer, "w")
            live(lambda said: print(said, file=speaking, flush=True))
        finally:
            os._exit(1)
    os.close(writer)
    os.set_blocking(reader, False)
    return Child(pid, reader)


@dataclass
class Arena:
    """The services, and what happens to them."""

    url: str
    database: Database
    """The parent's own."""
    connect: Callable[[], Any]
    chance: random.Random
    children: list[Child] = field(default_factory=list)
    acks: list[str] = field(default_factory=list)
    blows: Counter[str] = field(default_factory=Counter)
    born: int = 0
    overtaken: int = 0
    """Stopped leaders that woke up after another one had taken over."""

    def fight(self, blows: int, deadline: float) -> None:
        """Until so many leaders were struck."""
        pause = threading.Event()
        while self.blows.total() < blows:
            if clock.monotonic() > deadline:
                raise SystemExit(f"only {dict(self.blows)} by the deadline")
            while len(self.children) < SERVICES:
                self.children.append(self._service())
            for child in list(self.children):
                self._look_at(child)
            if self.chance.random() < 0.02:
                self._strike()
            pause.wait(0.02)
        for child in self.children:
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            self.acks += child.listen()

    def _service(self) -> Child:
        self.born += 1
        point = POINTS[self.born % len(POINTS)]
        number = signal.SIGSTOP if self.born % 3 else signal.SIGKILL
        blow = Blow(point if point != "any time" else "never", self.chance.randint(1, 3), number)

        def live(ack: Callable[[str], None]) -> None:
            pause = threading.Event()
            while (life := self._life(blow, ack)) is None:
                pause.wait(0.2)  # a leader was stopped while it held the writers' lock
            mine = life.ledger.lease
            blow.leads = mine.leads
            while True:
                if mine.turn():
                    try:
                        life.step(life.next_tick())
                    except StoreError as problem:
                        ack(f"overtaken {problem}")
                pause.wait(TIMES.retry.total_seconds() / 2)

        return born(live)

    def _life(self, blow: Blow, ack: Callable[[str], None]) -> HandsLife | None:
        try:
            return HandsLife(Database(self.url), self.connect, "llm", blow, ack, times=TIMES)
        except StoreError:
            return None

    def _look_at(self, child: Child) -> None:
        self.acks += child.listen()
        pid, status = os.waitpid(child.pid, os.WNOHANG | os.WUNTRACED)
        if pid and os.WIFSTOPPED(status):
            child.stopped_at, child.fence = clock.monotonic(), self._leader()[1]
            self.blows["stopped"] += 1
        elif pid:
            self.children.remove(child)
            os.close(child.reader)
            if not os.WIFSIGNALED(status):
                raise SystemExit("a service ended in an error of its own")
            self.blows["killed"] += 1
        elif child.stopped_at is not None:
            overtaken = self._leader()[1] > child.fence
            if overtaken or clock.monotonic() - child.stopped_at > PATIENCE:
                os.kill(child.pid, signal.SIGCONT)
                child.stopped_at = None
                self.overtaken += overtaken

    def _strike(self) -> None:
        """From outside, at no particular time."""
        holder = self._leader()[0].split(":")
        for child in self.children:
            if len(holder) == 3 and holder[1] == str(child.pid) and child.stopped_at is None:
                os.kill(child.pid, self.chance.choice((signal.SIGSTOP, signal.SIGKILL)))

    def _leader(self) -> tuple[str, int]:
        with self.database.read() as connection:
            row = connection.execute(select(lease)).one()
        return row.holder, row.fence


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--blows", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with server(args.directory, None) as connect:
        people = People(connect, "llm")
        for role in ROLES:
            people.apply(manifest(role))
            people.bounds(role, maxReplicaCount=LOW)
        first = {role: people.read(role)["metadata"]["generation"] for role in ROLES}
        people.close()
        database = warm_up(args.url, connect, "llm")
        database.close()
        eyes = Database(args.url)
        arena = Arena(args.url, eyes, connect, random.Random(args.seed))
        arena.fight(args.blows, clock.monotonic() + args.seconds)
        eyes.close()
        life = HandsLife(database, connect, "llm", NEVER, lambda _said: None, times=LeaseTimes(lease=timedelta(0)))
        while not life.ledger.lease.turn():
            pass
        life.run(until=life.next_tick() + 6)
        while life.ledger.unsettled():  # the last answers may have been lost on purpose
            sweep(life.world, at(life.next_tick()))
        report = examine(life, arena.acks, args.directory / "writes", first)
        leads = life.ledger.lease.fence
        life.ledger.close()
    turned_away = sum(ack.startswith("overtaken") for ack in arena.acks)
    print(
        json.dumps(
            {
                "blows": dict(arena.blows),
                "woken after another had taken over": arena.overtaken,
                "writes of the ledger that an old leader was refused": turned_away,
                "leads": leads,
                **report,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
