"""What stands around a model server and undoes its scaling: CPU autoscalers, short goodbyes, no budget, self-heal."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controlplane.doctor.check import Check
from controlplane.doctor.operator import picks
from controlplane.doctor.plain import items, labels, part, text
from controlplane.doctor.row import Row
from controlplane.doctor.scaled_objects_read import KIND, RESOURCES, Context, Scaled, real, written
from controlplane.model.finding import Severity
from controlplane.model.keys import MANAGER
from controlplane.model.units import seconds_text

ON_CPU = Check(
    id="hpa-on-cpu",
    severity=Severity.CRITICAL,
    title="a model server is scaled on CPU or memory",
    why="An engine's CPU is busy when it is idle and idle when its GPU is full; its memory is taken at the start and "
    "never given back. The fleet grows and shrinks for no reason.",
    fix="Scale on waiting requests and KV cache use.",
)
NO_BUDGET = Check(
    id="pdb-missing",
    severity=Severity.WARNING,
    title="a model server has no PodDisruptionBudget",
    why="A drain of a node or an upgrade may take all its replicas at once; each takes minutes to come back.",
    fix="Add a PodDisruptionBudget with maxUnavailable: 1.",
)
SHORT_GOODBYE = Check(
    id="grace-too-short",
    severity=Severity.WARNING,
    title="a replica is killed before its answers are done",
    why="Scaling in then breaks requests: whoever waits for a long answer gets an error, and pays for it again.",
    fix="Set terminationGracePeriodSeconds above the 99th percentile of an answer's time.",
)
SELF_HEAL = Check(
    id="argo-self-heal",
    severity=Severity.WARNING,
    title="Argo CD undoes every change of a ScaledObject within seconds",
    why="With selfHeal a live change of a bound is reverted at once, by whoever it was made: a fight nobody wins.",
    fix="Ignore the fields that are changed live, by their manager.",
)
CHECKS = (ON_CPU, NO_BUDGET, SHORT_GOODBYE, SELF_HEAL)

WORKLOADS = frozenset({"Deployment", "StatefulSet"})
USUAL_GRACE = 30
"""Kubernetes' own terminationGracePeriodSeconds."""
USUAL_ANSWER = 60.0
"""Seconds a long answer takes where nobody has measured it: 1,500 tokens at 40 ms."""
_ENGINE = re.compile(r"vllm|sglang|text-generation-inference|tensorrt|tritonserver|llama|ray-llm", re.IGNORECASE)


def check(documents: Sequence[Mapping[str, Any]], found: Sequence[Scaled], context: Context) -> Iterator[Row]:
    """Rows about workloads, HPAs and Applications."""
    servers = {_place(d): d for d in documents if text(d, "kind") in WORKLOADS and serves_models(d)}
    scaled = {so.target for so in found}
    for spec in context.roles:
        ref = spec.workload
        scaled |= {(ref.namespace, ref.kind, ref.name)} if ref else set()
    yield from _on_cpu(documents, found, {*servers, *scaled})
    budgets = [d for d in documents if text(d, "kind") == "PodDisruptionBudget"]
    for place, server in sorted(servers.items()):
        yield from _budget(place, server, budgets)
        yield from _goodbye(place, server, context)
    for document in documents:
        if text(document, "kind") == "Application":
            yield from _self_heal(document, found)


def serves_models(workload: Mapping[str, Any]) -> bool:
    """Whether a workload is a model server: it holds GPUs, or runs an engine's image."""
    for container in items(part(workload, "spec", "template", "spec"), "containers"):
        wanted = {**part(container, "resources", "requests"), **part(container, "resources", "limits")}
        if any(str(name).startswith("nvidia.com/") for name in wanted) or _ENGINE.search(text(container, "image")):
            return True
    return False


def running(documents: Sequence[Mapping[str, Any]], so: Scaled) -> int | None:
    """Replicas that are there now, as its workload's status says."""
    for document in documents:
        if text(document, "kind") in WORKLOADS and _place(document) == so.target:
            count = real(part(document, "status").get("replicas"))
            return None if count is None else int(count)
    return None


def _place(document: Mapping[str, Any]) -> tuple[str, str, str]:
    meta = part(document, "metadata")
    return text(meta, "namespace") or "default", text(document, "kind"), text(meta, "name")


def _on_cpu(
    documents: Sequence[Mapping[str, Any]], found: Sequence[Scaled], servers: set[tuple[str, str, str]]
) -> Iterator[Row]:
    instead = {
        "type": "prometheus",
        "metadata": {
            "serverAddress": "http://prometheus.monitoring:9090",
            "query": 'sum(llm_role:requests_waiting:sum{role="…"})',
            "threshold": "5",
            "ignoreNullValues": "false",
        },
    }
    fix = written({"spec": {"triggers": [instead]}})
    for so in found:
        on = sorted({t.type for t in so.triggers} & RESOURCES)
        if on and so.target in servers:
            evidence = tuple(f"{t.path}.type = {t.type}" for t in so.triggers if t.type in RESOURCES)
            yield ON_CPU.row(so.subject, f"scales {so.target[2]} on {' and '.join(on)}", evidence=evidence, fix=fix)
    for hpa in documents:
        if text(hpa, "kind") != "HorizontalPodAutoscaler":
            continue
        meta, ref = part(hpa, "metadata"), part(hpa, "spec", "scaleTargetRef")
        space, name = text(meta, "namespace") or "default", text(meta, "name")
        if any(text(owner, "kind") == KIND for owner in items(meta, "ownerReferences")):
            continue  # its ScaledObject is looked at
        on = sorted({text(part(m, "resource"), "name") for m in items(part(hpa, "spec"), "metrics")} & RESOURCES)
        if part(hpa, "spec").get("targetCPUUtilizationPercentage") is not None:
            on = ["cpu"]
        if on and (space, text(ref, "kind"), text(ref, "name")) in servers:
            said = f"scales {text(ref, 'name')}, a model server, on {' and '.join(on)}"
            evidence = (f"spec.metrics: {', '.join(on)}",)
            yield ON_CPU.row(f"HorizontalPodAutoscaler {space}/{name}", said, evidence=evidence, fix=fix)


def _budget(
    place: tuple[str, str, str], server: Mapping[str, Any], budgets: Sequence[Mapping[str, Any]]
) -> Iterator[Row]:
    space, kind, name = place
    carried = labels(part(server, "spec", "template", "metadata"))
    for budget in budgets:
        where = text(part(budget, "metadata"), "namespace") or "default"
        if where == space and picks(part(budget, "spec").get("selector"), carried):
            return
    fix = written(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": space},
            "spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": labels(part(server, "spec", "selector"), "matchLabels") or carried},
            },
        }
    )
    said = "may lose all its replicas at once to a drain: no PodDisruptionBudget picks its pods"
    evidence = (f"{len(budgets)} PodDisruptionBudgets among the objects",)
    yield NO_BUDGET.row(f"{kind} {space}/{name}", said, evidence=evidence, fix=fix)


def _goodbye(place: tuple[str, str, str], server: Mapping[str, Any], context: Context) -> Iterator[Row]:
    space, kind, name = place
    pod = part(server, "spec", "template", "spec")
    said = pod.get("terminationGracePeriodSeconds")
    grace = real(said) if said is not None else float(USUAL_GRACE)
    if grace is None:
        return
    answer, known = context.answers.get(f"{space}/{name}"), True
    if answer is None:
        answer, known = _promised(place, context) or USUAL_ANSWER, False
    if grace >= answer:
        return
    what = "answers take" if known else "answers may take"
    words = f"is killed {grace:g} s after it was asked to stop, and {what} up to {seconds_text(answer)}"
    evidence = (f"terminationGracePeriodSeconds = {'not set (30)' if said is None else said}",)
    whole = int(answer) + 30
    fix = written({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": whole}}}})
    severity = SHORT_GOODBYE.severity if known else Severity.INFO
    yield SHORT_GOODBYE.row(f"{kind} {space}/{name}", words, evidence=evidence, fix=fix, severity=severity)


def _promised(place: tuple[str, str, str], context: Context) -> float | None:
    """What fleet.yaml promises an answer to take."""
    for spec in context.roles:
        ref = spec.workload
        if ref is not None and (ref.namespace, ref.kind, ref.name) == place:
            return spec.slo.e2e_p95
    return None


def _self_heal(application: Mapping[str, Any], found: Sequence[Scaled]) -> Iterator[Row]:
    spec, meta = part(application, "spec"), part(application, "metadata")
    if part(spec, "syncPolicy", "automated").get("selfHeal") is not True:
        return
    for ignored in items(spec, "ignoreDifferences"):
        if text(ignored, "kind") in {KIND, "*"}:
            return
    carried = {
        (text(r, "namespace"), text(r, "name"))
        for r in items(part(application, "status"), "resources")
        if text(r, "kind") == KIND
    }
    home = text(part(spec, "destination"), "namespace")
    owned = [so for so in found if (so.namespace, so.name) in carried or (not carried and so.namespace == home)]
    if not owned:
        return
    ignore = {"group": "keda.sh", "kind": KIND, "managedFieldsManagers": [MANAGER]}
    fix = written(
        {"spec": {"ignoreDifferences": [ignore], "syncPolicy": {"syncOptions": ["RespectIgnoreDifferences=true"]}}}
    )
    said = f"undoes every live change of {', '.join(so.subject for so in owned[:3])}"
    evidence = ("spec.syncPolicy.automated.selfHeal = true", "no ignoreDifferences for ScaledObjects")
    space = text(meta, "namespace") or "argocd"
    yield SELF_HEAL.row(f"Application {space}/{text(meta, 'name')}", said, evidence=evidence, fix=fix)
