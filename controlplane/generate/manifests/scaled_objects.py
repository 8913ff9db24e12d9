"""ScaledObjects that follow our wish, with a sound law behind it and "as many as there are" behind that.

With the control plane dead the reactive law goes on; with Prometheus dead the fleet stays as it is; nothing that is
missing is ever read as zero. Each object is one that KEDA's own webhook accepts: what it would refuse is refused in
fleet.yaml, where it can be cured.
"""

from collections.abc import Mapping
from datetime import timedelta

from controlplane.generate.manifests.reactive import Reactive
from controlplane.generate.request import Request
from controlplane.generate.text import yaml_text
from controlplane.model.keys import ObjectRef
from controlplane.promql import exported
from controlplane.promql.expr import aggregate, call, one_of, select
from controlplane.promql.layout import laid_out
from controlplane.settings.roles import Role
from controlplane.settings.scaling import Signal
from controlplane.settings.scaling_checks import address, counted, followed
from controlplane.settings.schema import Settings

API_VERSIONS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1"}

FAILURES = 3
"""Failures of a trigger after which the next law takes over: three polls, 45 s; until then the autoscaler holds."""

UP = ({"type": "Percent", "value": 100, "periodSeconds": 15}, {"type": "Pods", "value": 4, "periodSeconds": 15})
"""Any ceiling is reached within a surge: doubled every 15 s, by four while there are few."""
DOWN = ({"type": "Percent", "value": 34, "periodSeconds": 60}, {"type": "Pods", "value": 1, "periodSeconds": 60})
"""A third a minute, whoever wishes for less."""

ASKED = "litellm_proxy_total_requests_metric_total"
IN_FLIGHT = "litellm_in_flight_requests"
ASKED_LATELY = timedelta(minutes=2)
POLL_AT_ZERO = 15
"""Seconds between two looks at the router while a role has no replica: each is a caller's waiting time."""
COOLDOWN = 300
"""Seconds without a wish before the last replica goes; the planner has waited long before that."""


def scaled_object_files(request: Request) -> Mapping[str, str]:
    """Path → text of a ScaledObject for each role that asks for one."""
    made: dict[str, str] = {}
    for name, role in request.settings.roles.items():
        ref, signal = role.scaled_object, followed(request.settings, role)
        if ref is not None and signal is not Signal.NONE:
            document = scaled_object(request.settings, name, role, ref, signal)
            made[f"manifests/keda/{ref.namespace}-{ref.name}.yaml"] = yaml_text(request.source, document)
    return made


def scaled_object(settings: Settings, name: str, role: Role, ref: ObjectRef, signal: Signal) -> dict[str, object]:
    """The ScaledObject of one role."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "labels": {"app.kubernetes.io/managed-by": "llm-controlplane"},
        },
        "spec": {
            "scaleTargetRef": _target(role),
            "minReplicaCount": role.replicas.min,
            "maxReplicaCount": role.replicas.max,
            **({} if role.replicas.min else {"pollingInterval": POLL_AT_ZERO, "cooldownPeriod": COOLDOWN}),
            **(_formula if settings.scaling.sees_absence else _one_query)(settings, name, role, ref, signal),
        },
    }


def _target(role: Role) -> dict[str, object]:
    workload = role.workload
    if workload is None:
        return {}  # refused when fleet.yaml was read
    return {"apiVersion": API_VERSIONS.get(workload.kind, "apps/v1"), "kind": workload.kind, "name": workload.name}


def _formula(settings: Settings, name: str, role: Role, ref: ObjectRef, signal: Signal) -> dict[str, object]:
    """Three triggers and a formula that takes the first that can be seen."""
    least = max(1, role.replicas.min)
    to_zero = role.replicas.min == 0
    law = _law(settings, name, role, ref)
    triggers = [_asks(settings, "reactive", law.share(may_be_none=to_zero)), _counts(role)]
    formula = (
        "(reactive ?? -1) >= 1 ? max(current, reactive) : (reactive ?? -1) > 0 ? reactive * current : "
        f"(reactive ?? -1) == 0 ? current : max(current, {least})"
    )
    if signal is Signal.PLANNER:
        triggers.insert(0, _asks(settings, "planner", _wish(name, ref)))
        formula = f"planner ?? ({formula})"
    if to_zero:
        triggers.append(_asks(settings, "wake", _woken(name, role)))
        formula = f"max({formula}, (wake ?? 1) > 0 ? 1 : 0)"
    return {
        "fallback": {"failureThreshold": FAILURES, "replicas": least, "behavior": "scalingModifiers"},
        "advanced": {
            "scalingModifiers": {"formula": formula, "target": "1", "metricType": "AverageValue"},
            "horizontalPodAutoscalerConfig": {"behavior": _behavior(settings)},
        },
        "triggers": triggers,
    }


def _one_query(settings: Settings, name: str, role: Role, ref: ObjectRef, signal: Signal) -> dict[str, object]:
    """For KEDA whose formulas cannot see that a trigger failed: one query that carries both laws."""
    query = _law(settings, name, role, ref).level(may_be_none=role.replicas.min == 0)
    if signal is Signal.PLANNER:
        query = f"{_wish(name, ref)} or {query}"
    triggers = [_asks(settings, "planner" if signal is Signal.PLANNER else "reactive", query)]
    if role.replicas.min == 0:
        triggers.append(_asks(settings, "wake", call("clamp_max", _woken(name, role), "1")))
    return {
        "fallback": {
            "failureThreshold": FAILURES,
            "replicas": max(1, role.replicas.min),
            "behavior": "currentReplicasIfHigher",
        },
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(settings)}},
        "triggers": triggers,
    }


def _behavior(settings: Settings) -> dict[str, object]:
    """A tolerance of 10 % would swallow every change by one replica from eleven on."""
    exact = {"tolerance": "0"} if settings.scaling.keeps_tolerance else {}
    window = int(settings.scaling.down_window.total_seconds())
    return {
        "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": list(UP), **exact},
        "scaleDown": {"stabilizationWindowSeconds": window, "selectPolicy": "Max", "policies": list(DOWN), **exact},
    }


def _asks(settings: Settings, name: str, query: str) -> dict[str, object]:
    """A trigger that asks Prometheus. No answer is a failure, not 0."""
    authentication = settings.scaling.authentication
    return {
        "type": "prometheus",
        "name": name,
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": address(settings) or "",
            "query": laid_out(query),
            "threshold": "1",
            "ignoreNullValues": "false",
            **({"authModes": "bearer"} if authentication else {}),
        },
        **({"authenticationRef": {"name": authentication}} if authentication else {}),
    }


def _counts(role: Role) -> dict[str, object]:
    """A trigger that counts the role's pods, those that are still starting too."""
    return {
        "type": "kubernetes-workload",
        "name": "current",
        "metricType": "AverageValue",
        "metadata": {"podSelector": counted(role) or "", "value": "1"},
    }


def _wish(name: str, ref: ObjectRef) -> str:
    """Our wish; ``exported_namespace`` where we are scraped without ``honorLabels``. The highest of our replicas'."""
    metric = exported.DESIRED_REPLICAS.name
    ways = [select(metric, ((label, ref.namespace), ("role", name))) for label in ("namespace", "exported_namespace")]
    return aggregate("max", " or ".join(ways))


def _law(settings: Settings, name: str, role: Role, ref: ObjectRef) -> Reactive:
    ttft = role.slo.ttft_p95
    return Reactive(
        namespace=ref.namespace,
        role=name,
        ttft=None if ttft is None else ttft.total_seconds(),
        law=settings.scaling_law(),
    )


def _woken(name: str, role: Role) -> str:
    """Whether somebody asks for a role that may have no replica: only the router can tell.

    LiteLLM's calls in flight carry no model, so they count only until the model was asked for once.
    """
    models = one_of("requested_model", (name, role.model.name))
    asked = call("increase", select(ASKED, window=ASKED_LATELY, where=(models,)))
    return f"{aggregate('sum', asked)} or {aggregate('sum', IN_FLIGHT)}"
