"""What kube-state-metrics told Prometheus about workloads and autoscalers, by the rules of a page of its own."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from controlplane.collect.prometheus_api import Sample
from controlplane.collect.prometheus_questions import OBJECTS, Question
from controlplane.model.keys import RoleName
from controlplane.model.role import RoleSpec
from controlplane.model.sighting import WorkloadSighting
from controlplane.observe.ksm import ClusterPlan, ObjectKey, sight
from controlplane.promql.metric import Signal


def workloads(
    roles: Sequence[RoleSpec], answers: Mapping[Question, Sequence[Sample]], now: datetime
) -> dict[RoleName, WorkloadSighting]:
    """Replicas and bounds of the roles whose objects are known."""
    at: dict[tuple[Signal, ObjectKey], int] = {}
    scales: dict[ObjectKey, ObjectKey] = {}
    values: list[float] = []
    for question, rows in answers.items():
        if question.about not in OBJECTS:
            continue
        for row in rows:
            namespace = row.labels.get("namespace", "")
            where = (question.kind, namespace, row.labels.get(question.kind, ""))
            if question.about is Signal.HPA_TARGET:
                kind = row.labels.get("scaletargetref_kind", "").lower()
                scales[where] = (kind, namespace, row.labels.get("scaletargetref_name", ""))
            else:
                at[Signal(question.about), where] = len(values)
                values.append(row.value)
    plan = ClusterPlan(at, scales)
    found = {role.name: sight(plan, tuple(values), role, now) for role in roles}
    return {name: sighting for name, sighting in found.items() if sighting is not None}
