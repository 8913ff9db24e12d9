"""The wish for replicas is part of the walk, and thinking a tick again gives the same one."""

from dataclasses import replace

from controlplane.decide.guardrails.freeze import Freeze, FreezeWindow
from controlplane.loop.policy import Policy, policy_from_text, policy_text
from controlplane.loop.ports import Kept
from controlplane.loop.replay import replay
from controlplane.loop.walk import think
from controlplane.model.cycle import Cycle, Stop
from controlplane.model.fleet import Fleet
from controlplane.store.codec import Codec
from controlplane.store.records import INPUTS, Inputs
from tests.builders import MINUTE, NOON, PLANNER, a_calm_role, a_fleet, a_recollection, a_spec, no_lap, ticking

POLICY = Policy(fleet="agents-test", roles=(a_spec(),))
CROWDED = a_fleet(a_calm_role(kv_usage=ticking(*[0.3] * 30, *(0.3 + 0.04 * i for i in range(12)))))


def thought(fleet: Fleet = CROWDED, policy: Policy = POLICY, stop: Stop | None = None) -> Cycle:
    return think(fleet, replace(a_recollection(), stop=stop), policy, NOON, no_lap)


def test_every_tick_wishes_for_every_role():
    wish = thought().desired[PLANNER]
    assert wish.replicas == 4
    assert wish.because


def test_a_tick_out_of_the_ledger_thought_again_wishes_the_same():
    cycle, past = thought(), a_recollection()
    stored = INPUTS.unpacked(INPUTS.packed(Inputs(fleet=cycle.fleet, past=past, decisions=cycle.decisions)))
    again = think(stored.fleet, stored.past, policy_from_text(policy_text(POLICY)), NOON, no_lap)
    assert again.desired == cycle.desired
    assert Codec(Cycle).value(Codec(Cycle).text(cycle)).desired == cycle.desired


def test_replay_of_a_decision_says_the_wish_of_its_tick():
    crowded = a_fleet(a_calm_role(waiting=40.0, waiting_per_replica=20.0))
    cycle = thought(crowded)
    kept = Kept(
        decision=cycle.decisions[0],
        fleet=crowded,
        past=a_recollection(),
        policy=policy_text(POLICY),
        decisions=cycle.decisions,
    )
    assert replay(kept).desired == cycle.desired


def test_the_settings_of_the_law_are_part_of_the_policy():
    lean = replace(POLICY, law=replace(POLICY.law, kv_fill=1.0, kv_fill_rising=1.0))
    assert policy_from_text(policy_text(lean)) == lean
    assert (thought(policy=lean).desired[PLANNER].replicas or 9) < (thought().desired[PLANNER].replicas or 0)


def test_a_freeze_takes_the_trend_away_and_the_kill_switch_the_wish():
    window = FreezeWindow(schedule="0 11 * * *", duration=120 * MINUTE)
    frozen = replace(POLICY, guardrails=(Freeze(windows=(window,)),))
    assert (thought(policy=frozen).desired[PLANNER].replicas or 9) < (thought().desired[PLANNER].replicas or 0)
    assert not thought(stop=Stop(by="ann", at=NOON, reason="drill")).desired[PLANNER].valid
