"""The walk on one page: collect → observe → estimate → detect → recommend → decide → act → verify."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from controlplane.decide.arbiter import Guardrail, decide
from controlplane.detect import Detector, detect
from controlplane.estimate.beliefs import estimate
from controlplane.loop.ports import Eyes, Hands, Memory
from controlplane.model.change import Change, Receipt
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.decision import Decision, Verdict
from controlplane.model.fleet import Fleet
from controlplane.model.keys import ChangeId
from controlplane.model.role import RoleSpec
from controlplane.observe.assemble import History, assemble
from controlplane.recommend import Recommender, recommend
from controlplane.verify.outcomes import undo, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The edges one walk goes through."""

    eyes: Eyes
    hands: Hands
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How the pure part thinks: which detectors, recommenders and guardrails, with their settings."""

    fleet: str
    roles: tuple[RoleSpec, ...]
    detectors: tuple[Detector, ...]
    recommenders: tuple[Recommender, ...]
    guardrails: tuple[Guardrail, ...]
    budget_dollars_per_hour: float | None = None


def think(fleet: Fleet, past: Recollection, policy: Policy, now: datetime, lap: Callable[[str], None]) -> Cycle:
    """The pure part: the same fleet and past always give the same decisions."""
    beliefs = estimate(fleet, past.beliefs)
    lap("estimate")
    seen = detect(fleet, beliefs, past.open_findings, policy.detectors)
    lap("detect")
    outcomes = verify(fleet, past.changes, now)
    lap("verify")
    proposals = [
        *recommend(fleet, beliefs, seen.findings, policy.recommenders),
        *undo(outcomes, past.changes, fleet),
    ]
    lap("recommend")
    decisions = decide(proposals, fleet, past, policy.guardrails, now)
    lap("decide")
    return Cycle(
        at=now,
        fleet=fleet,
        beliefs=beliefs,
        findings=seen.findings,
        unsure=seen.unsure,
        decisions=decisions,
        receipts=(),
        outcomes=outcomes,
    )


def run_cycle(
    world: World, policy: Policy, history: History, now: datetime, monotonic: Callable[[], float]
) -> tuple[Cycle, History]:
    """Walk once: look, understand, decide, act, and judge what we did before."""
    laps: list[tuple[str, float]] = [("", monotonic())]

    def lap(step: str) -> None:
        laps.append((step, monotonic()))

    sighting = world.eyes.look(now)
    lap("collect")
    fleet, history = assemble(history, sighting, policy.roles, now, name=policy.fleet, budget=policy.budget_dollars_per_hour)
    lap("observe")
    past = world.memory.recall(now)
    lap("recall")
    cycle = think(fleet, past, policy, now, lap)
    receipts = act(world, cycle.decisions, now)
    lap("act")
    took = {name: end - begin for (_, begin), (name, end) in pairwise(laps)}
    cycle = replace(cycle, receipts=receipts, took_seconds=took)
    world.memory.keep(cycle, past, policy_text(policy))
    return cycle, history


def act(world: World, decisions: Sequence[Decision], now: datetime) -> tuple[Receipt, ...]:
    """Intent first, durable; then the effect."""
    receipts = []
    for decision in decisions:
        if decision.verdict is not Verdict.APPLY:
            continue
        change = Change(
            id=ChangeId(f"chg-{decision.id}"),
            decision=decision.id,
            recommendation=decision.recommendation,
            at=now,
            approved_by=decision.approved_by,
        )
        if world.memory.intend(change):
            receipts.append(world.hands.apply(change))
    return tuple(receipts)


def sweep(world: World, now: datetime) -> tuple[Receipt, ...]:
    """After a crash: read what became of each open intent; send again only what was never sent."""
    receipts = []
    for change in world.memory.unsettled():
        receipt = world.hands.look_up(change) or world.hands.apply(change)
        world.memory.settle(receipt)
        receipts.append(receipt)
    return tuple(receipts)
