"""One life of a service that writes to a cluster: it walks, changes bounds, loses answers, and may die at any point.

The API server is another process and outlives it. What it wrote down is held against the ledger afterwards.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from controlplane.act.answers import UnansweredError
from controlplane.act.cluster import Applied, Cluster, Object
from controlplane.act.gitops import GitOps
from controlplane.act.kubernetes import KubernetesHands
from controlplane.clock import SystemClock
from controlplane.errors import ActError
from controlplane.loop.walk import World, act, sweep
from controlplane.model.change import OPEN, WITHOUT_EFFECT, Change, ChangeState, Outcome, OutcomeState, Receipt
from controlplane.model.cycle import Recollection
from controlplane.model.decision import Decision, Verdict
from controlplane.model.keys import MANAGER, ObjectRef
from controlplane.model.patch import FieldChange, Patch
from controlplane.store.database import Database
from controlplane.store.lease import LeaseTimes
from controlplane.store.ledger import Ledger
from controlplane.store.retention import Retention
from controlplane.store.tables import cycles
from tests.builders import NOON, a_cycle, a_decision, a_fleet, a_recommendation, a_role, a_spec, an_expectation
from tests.crash.life import Fate, NoEyes, watch
from tests.store.steps import POLICY

ROLES = ("planner", "worker", "embedder")
MOST = "/spec/maxReplicaCount"
LOW, HIGH = 4, 6
HANDS_POINTS = ("before commit", "after commit", "before send", "after send", "before answer", "statement", "any time")
"""Where a life may end; ``before answer``: the server has done it, and nobody has heard."""

HANDS_BROKEN = ("sends again blindly",)
"""Faults built in on request, to see the checker find them."""


def at(number: int) -> datetime:
    """The instant of a tick: an hour apart, so that little is remembered of the last day."""
    return NOON + number * timedelta(hours=1)


class FatedCluster(Cluster):
    """The API server, and a life that may end around each send. Some requests and some answers are lost."""

    def __init__(self, connect: Callable[[], Any], fate: Fate) -> None:
        super().__init__(connect)
        self.fate = fate
        self.sent = 0

    def apply(self, ref: ObjectRef, body: Object, *, rehearse: bool = False) -> Applied:
        if rehearse:
            return super().apply(ref, body, rehearse=True)
        self.sent += 1
        self.fate.passes("before send")
        if self.sent % 11 == 5:
            raise UnansweredError("a request lost on purpose")
        made = super().apply(ref, body)
        self.fate.passes("before answer")
        if self.sent % 7 == 3:
            raise UnansweredError("an answer lost on purpose")
        self.fate.passes("after send")
        return made


class BlindHands(KubernetesHands):
    """The fault a checker must find: never looks whether it was done, and does something each time."""

    def look_up(self, change: Change) -> None:
        return None

    def apply(self, change: Change) -> Receipt:
        found = self._cluster.read(change.patch.target)
        assert found is not None
        body = self._body(found, change)
        body["spec"]["maxReplicaCount"] = HIGH if found["spec"]["maxReplicaCount"] == LOW else LOW
        try:
            self._cluster.apply(change.patch.target, body)
        except ActError as problem:
            return self._receipt(change, self._state_of(problem), str(problem))
        return self._receipt(change, ChangeState.APPLIED, "sent blindly")


@dataclass
class HandsLife:
    """The service from its start to its death, or to the end of the story."""

    database: Database
    """Of the parent, which has closed it: what SQLAlchemy compiled for it is inherited, its connections are not."""
    connect: Callable[[], Any]
    namespace: str
    fate: Fate
    ack: Callable[[str], None]
    broken: str = ""
    times: LeaseTimes = field(default_factory=LeaseTimes)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.database._hold()
        watch(self.database, self.fate)
        self.ledger = Ledger(self.database, compose=None, retention=Retention(), times=self.times, people=1)
        self.cluster = FatedCluster(self.connect, self.fate)
        lease = self.ledger.lease
        kind = BlindHands if self.broken == "sends again blindly" else KubernetesHands
        self.hands = kind(
            self.cluster,
            GitOps(Path("/nonexistent"), SystemClock()),
            clock=SystemClock(),
            stopped=lease.why_not,
            fence=lambda: lease.fence,
        )
        self.world = World(eyes=NoEyes(), hands=self.hands, memory=self.ledger, fence=lambda: lease.fence)

    def run(self, until: int) -> None:
        """Walk from the first tick that was not kept."""
        self.ledger.lease.turn()
        number = self.next_tick()
        self.ack(f"begins {number}")
        while number < until:
            self.step(number)
            number += 1

    def next_tick(self) -> int:
        with self.ledger._database.read() as connection:
            last = connection.scalar(select(func.count()).select_from(cycles))
        return int(last or 0)

    def step(self, number: int) -> None:
        """As the walk does: sweep, recall, decide, act, keep."""
        now = at(number)
        sweep(self.world, now)
        past = self.ledger.recall(now)
        decisions = self.decide(number, past)
        receipts = act(self.world, decisions, now)
        outcomes = tuple(
            Outcome(change=r.change.id, role=r.change.role, state=OutcomeState.MET, at=now, measured=1.0, said="fine")
            for r in past.changes
            if r.outcome is None and r.state not in OPEN
        )
        fleet = a_fleet(*(a_role(a_spec(role), at=now) for role in ROLES))
        cycle = a_cycle(fleet, decisions=decisions, outcomes=outcomes)
        self.ledger.keep(replace(cycle, receipts=receipts), past, POLICY)
        self.ack(f"kept {number}")
        for receipt in receipts:
            if receipt.state is not ChangeState.UNKNOWN:
                self.ack(f"settled {receipt.change} {receipt.state}")

    def decide(self, number: int, past: Recollection) -> tuple[Decision, ...]:
        """Each tick another role goes up or down, from what its object really says; one change at a time."""
        role = ROLES[number % len(ROLES)]
        if any(r.change.role == role and r.state in OPEN for r in past.changes):
            return ()
        ref = ObjectRef("ScaledObject", self.namespace, role)
        found = self.cluster.read(ref)
        assert found is not None
        before = found["spec"]["maxReplicaCount"]
        after = HIGH if before == LOW else LOW
        patch = Patch(target=ref, fields=(FieldChange(path=MOST, before=before, after=after),))
        good_for = (
            timedelta(minutes=30) if number % 2 else timedelta(hours=6)
        )  # what is left open: given up, or sent again
        expectation = an_expectation(within=timedelta(0), settle=timedelta(0))
        what = a_recommendation(role, patch=patch, expectation=expectation, good_for=good_for)
        return (a_decision(what, Verdict.APPLY, at=at(number)),)


def wrong(
    ledger: Ledger, acks: Sequence[str], writes: Sequence[Mapping[str, Any]], now: Mapping[str, int]
) -> list[str]:
    """Every broken promise, in words. ``writes``: the server's own journal; ``now``: bounds as they are there."""
    said: list[str] = []
    records = {r.change.id: r for r in ledger.changes(limit=100_000)}
    effects = Counter(w["id"] for w in writes if w["by"] == MANAGER and w["id"] and w["spec_changed"])
    said += [f"{id_} took effect {n} times" for id_, n in effects.items() if n != 1]
    for id_, record in records.items():
        done = effects[id_]
        if record.state in OPEN:
            said.append(f"{id_} is still {record.state}")
        elif record.state is ChangeState.APPLIED and not done:
            said.append(f"{id_} is applied and took no effect")
        elif record.state in WITHOUT_EFFECT and done:
            said.append(f"{id_} is {record.state} and took effect")
    said += [f"{id_} took effect and is not in the ledger" for id_ in effects if id_ not in records]
    for ack in acks:
        if ack.startswith("settled "):
            _, id_, state = ack.split()
            kept = records.get(id_)  # type: ignore[call-overload]
            if kept is None or kept.state != state:
                said.append(f"{id_} was acknowledged as {state} and is {kept.state if kept else 'lost'}")
    with ledger._database.read() as connection:
        kept_ticks = int(connection.scalar(select(func.count()).select_from(cycles)) or 0)
    top = max((int(a.split()[1]) for a in acks if a.startswith("kept ")), default=-1)
    if top >= kept_ticks:
        said.append(f"tick {top} was acknowledged, and {kept_ticks} are kept")
    for role, bound in now.items():
        applied = [r for r in records.values() if r.change.role == role and r.state is ChangeState.APPLIED]
        last = max(applied, key=lambda r: r.change.at, default=None)
        wanted = last.change.patch.fields[0].after if last else LOW
        if bound != wanted:
            said.append(f"{role} ended at {bound}, the last applied change says {wanted}")
    fences = [int(w["fence"]) for w in writes if w["fence"]]
    if fences != sorted(fences):
        said.append("a leader wrote after a later one")
    if (broken := ledger.verify_audit()) is not None:
        said.append(f"the audit is broken at line {broken}")
    return said


def journal(path: Path) -> list[dict[str, Any]]:
    """The API server's own."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
