"""A whole walk, with the real ledger and guardrails, against a GitOps tool that writes its own value again and again.

Part of the contract: it runs against the fake and against the real API server.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from controlplane.act.cluster import Applied, Cluster, Connect, Object
from controlplane.act.gitops import GitOps
from controlplane.act.kubernetes import KubernetesHands
from controlplane.loop.walk import World
from controlplane.model.change import ChangeState
from controlplane.model.keys import ObjectRef
from controlplane.model.role import Bounds, Mode
from controlplane.model.sighting import Sighting
from controlplane.notify.notes import Composer
from controlplane.store.ledger import open_ledger
from controlplane.store.tables import outbox
from tests.act.contract import handed_over
from tests.act.people import People, manifest
from tests.builders import CALM, a_spec
from tests.scenarios.stage import Pool, PoolEyes, Readings, Stage
from tests.store.test_walks import Book

TICKS = 40
"""Ten minutes of fifteen seconds."""


class Counting(Cluster):
    """Counts what is really sent."""

    def __init__(self, connect: Connect) -> None:
        super().__init__(connect)
        self.writes = 0

    def apply(self, ref: ObjectRef, body: Object, *, rehearse: bool = False) -> Applied:
        self.writes += not rehearse
        return super().apply(ref, body, rehearse=rehearse)


@dataclass
class LiveEyes(PoolEyes):
    """Sees a queue that never ends, and the bounds that the object really has."""

    people: People
    name: str

    def look(self, now: datetime) -> Sighting:
        spec = self.people.spec(self.name)
        self.pool.bounds = Bounds(min=spec["minReplicaCount"], max=spec["maxReplicaCount"])
        return super().look(now)


def a_queue(_pool: Pool, _now: datetime) -> Readings:
    return {**CALM, "waiting": 40.0, "waiting_per_replica": 20.0, "ttft_p95": 9.0, "gpu_activity": 0.95}


@contextmanager
def reverting(people: People, body: dict[str, Any], every: float, *, always: bool) -> Iterator[Counter[str]]:
    """``argocd-controller`` applies what is in Git, by force: always, or when it sees something else (self-heal)."""
    done, ended = Counter[str](), threading.Event()

    def revert() -> None:
        while not ended.wait(every):
            done["looked"] += 1
            drifted = people.spec(body["metadata"]["name"]) != body["spec"]
            done["reverted"] += drifted
            if drifted or always:
                people.apply(body, "argocd-controller", force=True)

    thread = threading.Thread(target=revert)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


@dataclass
class StageClock:
    """The time on stage."""

    stage: Stage

    def now(self) -> datetime:
        return self.stage.now

    def monotonic(self) -> float:
        return 0.0

    def real(self, span: timedelta) -> float:
        return span.total_seconds()


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(ChangeState.REVERTED, id="that heals what differs: one write, one alert"),
        pytest.param(ChangeState.CONFLICT, id="that owns the field: nothing is changed, one alert"),
    ],
)
def test_c9_against_a_tool(people: People, connect: Connect, pace: float, tmp_path: Path, state: ChangeState) -> None:
    name, heals = f"argo-{state}", state is ChangeState.REVERTED
    handed_over(people, name, 2, 8)
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", compose=Composer())
    spec = replace(a_spec(mode=Mode.APPLY), scaled_object=people.ref(name))
    stage = Stage(Pool(spec=spec, readings=a_queue, bounds=Bounds(min=2, max=8), ready=2))
    cluster, clock = Counting(connect), StageClock(stage)
    hands = KubernetesHands(cluster, GitOps(tmp_path / "patches", clock), clock=clock, stopped=lambda: None)
    book = Book(ledger)
    stage.memory = book  # type: ignore[assignment]
    stage.world = World(eyes=LiveEyes(stage.pool, people, name), hands=hands, memory=book)
    pause = threading.Event()
    with reverting(people, manifest(name, 2, 8), every=pace, always=not heals) as reverter:
        for _ in range(TICKS):
            stage.tick()
            pause.wait(pace)

    (record,) = ledger.changes()
    assert record.state is state, record.receipt
    assert cluster.writes == 1, "the change; or letting go of the field that is shared, which changes no value"
    assert reverter["reverted"] == heals
    assert reverter["looked"] > TICKS // 2
    with ledger._database.read() as connection:
        keys = list(connection.scalars(select(outbox.c.key).where(outbox.c.key.like("change:%"))))
    told = [key.rsplit(":", 1)[1] for key in keys]
    assert told == (["applied"] if heals else []) + [str(state)]
    held = {c.said for d in ledger.decisions() for c in d.objections if c.guardrail == "held-object"}
    assert any("argocd-controller" in said for said in held)
    assert people.spec(name) == manifest(name, 2, 8)["spec"]
    assert yaml.safe_load(Path(record.receipt.where).read_text())["spec"] == {"minReplicaCount": 3}  # type: ignore[union-attr]
    cluster.close()
    ledger.close()
