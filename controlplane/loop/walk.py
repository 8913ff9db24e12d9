"""The walk on one page: collect → observe → estimate → detect → recommend → decide → act → verify."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from controlplane.decide.arbiter import decide
from controlplane.decide.desired import plan
from controlplane.decide.guardrails.freeze import frozen
from controlplane.detect import detect
from controlplane.estimate.beliefs import estimate
from controlplane.loop.policy import Policy, policy_text
from controlplane.loop.ports import Eyes, Hands, Memory
from controlplane.model.change import Change, ChangeState, Receipt
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.decision import Decision, Verdict
from controlplane.model.fleet import Fleet
from controlplane.observe.assemble import History, assemble
from controlplane.recommend import recommend
from controlplane.verify.outcomes import verify
from controlplane.verify.undo import undo

__all__ = ["Policy", "World", "act", "run_cycle", "sweep", "think"]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The edges one walk goes through."""

    eyes: Eyes
    hands: Hands
    memory: Memory


def think(fleet: Fleet, past: Recollection, policy: Policy, now: datetime, lap: Callable[[str], None]) -> Cycle:
    """The pure part: the same fleet and past always give the same decisions."""
    beliefs = estimate(fleet, past.beliefs)
    lap("estimate")
    seen = detect(fleet, beliefs, past.open_findings, policy.detectors)
    lap("detect")
    outcomes = verify(fleet, beliefs, past.changes, now)
    undos = undo(outcomes, past.changes, fleet)
    lap("verify")
    taken_back = {proposal.role for proposal in undos}
    proposals = [
        *undos,
        *(r for r in recommend(fleet, beliefs, seen.findings, policy.recommenders) if r.role not in taken_back),
    ]
    lap("recommend")
    decisions = decide(proposals, fleet, past, policy.guardrails, now)
    still = frozen(policy.guardrails, now)
    wishes = plan(fleet, beliefs, seen.findings, policy.law, now=now, stop=past.stop, frozen=still)
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
        faults=seen.faults,
        desired=wishes,
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
    fleet, history = assemble(
        history, sighting, policy.roles, now, name=policy.fleet, budget=policy.budget_dollars_per_hour
    )
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
            id=decision.change_id,
            decision=decision.id,
            recommendation=decision.recommendation,
            at=now,
            approved_by=decision.approved_by,
        )
        if world.memory.intend(change):
            receipts.append(world.hands.apply(change))
    return tuple(receipts)


def sweep(world: World, now: datetime) -> tuple[Receipt, ...]:
    """After a crash: read what became of each open intent; send again only what was never sent and still counts."""
    stopped = world.memory.recall(now).stop is not None
    receipts = []
    for change in world.memory.unsettled():
        receipt = world.hands.look_up(change)
        if receipt is None and (stopped or now - change.at > change.recommendation.good_for):
            said = "never sent: the kill switch is on" if stopped else "never sent, and too old to send now"
            receipt = Receipt(change=change.id, state=ChangeState.FAILED, at=now, said=said)
        receipt = receipt or world.hands.apply(change)
        world.memory.settle(receipt)
        receipts.append(receipt)
    return tuple(receipts)
