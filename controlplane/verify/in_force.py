"""Since when a change is really in force.

A patch file is only a wish until somebody merges it and a controller applies it. What is judged must be
the change, so it counts from when the cluster shows it: bounds that are seen, replicas that have restarted.
"""

from datetime import datetime

from controlplane.decide.guardrail import LEAST_PATH, MOST_PATH, UNNAMED
from controlplane.model.belief import RoleBeliefs
from controlplane.model.change import ChangeRecord
from controlplane.model.patch import Patch
from controlplane.model.recommendation import Kind
from controlplane.model.role import Bounds, ReplicaState, RoleView


def in_force_since(record: ChangeRecord, role: RoleView, beliefs: RoleBeliefs) -> datetime | None:
    """When the change took effect; ``None`` while that is not seen."""
    written = record.receipt.at if record.receipt else record.change.at
    if sets_bounds(record.change.patch):
        if beliefs.bounds is None or beliefs.bounds_since is None or not shows(record.change.patch, beliefs.bounds):
            return None
        return max(written, beliefs.bounds_since)
    if record.change.kind is Kind.ENGINE_FLAGS:
        starts = [replica.started for replica in role.replicas if replica.state is ReplicaState.READY]
        restarted = [at for at in starts if at is not None and at > record.change.at]
        return max(restarted) if restarted and len(restarted) == len(starts) else None
    return written


def sets_bounds(patch: Patch) -> bool:
    """Whether the patch is about replica bounds, which the cluster shows."""
    return any(field.path in (LEAST_PATH, MOST_PATH) for field in patch.fields)


def shows(patch: Patch, bounds: Bounds) -> bool:
    """Whether these bounds are what the patch asks for."""
    wanted = {f.path: UNNAMED.get(f.path) if f.after is None else f.after for f in patch.fields}
    return wanted.get(LEAST_PATH, bounds.min) == bounds.min and wanted.get(MOST_PATH, bounds.max) == bounds.max
