"""Which role a pod belongs to, and which models it serves: said once here, joined everywhere else.

The control plane knows best; while it is not running, fleet.yaml's own ``select`` finds the pods, and an engine that
nobody claims is ``unassigned``. There is exactly one row per pod: a join with two would fail, and every rule after it.
"""

from collections.abc import Iterator

from controlplane.generate.rules.moved import ours
from controlplane.generate.rules.rule import Record, labelled, on
from controlplane.promql import exported
from controlplane.promql.expr import Match, aggregate, select
from controlplane.promql.recorded import POD, POD_MODEL, ROLE_MODEL, UNASSIGNED
from controlplane.settings.roles import Role
from controlplane.settings.schema import Settings

INFO = "llm_pod:info"
MODEL_INFO = "llm_pod:model:info"
MODEL_SHARE = "llm_pod:model_share:ratio"
RUNNING = "llm_pod:requests_running:sum"

JOIN = f"* {on(POD)} group_left (role, phase) {INFO}"
"""Puts role and phase on series of pods."""
_TOLD_APART_BY = {"model_name": "model", "cluster": "cluster", "namespace": "namespace", "pod": "pod"}
"""Labels of fleet.yaml's ``select`` that recorded series still carry, and what they are called there."""


def info_rules(settings: Settings) -> Iterator[Record]:
    """Who a pod is."""
    yield Record(name=INFO, expr=f"topk by ({', '.join(POD)}) (1, {_roles(settings)})")
    told = ours(exported.POD_INFO, "group", POD_MODEL)
    unknown = labelled(aggregate("group", INFO, POD), model="unknown")
    served = aggregate("group", RUNNING, POD_MODEL)
    yield Record(name=MODEL_INFO, expr=f" or {on(POD)} ".join((served, told, unknown)))
    several = aggregate("count", MODEL_INFO, POD)
    yield Record(name=MODEL_SHARE, expr=f"{MODEL_INFO} / {on(POD)} group_left () {several}")


def per_role(per_pod: str) -> str:
    """Sum of something that a pod has once (GPUs, money) over each role, divided among the models a pod serves."""
    shared = f"({MODEL_SHARE} * {on(POD)} group_left () {per_pod})"
    return aggregate("sum", f"{shared} {JOIN}", ROLE_MODEL)


def _roles(settings: Settings) -> str:
    ways = [ours(exported.POD_INFO, "group", (*POD, "role", "phase"))]
    for name, role in settings.roles.items():
        matchers = _matchers(role)
        if matchers is not None:
            ways.append(labelled(aggregate("group", select(RUNNING, matchers), POD), role=name, phase=role.phase.value))
    ways.append(labelled(aggregate("group", RUNNING, POD), role=UNASSIGNED, phase="both"))
    return f" or {on(POD)} ".join(ways)


def _matchers(role: Role) -> list[Match] | None:
    """The role's ``select`` on recorded series; ``None`` where it needs labels they do not carry."""
    outside = {"instance": "pod"} if role.namespace is None else {}
    names = {**_TOLD_APART_BY, **outside}
    wanted = role.matchers()
    if any(label not in names for label in wanted):
        return None
    return [Match(names[label], value) for label, value in sorted(wanted.items())]
