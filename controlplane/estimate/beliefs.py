"""One tick's worth of learning about every role."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from controlplane.estimate.capacity import learn_capacity
from controlplane.estimate.prefix import learn_prefix
from controlplane.estimate.starts import learn_starts
from controlplane.model.belief import RoleBeliefs
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView


def estimate(fleet: Fleet, beliefs: Mapping[RoleName, RoleBeliefs]) -> Mapping[RoleName, RoleBeliefs]:
    """What is believed after this tick, for every role of the fleet. A role that is gone is forgotten."""
    return MappingProxyType(
        {name: _learn(role, beliefs.get(name) or RoleBeliefs(role=name)) for name, role in fleet.roles.items()}
    )


def _learn(role: RoleView, before: RoleBeliefs) -> RoleBeliefs:
    known = _scaler(role, _learn_bounds(role, _first_seen(role, before)))
    return learn_capacity(role, learn_prefix(role, learn_starts(role, known)))


def _scaler(role: RoleView, before: RoleBeliefs) -> RoleBeliefs:
    """Note since when the autoscaler is blind. While nobody can tell, nothing is forgotten."""
    scaler = None if role.standing is None else role.standing.scaler
    if scaler is None or scaler.blind == (before.scaler_blind_since is not None):
        return before
    return replace(before, scaler_blind_since=role.at if scaler.blind else None)


def _first_seen(role: RoleView, before: RoleBeliefs) -> RoleBeliefs:
    """Note since when replicas of the role are known to answer."""
    answers = (role.now(Reading.REPLICAS_READY) or 0) > 0
    return replace(before, watched_since=role.at) if answers and before.watched_since is None else before


def _learn_bounds(role: RoleView, before: RoleBeliefs) -> RoleBeliefs:
    """Note when the cluster's bounds changed: a change that was written counts from when it is seen in force."""
    if role.bounds is None:
        lost = before.bounds is not None and before.bounds_unseen_since is None
        return replace(before, bounds_unseen_since=role.at) if lost else before
    if role.bounds != before.bounds:
        return replace(before, bounds=role.bounds, bounds_since=role.at, bounds_unseen_since=None)
    return before if before.bounds_unseen_since is None else replace(before, bounds_unseen_since=None)
