"""How long a replica takes from being asked for to serving, and whether one is late.

Raising the number of replicas helps only after a cold start, so everything that waits for a change to
work waits this long. Until the first start was seen we assume :data:`ASSUMED_START`.
"""

from dataclasses import replace
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
    starting = {replica.key for replica in role.replicas if replica.state is ReplicaState.STARTING}
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
    """Follow replicas from first seen starting to first seen serving.

    Nothing is concluded at the first tick after our own start: a replica that became ready while we were
    away would look as if it had taken that long.
    """
    if not role.replicas:
        return before
    watched = len(role.ticks) > 1
    known = dict(before.pending_since)
    pending: dict[ReplicaKey, datetime] = {}
    starts = list(before.starts)
    for replica in role.replicas:
        since = known.get(replica.key)
        if replica.state is ReplicaState.STARTING:
            pending[replica.key] = since or role.at
        elif replica.state is ReplicaState.READY and since is not None and watched:
            took = role.at - since
            if took <= LONGEST_START:
                starts.append(Start(replica=replica.key, ready=role.at, seconds=took.total_seconds()))
    now_pending = tuple(sorted(pending.items()))
    now_starts = tuple(starts[-KEPT_STARTS:])
    if now_pending == before.pending_since and now_starts == before.starts:
        return before
    return replace(before, starts=now_starts, pending_since=now_pending)
