"""What is known to bite in ScaledObjects and in what stands around them, in files and in clusters alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from controlplane.doctor import (
    scaled_objects_behavior,
    scaled_objects_blind,
    scaled_objects_bounds,
    scaled_objects_owners,
    scaled_objects_query,
    workloads,
)
from controlplane.doctor.plain import text
from controlplane.doctor.row import Row
from controlplane.doctor.scaled_objects_read import KIND, Context, Scaled, flat

__all__ = ["CHECKS", "Context", "check"]

CHECKS = (
    *scaled_objects_blind.CHECKS,
    *scaled_objects_query.CHECKS,
    *scaled_objects_bounds.CHECKS,
    *scaled_objects_behavior.CHECKS,
    *scaled_objects_owners.CHECKS,
    *workloads.CHECKS,
)


def check(documents: Sequence[Mapping[str, Any]], context: Context) -> tuple[Row, ...]:
    """Everything wrong with the ScaledObjects among these objects, and with what is around them.

    Args:
        documents: parsed objects of any kind: ScaledObjects, Deployments, HPAs, PodDisruptionBudgets, Applications.
        context: what else is known.
    """
    objects = list(flat(documents))
    found = [Scaled(o) for o in objects if text(o, "kind") == KIND]
    rows: list[Row] = []
    for so in found:
        rows += scaled_objects_owners.check(so, context)
        rows += scaled_objects_blind.check(so, workloads.running(objects, so))
        rows += scaled_objects_query.check(so, context)
        rows += scaled_objects_bounds.check(so, context)
        rows += scaled_objects_behavior.check(so, context)
    rows += scaled_objects_owners.together(found, objects)
    rows += workloads.check(objects, found, context)
    return tuple(rows)
