"""Forks lives that write to an API server, kills them with -9, and checks what they left. Prints one JSON report.

The API server is the fake one in a process of its own, or the one that ``--kubeconfig`` names.
"""

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kubernetes
import urllib3

from controlplane.store.database import Database
from controlplane.store.ledger import open_ledger
from tests.act.people import People, client_of, manifest
from tests.crash.hands_life import HANDS_BROKEN, HANDS_POINTS, LOW, ROLES, HandsLife, journal, wrong
from tests.crash.life import Fate
from tests.crash.nursery import NEVER, Death, born

HIGHEST = {"statement": 60, "before commit": 8, "after commit": 10}
"""How often a point may be passed before the end; where nothing is said, three times."""


@contextmanager
def server(directory: Path, kubeconfig: str | None) -> Iterator[Callable[[], Any]]:
    """How to connect to the API server, real or fake."""
    if kubeconfig is not None:

        def connect() -> Any:
            settings = kubernetes.client.Configuration()
            kubernetes.config.load_kube_config(kubeconfig, client_configuration=settings)
            settings.retries = urllib3.Retry(0, redirect=0)
            return kubernetes.client.ApiClient(settings)

        yield connect
        return
    command = [sys.executable, "-m", "tests.act.api", str(directory / "writes")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stdin is not None
        try:
            yield client_of(running.stdout.readline().strip())
        finally:
            running.stdin.close()


def walk(directory: Path, connect: Callable[[], Any], namespace: str, args: argparse.Namespace) -> dict[str, object]:
    """Kill as often as asked, then live on in peace to a quiet end."""
    url = f"sqlite:///{directory / 'ledger.db'}"
    chance = random.Random(args.seed)
    people = People(connect, namespace)
    for role in ROLES:
        people.apply(manifest(role))
        people.bounds(role, maxReplicaCount=LOW)
    first = {role: people.read(role)["metadata"]["generation"] for role in ROLES}
    people.close()
    database = warm_up(url, connect, namespace)
    acks: list[str] = []
    deaths: Counter[str] = Counter()
    lives = 0
    while sum(deaths.values()) < args.kills:
        lives += 1
        point = HANDS_POINTS[lives % len(HANDS_POINTS)]
        fate = Fate(point, chance.randint(1, HIGHEST.get(point, 3)))
        death = Death(chance.randint(1, 3), chance.uniform(0.0, 0.05)) if point == "any time" else None

        def live(ack: Callable[[str], None], fate: Fate = fate) -> None:
            HandsLife(database, connect, namespace, fate, ack, args.broken).run(until=10**9)

        heard, killed = born(live, death)
        acks += heard
        deaths[point] += killed
    report: dict[str, Any] = {}

    def last(ack: Callable[[str], None]) -> None:
        life = HandsLife(database, connect, namespace, NEVER, ack, args.broken)
        life.run(until=life.next_tick() + 12)
        for number in range(3):  # whatever the last answers were: nothing stays open
            if life.ledger.unsettled():
                life.step(life.next_tick() + number)
        ack("end " + json.dumps(examine(life, acks, directory / "writes", first)))

    heard, _ = born(last)
    report = json.loads(next(line for line in heard if line.startswith("end ")).removeprefix("end "))
    return {"kills": sum(deaths.values()), "by point": dict(deaths), "lives": lives, **report}


def warm_up(url: str, connect: Callable[[], Any], namespace: str) -> Database:
    """Make the schema, and load in the parent what every life would load for itself."""
    open_ledger(url).close()
    database = Database(url)
    database.close()
    life = HandsLife(database, connect, namespace, Fate("never", 1), lambda _said: None)
    life.run(until=3)
    life.cluster.close()
    life.ledger.close()
    return database


def examine(life: HandsLife, acks: list[str], writes: Path, first: dict[str, int]) -> dict[str, Any]:
    """Hold the ledger against what the server says."""
    people = People(life.connect, life.namespace)
    found = {role: people.read(role) for role in ROLES}
    states = Counter(str(record.state) for record in life.ledger.changes(limit=100_000))
    bounds = {role: there["spec"]["maxReplicaCount"] for role, there in found.items()}
    steps = sum(there["metadata"]["generation"] - first[role] for role, there in found.items())
    kept = journal(writes)
    said = wrong(life.ledger, acks, kept, bounds) if writes.exists() else []
    if steps != states["applied"]:
        said.append(f"the specs changed {steps} times, {states['applied']} changes are applied")
    if not writes.exists():
        said += [w for w in wrong(life.ledger, acks, [], bounds) if "took no effect" not in w]
    return {
        "ticks": life.next_tick(),
        "acknowledged": len(acks),
        "changes": dict(states),
        "effects": steps,
        "wrong": said,
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--kubeconfig")
    parser.add_argument("--namespace", default="llm")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--broken", default="", choices=("", *HANDS_BROKEN), help="a fault to see the checker find it")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with server(args.directory, args.kubeconfig) as connect:
        print(json.dumps(walk(args.directory, connect, args.namespace, args)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
