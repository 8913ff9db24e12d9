"""Forks lives from a parent that has everything loaded, kills them with -9, and checks what they left.

Run as a program of its own: it has one thread, so forking is safe. Prints one JSON report.
"""

import argparse
import json
import os
import random
import select
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import event

from controlplane.store import schema
from controlplane.store.database import Database
from controlplane.store.ledger import open_ledger
from controlplane.store.tables import meta
from tests.crash.checker import history, wrong
from tests.crash.life import BROKEN, POINTS, Fate, Life, Place

NEVER = Fate("never", 1)


@dataclass(frozen=True)
class Death:
    """From outside: so long after so many acknowledgements."""

    acks: int
    seconds: float


def born(live: Callable[[Callable[[str], None]], None], death: Death | None = None) -> tuple[list[str], bool]:
    """Fork a life. Returns what it acknowledged and whether it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            speaking = os.fdopen(writer, "w")
            live(lambda said: print(said, file=speaking, flush=True))
            status = 0
        except BaseException:  # noqa: BLE001  the child ends here, whatever it was
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    heard = b""
    while chunk := os.read(reader, 65536):
        heard += chunk
        if death is not None and heard.count(b"\n") >= death.acks:
            select.select([], [], [], death.seconds)
            os.kill(child, signal.SIGKILL)
            death = None
    os.close(reader)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    if not killed and os.WEXITSTATUS(status) != 0:
        raise SystemExit("a life ended in an error of its own")
    return heard.decode().split("\n")[:-1], killed


def not_found(acks: list[str], heard: list[str]) -> list[str]:
    """Ticks that earlier lives acknowledged and this one did not find when it began."""
    begins = next((int(a.split()[1]) for a in heard if a.startswith("begins ")), None)
    kept = [int(a.split()[1]) for a in acks if a.startswith("kept ")]
    if begins is None or not kept or max(kept) < begins:
        return []
    return [f"tick {max(kept)} was acknowledged, and the next life began at tick {begins}"]


def walk(place: Place, kills: int, chance: random.Random, broken: str) -> dict[str, object]:
    """Kill as often as asked, then live on in peace to a quiet end; and walk the same story without dying."""
    acks: list[str] = []
    lost: list[str] = []
    deaths: Counter[str] = Counter()
    lives = 0
    while sum(deaths.values()) < kills:
        lives += 1
        point = POINTS[lives % len(POINTS)]
        fate = Fate(point, chance.randint(1, 120 if point == "statement" else 16 if "commit" in point else 2))
        death = Death(chance.randint(1, 4), chance.uniform(0.0, 0.05)) if point == "any time" else None
        heard, killed = born(lambda ack, fate=fate: Life(place, fate, ack, broken).run(until=10**6), death)  # type: ignore[misc]
        lost += not_found(acks, heard)
        acks += heard
        deaths[point] += killed
    reached = [0]

    def last(ack: Callable[[str], None]) -> None:
        life = Life(place, NEVER, ack, broken)
        reached[0] = life.next_tick() + 12
        life.run(until=reached[0])
        ack(f"reached {reached[0]}")
        ack("wrong " + json.dumps(wrong(life.ledger, place, [*acks])))
        ack("history " + json.dumps(history(life.ledger)))

    heard, _ = born(last)
    report = dict(line.split(" ", 1) for line in heard if line.split(" ")[0] in ("reached", "wrong", "history"))
    peaceful = Place(place.directory / "peaceful", f"sqlite:///{place.directory / 'peaceful' / 'ledger.db'}")
    peaceful.directory.mkdir()

    def untroubled(ack: Callable[[str], None]) -> None:
        life = Life(peaceful, NEVER, ack)
        life.run(until=int(report["reached"]))
        ack("history " + json.dumps(history(life.ledger)))

    heard, _ = born(untroubled)
    expected = next(line.split(" ", 1)[1] for line in heard if line.startswith("history "))
    return {
        "kills": sum(deaths.values()),
        "by point": dict(deaths),
        "lives": lives,
        "ticks": int(report["reached"]),
        "acknowledged": len(acks),
        "effects": len(place.journal("effects")),
        "messages": len(place.journal("told")),
        "wrong": [*lost, *json.loads(report["wrong"])],
        "as if nothing had happened": json.loads(report["history"]) == json.loads(expected),
    }


def migrate(directory: Path, chance: random.Random) -> dict[str, object]:
    """Kill the first migration at each of its statements; the next start must find nothing or everything."""
    wrong_: list[str] = []
    kills = count = 0
    while True:
        count += 1
        path = directory / f"{count}.db"

        def first(ack: Callable[[str], None], path: Path = path, count: int = count) -> None:
            database = Database(f"sqlite:///{path}")
            fate = Fate("statement", count)
            event.listen(database._engine, "before_cursor_execute", lambda *_: fate.passes("statement"))
            schema.upgrade(database)
            ack("done")

        def again(ack: Callable[[str], None], path: Path = path) -> None:
            database = Database(f"sqlite:///{path}")
            with database.read() as connection:
                found = schema.tables(connection)
            database.close()
            ledger = open_ledger(f"sqlite:///{path}")
            whole = set(meta.tables) | {"alembic_version"}
            ack(f"{'nothing' if not found else 'everything' if found == whole else found} {ledger.verify_audit()}")

        _, killed = born(first)
        heard, _ = born(again)
        if heard not in (["nothing None"], ["everything None"]):
            wrong_.append(f"after statement {count}: {heard}")
        if not killed:
            return {"kills": kills, "wrong": wrong_, "statements": count}
        kills += 1


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("walk", "migrate"))
    parser.add_argument("directory", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--broken", default="", choices=("", *BROKEN), help="a fault to see the checker find it")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    url = args.url or f"sqlite:///{args.directory / 'ledger.db'}"
    if args.what == "walk":
        report = walk(Place(args.directory, url), args.kills, chance, args.broken)
    else:
        report = migrate(args.directory, chance)
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
