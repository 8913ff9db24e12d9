"""How long a walk takes: 200 roles of 20 replicas, every detector and guardrail.

Thinking alone has 45 minutes of history behind it. The whole walk (``run_cycle``) reads 4,000 pages of real
size; the eyes, hands and ledger are fakes that cost nothing, so what is measured is our own work.

Run with ``pytest tests/bench/test_walk.py -s``. Times are printed, never asserted; what is asserted is that
thinking grows no faster than the fleet.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

import pytest

from controlplane.loop.policy import Policy, policy_text
from controlplane.loop.ports import Hands
from controlplane.loop.walk import World, run_cycle, think
from controlplane.model.change import Change, Receipt
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.page import Job, Target
from controlplane.model.reading import Reading
from controlplane.model.sighting import Sighting
from controlplane.observe.assemble import History
from tests.bench.test_observe import a_vllm_layout, pages
from tests.builders import (
    IDLE,
    NOON,
    STEP,
    Values,
    a_calm_role,
    a_fleet,
    a_receipt,
    a_recollection,
    a_replica,
    a_spec,
    no_lap,
    some_beliefs,
)

QUEUE: dict[str, Values] = {"waiting": 200.0, "waiting_per_replica": 10.0, "ttft_p95": 5.0}


def a_large_fleet(roles: int, replicas: int = 20) -> Fleet:
    """Mostly calm roles; every tenth queues, every tenth is idle."""
    views = []
    for i in range(roles):
        name = f"role-{i}"
        over: dict[str, Values] = {**QUEUE} if i % 10 == 3 else {**IDLE} if i % 10 == 7 else {}
        keys = tuple(a_replica(name, n) for n in range(replicas))
        views.append(a_calm_role(a_spec(name, most=40), ready=replicas, replicas=keys, **over))  # type: ignore[arg-type]
    return a_fleet(*views)


def best_of(times: int, fleet: Fleet, past: Recollection, policy: Policy) -> float:
    best = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        think(fleet, past, policy, NOON, no_lap)
        best = min(best, time.perf_counter() - begin)
    return best


@pytest.mark.bench
def test_thinking_about_a_large_fleet(capsys: pytest.CaptureFixture[str]):
    fleets = {n: a_large_fleet(n) for n in (20, 200)}
    took = {}
    for n, fleet in fleets.items():
        policy = Policy(fleet="bench", roles=tuple(view.spec for view in fleet.roles.values()))
        beliefs = {
            RoleName(name): some_beliefs(name, prefix_hit_baseline=0.7, baseline_ticks=900) for name in fleet.roles
        }
        past = a_recollection(beliefs=beliefs)
        took[n] = best_of(5, fleet, past, policy)
        cycle = think(fleet, past, policy, NOON, no_lap)
        begin = time.perf_counter()
        text = policy_text(policy)
        wrote = time.perf_counter() - begin
        with capsys.disabled():
            print(
                f"\nthink: {n} roles × 20 replicas, {len(cycle.findings)} findings, {len(cycle.decisions)} decisions: "
                f"{took[n] * 1000:.0f} ms; policy as text ({len(text) // 1024} KiB): {wrote * 1000:.0f} ms"
            )
    assert took[200] < 40 * took[20], "ten times the fleet must not take forty times as long"


@dataclass
class Still(Hands):
    """Ports that cost nothing: the sightings are made beforehand, nothing is stored."""

    sightings: Iterator[Sighting]
    past: Recollection = field(default_factory=a_recollection)

    def look(self, now: datetime) -> Sighting:
        return next(self.sightings)

    def recall(self, now: datetime) -> Recollection:
        return self.past

    def keep(self, cycle: Cycle, past: Recollection, policy: str) -> None:
        self.past = replace(past, beliefs=cycle.beliefs)

    def intend(self, change: Change) -> bool:
        return False

    def unsettled(self) -> tuple[Change, ...]:
        return ()

    def settle(self, receipt: Receipt) -> None:
        """Nothing was sent."""

    def apply(self, change: Change) -> Receipt:
        return a_receipt(change)

    def look_up(self, change: Change) -> Receipt | None:
        return None


@pytest.mark.bench
def test_the_whole_walk_over_four_thousand_pages(capsys: pytest.CaptureFixture[str]):
    specs = tuple(a_spec(f"role-{i}", most=40) for i in range(200))
    targets = []
    for spec in specs:
        layout = a_vllm_layout(spec.name)
        for n in range(20):
            labels = (("namespace", "llm"), ("pod", f"{spec.name}-{n}"))
            targets.append((Target(f"http://{spec.name}-{n}:8000/metrics", Job.ENGINE, spec.name, labels), layout))
    sightings = list(pages(Random(1), targets))
    still = Still(iter(sightings))
    world, policy, history = (
        World(eyes=still, hands=still, memory=still),
        Policy(fleet="b", roles=specs),
        History.empty(STEP),
    )
    walks = []
    for sighting in sightings:
        begin = time.perf_counter()
        cycle, history = run_cycle(world, policy, history, sighting.at, time.perf_counter)
        walks.append((time.perf_counter() - begin, cycle))
    took, cycle = min(walks[1:], key=lambda walk: walk[0])
    with capsys.disabled():
        steps = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in cycle.took_seconds.items())
        print(f"\nwalk: 200 roles × 20 replicas: {took * 1000:.0f} ms ({steps})")
    assert len(cycle.fleet.roles) == 200
    assert all(role.now(Reading.RUNNING) is not None for role in cycle.fleet.roles.values())
