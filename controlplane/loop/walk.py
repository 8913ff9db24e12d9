"""The walk on one page: collect → observe → estimate → detect → recommend → decide → act → verify."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from controlplane.decide.arbiter import decide
from controlplane.decide.desired import plan
from controlplane.decide.guardrails.freeze import frozen
from controlplane.detect import detect
from controlplane.errors import ActError
from controlplane.estimate.beliefs import estimate
from controlplane.loop.policy import Policy, policy_text
from controlplane.loop.ports import Eyes, Hands, Memory
from controlplane.model.change import WITHOUT_EFFECT, Change, ChangeRecord, ChangeState, Receipt
from controlplane.model.cycle import Cycle, Recollection
from controlplane.model.decision import Decision, Verdict
from controlplane.model.fleet import Fleet
from controlplane.model.keys import ObjectRef
from controlplane.observe.assemble import History, assemble
from controlplane.recommend import recommend
from controlplane.verify.outcomes import verify
from controlplane.verify.undo import undo

__all__ = ["Policy", "World", "act", "look_after", "run_cycle", "sweep", "think"]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The edges one walk goes through."""

    eyes: Eyes
    hands: Hands
    memory: Memory
    fence: Callable[[], int] = lambda: 0
    """Number of the leader that walks; 0 where there can be only one."""


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
    budget = policy.budget_dollars_per_hour
    fleet, history = assemble(history, sighting, policy.roles, now, name=policy.fleet, budget=budget, gpus=policy.gpus)
    lap("observe")
    sweep(world, now)
    past = world.memory.recall(now)
    if look_after(world, past.changes):
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
    """A rehearsal first; then the intent, durable; then the effect."""
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
            fence=world.fence(),
        )
        rehearsal = world.hands.rehearse(change)
        if world.memory.intend(rehearsal.change):
            receipts.append(rehearsal.refusal or world.hands.apply(rehearsal.change))
    return tuple(receipts)


def sweep(world: World, now: datetime) -> tuple[Receipt, ...]:
    """Read what became of each open intent; send again only what has no effect and still counts."""
    unsettled = world.memory.unsettled()
    if not unsettled:
        return ()
    stopped = world.memory.recall(now).stop is not None
    receipts = []
    for change in unsettled:
        receipt = _settled(world, change, now, stopped=stopped)
        if receipt is not None:
            world.memory.settle(receipt)
            receipts.append(receipt)
    return tuple(receipts)


def _settled(world: World, change: Change, now: datetime, *, stopped: bool) -> Receipt | None:
    """What became of one open intent; ``None`` while that cannot be told: it stays open."""
    try:
        found = world.hands.look_up(change)
    except ActError:
        return None
    if found is not None:
        return found
    if stopped:
        return world.hands.abandon(change, "the kill switch is on", now)
    if now - change.at > change.recommendation.good_for:
        return world.hands.abandon(change, "too old to send now", now)
    receipt = world.hands.apply(change)
    if receipt.state is ChangeState.REFUSED:  # an earlier attempt may still be on its way
        return world.hands.abandon(change, receipt.said, now)
    return receipt


def look_after(world: World, changes: Sequence[ChangeRecord]) -> tuple[Receipt, ...]:
    """Notice who changed back what we wrote. Of several changes of a field the newest counts."""
    receipts = []
    written: set[tuple[ObjectRef, str]] = set()
    for record in reversed(changes):
        patch = record.change.patch
        mine = {(patch.target, field.path) for field in patch.fields}
        newest = not mine & written
        written |= mine if record.state not in WITHOUT_EFFECT else set()
        if record.state is not ChangeState.APPLIED or not newest:
            continue
        try:
            receipt = world.hands.reverted(record.change)
        except ActError:
            break  # the others would wait as long for nothing; the next tick asks again
        if receipt is not None:
            world.memory.settle(receipt)
            receipts.append(receipt)
    return tuple(receipts)
