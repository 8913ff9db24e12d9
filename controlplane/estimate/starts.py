"""How long a replica takes from being asked for to serving, and whether one is late.

Raising the number of replicas helps only after a cold start, so everything that waits for a change to
work waits this long. Until the first start was seen we assume :data:`ASSUMED_START`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controlplane.model.belief import RoleBeliefs, Start
from controlplane.model.keys import ReplicaKey
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, RoleView

ASSUMED_START = timedelta(minutes=10)
"""Cold start before one was seen: 30 s for a 7B with its weights on a volume, over 20 min for a 70B without."""

KEPT_STARTS = 20
"""Cold starts remembered: enough for a 90th percentile, few enough to follow a new image or disk."""

LONGEST_START = timedelta(hours=2)
"""A replica that took longer was waiting for a GPU, not starting: nothing is learned from it."""

FIRST_TOKEN_PATIENCE = timedelta(minutes=5)
"""A replica that gave no token for so long after it was ready was not asked for any: nothing is learned from it."""

LATE_FACTOR = 1.5
LATE_ALLOWANCE = timedelta(minutes=1)
"""Late is one and a half usual starts and a minute: below that it is the spread of ordinary starts."""


def usual_start(beliefs: RoleBeliefs) -> timedelta:
    """How long a start takes: 90th percentile of those seen, else :data:`ASSUMED_START`."""
    seconds = beliefs.cold_start_p90
    return ASSUMED_START if seconds is None else timedelta(seconds=seconds)


def starting_since(role: RoleView, beliefs: RoleBeliefs) -> datetime | None:
    """Since when the longest-waiting replica is on its way; ``None`` when none is known to be."""
    if not role.scaling:
        return None
    starting = {life.key for life in _lives(role) if life.ready is None}
    seen = [since for key, since in beliefs.pending_since if key in starting]
    if seen:
        return min(seen)
    return role.series(Reading.REPLICAS_PENDING).holds_since(lambda pending: pending > 0)


def late_for(role: RoleView, beliefs: RoleBeliefs) -> timedelta | None:
    """How long a replica has been on its way when that is longer than a start can take; else ``None``.

    Such a replica waits for capacity (no GPU, a quota) or fails to start: asking for more will not help.
    """
    since = starting_since(role, beliefs)
    if since is None:
        return None
    waited = role.at - since
    return waited if waited > usual_start(beliefs) * LATE_FACTOR + LATE_ALLOWANCE else None


def help_is_coming(role: RoleView, beliefs: RoleBeliefs) -> bool:
    """Whether a replica is on its way and not late."""
    return role.scaling and late_for(role, beliefs) is None


def learn_starts(role: RoleView, before: RoleBeliefs) -> RoleBeliefs:
    """Follow replicas from being asked for to serving, and on to their first token.

    Where pods are seen their own instants count: created, ready. Else it is first seen starting, first seen serving.
    Nothing is concluded at the first tick after our own start: a replica that became ready while we were
    away would look as if it had taken that long.
    """
    lives = tuple(_lives(role))
    if not lives:
        return before
    watched = len(role.ticks) > 1
    known = dict(before.pending_since)
    pending: dict[ReplicaKey, datetime] = {}
    starts = [_with_first_token(start, role) for start in before.starts]
    for life in lives:
        since = known.get(life.key) or life.asked
        if life.ready is None:
            pending[life.key] = since or role.at
        elif life.key in known and since is not None and watched:
            took = life.ready - (life.asked or since)
            if timedelta(0) <= took <= LONGEST_START:
                started = Start(replica=life.key, ready=life.ready, seconds=took.total_seconds())
                starts.append(_with_first_token(started, role))
    now_pending = tuple(sorted(pending.items()))
    now_starts = tuple(starts[-KEPT_STARTS:])
    if now_pending == before.pending_since and now_starts == before.starts:
        return before
    return replace(before, starts=now_starts, pending_since=now_pending)


@dataclass(frozen=True, slots=True)
class _Life:
    """One replica, by its page, its pod, or both."""

    key: ReplicaKey
    asked: datetime | None
    """When it was asked for, where its pod says so."""
    ready: datetime | None
    """Since when it serves; ``None`` while it does not."""


def _lives(role: RoleView) -> Iterator[_Life]:
    """Replicas that start or serve. Where its pod is seen, that says; else its page, less those that were lost."""
    pods = {ReplicaKey(role.name, pod.name): pod for pod in role.pods or () if pod.created is not None}
    for replica in role.replicas:
        if replica.key not in pods and replica.state is not ReplicaState.LOST:
            yield _Life(replica.key, None, role.at if replica.state is ReplicaState.READY else None)
    for key, pod in pods.items():
        if not pod.leaving:
            yield _Life(key, pod.created, pod.ready_since)


def _with_first_token(start: Start, role: RoleView) -> Start:
    """A start, with when its replica was first seen to have given tokens, if that is now."""
    if start.first_token is not None or role.at - start.ready > FIRST_TOKEN_PATIENCE:
        return start
    given = next((replica.tokens_out for replica in role.replicas if replica.key == start.replica), None)
    if not given:
        return start
    return replace(start, first_token=start.seconds + max(0.0, (role.at - start.ready).total_seconds()))
