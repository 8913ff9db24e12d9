"""Cold starts are learned from what was really watched."""

from dataclasses import replace
from datetime import datetime, timedelta

from controlplane.estimate.beliefs import estimate
from controlplane.estimate.starts import (
    ASSUMED_START,
    KEPT_STARTS,
    help_is_coming,
    late_for,
    learn_starts,
    usual_start,
)
from controlplane.model.belief import RoleBeliefs, Start
from controlplane.model.keys import ReplicaKey
from controlplane.model.role import Bounds, ReplicaState, RoleView
from controlplane.model.workload import PodView
from tests.builders import NOON, PLANNER, STEP, a_fleet, a_replica, a_role, a_spec, minutely, some_beliefs


def tick(at: datetime, state: ReplicaState) -> RoleView:
    return a_role(at=at, ready=1, desired=2, replicas=(a_replica(number=0), a_replica(number=7, state=state)))


def test_a_start_is_timed_from_first_seen_starting_to_first_seen_serving():
    beliefs = learn_starts(tick(NOON, ReplicaState.STARTING), some_beliefs())
    beliefs = learn_starts(tick(NOON + timedelta(minutes=1), ReplicaState.STARTING), beliefs)
    beliefs = learn_starts(tick(NOON + timedelta(minutes=4), ReplicaState.READY), beliefs)
    assert [s.seconds for s in beliefs.starts] == [240]
    assert beliefs.pending_since == ()
    assert usual_start(beliefs) == timedelta(minutes=4)


def test_a_replica_that_became_ready_while_we_were_away_teaches_nothing():
    beliefs = learn_starts(tick(NOON, ReplicaState.STARTING), some_beliefs())
    first_after_restart = tick(NOON + timedelta(hours=1), ReplicaState.READY)
    one_tick = replace(
        first_after_restart,
        ticks=first_after_restart.ticks[-1:],
        columns={r: c[-1:] for r, c in first_after_restart.columns.items()},
    )
    assert learn_starts(one_tick, beliefs).starts == ()


def test_a_replica_that_waited_hours_for_a_gpu_is_no_start():
    beliefs = learn_starts(tick(NOON, ReplicaState.STARTING), some_beliefs())
    assert learn_starts(tick(NOON + timedelta(hours=3), ReplicaState.READY), beliefs).starts == ()


def test_replicas_that_were_not_seen_at_all_leave_what_is_known_alone():
    beliefs = learn_starts(tick(NOON, ReplicaState.STARTING), some_beliefs())
    assert learn_starts(a_role(replicas=()), beliefs) is beliefs


def test_only_the_last_starts_are_kept():
    key = ReplicaKey(PLANNER, "planner-7")
    old = tuple(Start(replica=key, ready=NOON, seconds=float(n)) for n in range(KEPT_STARTS))
    beliefs = learn_starts(tick(NOON, ReplicaState.STARTING), some_beliefs(starts=old))
    beliefs = learn_starts(tick(NOON + timedelta(minutes=1), ReplicaState.READY), beliefs)
    assert len(beliefs.starts) == KEPT_STARTS
    assert beliefs.starts[0].seconds == 1


def test_a_start_is_assumed_until_one_was_seen():
    assert usual_start(RoleBeliefs(role=PLANNER)) == ASSUMED_START


def test_a_replica_is_help_until_it_is_late():
    young = a_role(ready=1, pending=1, replicas=(a_replica(),), waiting=minutely(*[9] * 10))
    old = a_role(ready=1, pending=1, replicas=(a_replica(),), waiting=minutely(*[9] * 20))
    assert help_is_coming(young, some_beliefs())
    assert late_for(old, some_beliefs()) == timedelta(minutes=19)
    assert not help_is_coming(old, some_beliefs())


def test_the_replica_itself_says_how_long_it_has_been_starting():
    """Several scale-ups after one another keep the count above zero; that does not make the last one late."""
    starting = a_replica(number=3, state=ReplicaState.STARTING)
    role = a_role(ready=1, pending=1, replicas=(a_replica(), starting), waiting=minutely(*[9] * 40))
    since = some_beliefs(pending_since=((starting.key, NOON - timedelta(minutes=2)),))
    assert help_is_coming(role, since)


def test_bounds_are_dated_when_they_change_and_kept_while_unseen():
    first = estimate(a_fleet(a_role(bounds=Bounds(min=1, max=4))), {})
    later = NOON + timedelta(minutes=5)
    unseen = estimate(a_fleet(a_role(at=later, bounds_seen=False)), first)
    changed = estimate(a_fleet(a_role(at=later, bounds=Bounds(min=2, max=4))), unseen)
    assert unseen[PLANNER].bounds == Bounds(min=1, max=4)
    assert unseen[PLANNER].bounds_since == NOON
    assert unseen[PLANNER].bounds_unseen_since == later
    assert estimate(a_fleet(a_role(at=later + STEP, bounds_seen=False)), unseen)[PLANNER].bounds_unseen_since == later
    assert estimate(a_fleet(a_role(at=later, bounds=Bounds(min=1, max=4))), unseen)[PLANNER] == first[PLANNER]
    assert changed[PLANNER].bounds_unseen_since is None
    assert changed[PLANNER].bounds == Bounds(min=2, max=4)
    assert changed[PLANNER].bounds_since == later


def test_a_role_that_is_gone_is_forgotten():
    known = {PLANNER: some_beliefs()}
    assert PLANNER not in estimate(a_fleet(a_role(a_spec("worker"))), known)


def born(minutes: float, *, ready: float | None = None, name: str = "planner-7", leaving: bool = False) -> PodView:
    """A pod created some minutes after noon, and ready since some minutes after noon."""
    since = None if ready is None else NOON + timedelta(minutes=ready)
    return PodView(name=name, created=NOON + timedelta(minutes=minutes), ready_since=since, leaving=leaving)


def with_pod(role: RoleView, pod: PodView, *, tokens: float | None = None) -> RoleView:
    told = tuple(replace(r, tokens_out=tokens) if r.key.name == pod.name else r for r in role.replicas)
    return replace(role, pods=(pod,), replicas=told)


def test_where_pods_are_seen_a_start_is_timed_from_created_to_ready():
    minute = timedelta(minutes=1)
    beliefs = learn_starts(with_pod(tick(NOON + 2 * minute, ReplicaState.STARTING), born(0.5)), some_beliefs())
    assert dict(beliefs.pending_since).popitem()[1] == NOON + timedelta(seconds=30), "it was asked for before we saw it"
    not_yet = with_pod(tick(NOON + 3 * minute, ReplicaState.READY), born(0.5))
    beliefs = learn_starts(not_yet, beliefs)
    assert beliefs.starts == (), "its page answers, but the pod gets no requests yet"
    beliefs = learn_starts(with_pod(tick(NOON + 4 * minute, ReplicaState.READY), born(0.5, ready=3.5)), beliefs)
    (start,) = beliefs.starts
    assert (start.seconds, start.ready, start.first_token) == (180, NOON + timedelta(minutes=3.5), None)


def test_the_first_token_ends_a_cold_start():
    minute = timedelta(minutes=1)
    beliefs = learn_starts(with_pod(tick(NOON, ReplicaState.STARTING), born(0)), some_beliefs())
    pod = born(0, ready=2)
    beliefs = learn_starts(with_pod(tick(NOON + 2 * minute, ReplicaState.READY), pod, tokens=0), beliefs)
    assert beliefs.first_token_p90 is None
    beliefs = learn_starts(with_pod(tick(NOON + 3 * minute, ReplicaState.READY), pod, tokens=5), beliefs)
    beliefs = learn_starts(with_pod(tick(NOON + 4 * minute, ReplicaState.READY), pod, tokens=900), beliefs)
    assert (beliefs.cold_start_p90, beliefs.first_token_p90) == (120, 180)


def test_a_replica_that_nobody_asked_for_a_token_says_nothing_about_the_first():
    beliefs = learn_starts(with_pod(tick(NOON, ReplicaState.STARTING), born(0)), some_beliefs())
    pod = born(0, ready=1)
    for minutes, tokens in ((1, 0), (9, 5)):
        at = NOON + timedelta(minutes=minutes)
        beliefs = learn_starts(with_pod(tick(at, ReplicaState.READY), pod, tokens=tokens), beliefs)
    assert (beliefs.cold_start_p90, beliefs.first_token_p90) == (60, None)


def test_pods_alone_are_enough_to_time_a_start():
    minute = timedelta(minutes=1)
    asked = replace(a_role(at=NOON + minute, pending=1, replicas=()), pods=(born(0),))
    beliefs = learn_starts(asked, some_beliefs())
    assert late_for(replace(asked, at=NOON + timedelta(minutes=20)), beliefs) == timedelta(minutes=20)
    beliefs = learn_starts(replace(asked, at=NOON + 3 * minute, pods=(born(0, ready=2),)), beliefs)
    assert [s.seconds for s in beliefs.starts] == [120]
    assert beliefs.pending_since == ()


def test_a_pod_that_goes_before_it_was_ready_was_no_start():
    beliefs = learn_starts(replace(a_role(replicas=()), pods=(born(0),)), some_beliefs())
    gone = replace(a_role(replicas=()), pods=(born(0, leaving=True), born(0, ready=0, name="planner-1")))
    beliefs = learn_starts(gone, beliefs)
    assert (beliefs.starts, beliefs.pending_since) == ((), ())
