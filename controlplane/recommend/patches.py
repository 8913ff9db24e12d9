"""Where a change is written: the role's ScaledObject, its workload, or (in words only) fleet.yaml itself.

We never change fleet.yaml: it holds a person's own floor and ceiling. A patch of it is advice, and so is a
patch without fields; both are shown, and held by the arbiter with the reason.
"""

from controlplane.model.keys import ObjectRef
from controlplane.model.patch import FieldChange, Patch, Scalar
from controlplane.model.role import RoleSpec, RoleView

ADVICE_KIND = "Role"
"""Kind of the object that stands for a role in fleet.yaml."""

LAST_ARGUMENT = "/spec/template/spec/containers/0/args/-"
"""Appends to the arguments of the first container. The engines take the last of a repeated flag, so the
patch means the same however often it is applied to what is in the repository."""


def actionable(patch: Patch) -> bool:
    """Whether hands can write it. If not, it is advice."""
    return bool(patch.fields) and patch.target.kind != ADVICE_KIND


def in_words(spec: RoleSpec, path: str, before: Scalar, after: Scalar) -> Patch:
    """What a person would change in fleet.yaml."""
    return Patch(target=_declared(spec), fields=(FieldChange(path=path, before=before, after=after),))


def no_patch(spec: RoleSpec) -> Patch:
    """For what no field of any object can cure."""
    return Patch(target=spec.scaled_object or _declared(spec), fields=())


def least_replicas(role: RoleView, count: int) -> Patch:
    """Set the lower bound of the autoscaler."""
    spec, before = role.spec, role.in_force.min
    if spec.scaled_object is None:
        return in_words(spec, "/replicas/min", before, count)
    return Patch(
        target=spec.scaled_object, fields=(FieldChange(path="/spec/minReplicaCount", before=before, after=count),)
    )


def most_replicas(role: RoleView, count: int) -> Patch:
    """Set the upper bound of the autoscaler."""
    spec, before = role.spec, role.in_force.max
    if spec.scaled_object is None:
        return in_words(spec, "/replicas/max", before, count)
    return Patch(
        target=spec.scaled_object, fields=(FieldChange(path="/spec/maxReplicaCount", before=before, after=count),)
    )


def engine_flag(target: ObjectRef, flag: str) -> Patch:
    """Add one command line flag to the engine."""
    return Patch(target=target, fields=(FieldChange(path=LAST_ARGUMENT, before=None, after=flag),))


def _declared(spec: RoleSpec) -> ObjectRef:
    return ObjectRef(ADVICE_KIND, "fleet.yaml", spec.name)
