"""Forks lives that take calls, kills them with -9, and compares the sessions they left with those of a quiet life.

The source tries again until it was acknowledged, as LiteLLM does; the last acknowledged delivery it tells twice.
Run as a program of its own. Prints one JSON report.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from controlplane.loop.sessions import SessionBook, SessionRules, served_by
from controlplane.model.session import Call, SessionQuery
from controlplane.store.ledger import Ledger, open_ledger
from controlplane.store.tables import session_calls
from tests.builders import NOON, a_spec
from tests.builders_of_sessions import WEIGHTS, WORKER, a_call
from tests.crash.life import Fate, watch
from tests.crash.nursery import NEVER, Death, born

POINTS = ("statement", "before commit", "after commit", "any time")
BROKEN = ("forgets what was told", "acknowledges too early")
"""Faults built in on request, to see the comparison find them."""

STEP = timedelta(minutes=2)
PER_KILL = 4
"""Deliveries of the whole story, for each death: lives are short, so the last dies before it is all told."""

ROLES = (a_spec("planner"), a_spec("worker"))


def delivery(number: int) -> list[Call]:
    """Calls of five sessions that come and go, of two tenants, some of them served by nobody; always the same."""
    end = number * STEP.total_seconds()
    return [
        a_call(
            f"{number}-{n}",
            session=f"s{number // 3 + n % 5}",
            tenant="research" if n % 5 < 3 else "sales",
            asked=("planner", WORKER, "gpt-9")[n % 3],
            agent=f"agent-{n % 4}",
            at=end + n,
            took=5 + n % 7,
            output=20 if n % 11 else 50_000,
            dollars=0.01,
        )
        for n in range(20)
    ]


@dataclass
class SessionsLife:
    """The service from its start to its death, or to the last delivery."""

    url: str
    until: int
    fate: Fate
    ack: Callable[[str], None]
    broken: str = ""

    def run(self, first: int) -> Ledger:
        """Take what is left to tell."""
        ledger = open_ledger(self.url)
        watch(ledger._database, self.fate)
        rules = SessionRules(
            served=served_by(ROLES, {}),
            weights=WEIGHTS,
            runaway_factor=10,
            budget_dollars=0.2,
            idle_after=timedelta(minutes=3),
            source="litellm",
        )
        book = SessionBook(ledger, ledger, rules, ROLES)
        for number in range(first, self.until):
            if self.broken == "forgets what was told":
                with ledger._database.write() as connection:
                    connection.execute(delete(session_calls))
            if self.broken == "acknowledges too early":
                self.ack(f"took {number + 1}")
            now = NOON + number * STEP
            book.take(delivery(number), now)
            self.ack(f"took {number}")
            book.close(now)
        return ledger


def left(ledger: Ledger) -> list[Any]:
    """All that is known of sessions."""
    counted = [[one.name, list(one.labels), one.value] for one in ledger.session_numbers().counted]
    return [sorted(map(repr, ledger.sessions(SessionQuery(limit=1000)))), counted]


def walk(url: str, peaceful: str, kills: int, chance: random.Random, broken: str) -> dict[str, object]:
    """Kill until it was enough, or all was told; then tell the rest in peace."""
    deaths: Counter[str] = Counter()
    begin = lives = resent = 0
    until = kills * PER_KILL
    while sum(deaths.values()) < kills:
        lives += 1
        point = POINTS[lives % len(POINTS)]
        fate = Fate(point, chance.randint(1, 60 if point == "statement" else 4))
        death = Death(chance.randint(1, 2), chance.uniform(0.0, 0.02)) if point == "any time" else None

        def live(ack: Callable[[str], None], fate: Fate = fate, begin: int = begin) -> None:
            SessionsLife(url, until, fate, ack, broken).run(begin)

        heard, killed = born(live, death)
        deaths[point] += killed
        if heard:
            begin, resent = max(int(line.split()[1]) for line in heard), resent + 1

    def end(ack: Callable[[str], None], place: str, begin: int, broken: str) -> None:
        ledger = SessionsLife(place, until, NEVER, lambda _: None, broken).run(begin)
        ack(
            json.dumps({"left": left(ledger), "calls": sum(s.calls for s in ledger.sessions(SessionQuery(limit=1000)))})
        )

    troubled, _ = born(lambda ack: end(ack, url, begin, broken))
    untroubled, _ = born(lambda ack: end(ack, peaceful, 0, ""))
    found, expected = json.loads(troubled[0]), json.loads(untroubled[0])
    return {
        "kills": sum(deaths.values()),
        "by point": dict(deaths),
        "deliveries told again": resent,
        "calls": found["calls"],
        "calls expected": until * 20,
        "sessions": len(found["left"][0]),
        "as if nothing had happened": found["left"] == expected["left"],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broken", default="", choices=("", *BROKEN))
    parser.add_argument("--url")
    args = parser.parse_args()
    where = args.url or f"sqlite:///{args.directory / 'ledger.db'}"
    quiet = f"sqlite:///{args.directory / 'peaceful.db'}"
    print(json.dumps(walk(where, quiet, args.kills, random.Random(args.seed), args.broken)))
