"""From what a Prometheus or a Kubernetes namespace shows to the roles of a first fleet.yaml. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from controlplane.model.role import Engine
from controlplane.settings.draft import DraftRole
from controlplane.settings.gpus import type_of_product

Object = Mapping[str, Any]
PORTS = {Engine.VLLM: 8000, Engine.SGLANG: 30000, Engine.RAY_SERVE: 8080}
"""Where each engine serves its metrics unless told otherwise."""
RUNNING_NOW = "what runs now; say what may run"
_MODEL_FLAGS = ("--served-model-name", "--model", "--model-path")
_PODS = (
    ("template", "spec"),
    ("leaderWorkerTemplate", "leaderTemplate", "spec"),
    ("leaderWorkerTemplate", "workerTemplate", "spec"),
)
"""Where a workload keeps its pods' spec; of a LeaderWorkerSet the leader serves."""
_LEADER = ("leaderworkerset.sigs.k8s.io/name", "leaderworkerset.sigs.k8s.io/worker-index")
_MODEL_ENV = ("SERVED_MODEL_NAME", "MODEL_NAME", "MODEL_ID", "MODEL")


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One pod's engine as Prometheus shows it; empty strings where a label is missing."""

    engine: Engine
    model: str
    namespace: str
    pod: str


def roles_from_rows(rows: Iterable[EngineRow], gpus: Mapping[tuple[str, str], Sequence[str]]) -> tuple[DraftRole, ...]:
    """One role per engine, model and namespace. ``gpus``: (namespace, pod) → product names of its GPUs."""
    pods: dict[tuple[Engine, str, str], set[str]] = defaultdict(set)
    for row in rows:
        if _is_model(row.model) and row.namespace.isprintable():
            pods[row.engine, row.model, row.namespace].add(row.pod)
    made = []
    for (engine, model, namespace), names in sorted(pods.items()):
        held = [gpus[namespace, pod] for pod in sorted(names) if gpus.get((namespace, pod))]
        count = max(1, len(names))
        made.append(
            DraftRole(
                model=model,
                engine=engine,
                select={"namespace": namespace} if namespace else {},
                gpu=type_of_product(held[0][0]) if held else None,
                gpus_per_replica=len(held[0]) if held else None,
                replicas=(count, count),
                guesses={"replicas": RUNNING_NOW},
            )
        )
    return tuple(made)


def roles_from_objects(namespace: str, workloads: Sequence[Object], scaled: Sequence[Object]) -> tuple[DraftRole, ...]:
    """One role per workload that asks for GPUs, with the ScaledObject that scales it."""
    by_target = {}
    for thing in scaled:
        target = _at(thing, "spec", "scaleTargetRef") or {}
        by_target[str(target.get("kind") or "Deployment"), str(target.get("name"))] = thing
    made = []
    for workload in workloads:
        role = _from_workload(namespace, workload, by_target)
        if role is not None:
            made.append(role)
    return tuple(made)


def _from_workload(namespace: str, workload: Object, scaled: Mapping[tuple[str, str], Object]) -> DraftRole | None:
    kind, name = str(workload.get("kind") or "Deployment"), str(_at(workload, "metadata", "name") or "")
    pod: Object = next((found for path in _PODS if (found := _at(workload, "spec", *path))), {})
    for container in pod.get("containers") or ():
        count, mig = _requested(container)
        if count:
            break
    else:
        return None
    engine, model = engine_of(container), model_of(container)
    guesses = {} if engine else {"engine": "its image and command do not tell"}
    if model is None:
        guesses["model"] = "named after its workload; write the engine's model_name"
    engine = engine or Engine.VLLM
    labels = _at(workload, "spec", "selector", "matchLabels") or {_LEADER[0]: name, _LEADER[1]: "0"}
    selector = ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    scaler = scaled.get((kind, name))
    replicas, why = _bounds(workload, scaler)
    if why:
        guesses["replicas"] = why
    product = _product(pod)
    return DraftRole(
        name=re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:60] or "role",
        model=model or name,
        engine=engine,
        pods=(namespace, selector, _port(container, engine)),
        select={"namespace": namespace},
        gpu=type_of_product(product) if product else None,
        gpus_per_replica=count,
        mig=mig,
        replicas=replicas,
        scaled_object=f"{namespace}/{_at(scaler, 'metadata', 'name')}" if scaler else None,
        workload=f"{namespace}/{name}" if kind == "Deployment" else f"{kind} {namespace}/{name}",
        guesses=guesses,
    )


def _requested(container: Object) -> tuple[int, str | None]:
    """How many GPUs (or slices, and of which profile) a container asks for."""
    wanted = {**(_at(container, "resources", "requests") or {}), **(_at(container, "resources", "limits") or {})}
    for resource, amount in sorted(wanted.items()):
        if str(resource).startswith("nvidia.com/") and str(amount).isdecimal() and int(amount) > 0:
            profile = re.fullmatch(r"nvidia\.com/mig-([1-9]g\.[0-9]+gb)", str(resource))
            if profile or resource == "nvidia.com/gpu":
                return int(amount), profile[1] if profile else None
    return 0, None


def _words(container: Object) -> list[str]:
    """The command line, split as a shell would where a whole script is one argument."""
    return [word for part in ("command", "args") for text in container.get(part) or () for word in str(text).split()]


def engine_of(container: Object) -> Engine | None:
    """Which engine a container runs, told by its image and command; ``None`` when they do not tell."""
    said = " ".join([str(container.get("image") or ""), *_words(container)]).lower()
    for engine, word in ((Engine.SGLANG, "sglang"), (Engine.RAY_SERVE, "ray"), (Engine.VLLM, "vllm")):
        if re.search(rf"(?<![a-z]){word}(?![a-z])", said):
            return engine
    return None


def model_of(container: Object) -> str | None:
    """The model name the engine will report, told by command and environment; ``None`` when they do not tell."""
    words = _words(container)
    for flag in _MODEL_FLAGS:
        for word, after in pairwise([*words, ""]):
            value = word.partition("=")[2] if word.startswith(f"{flag}=") else after if word == flag else ""
            if _is_model(value):
                return value
    for word, after, last in zip(words, words[1:], words[2:], strict=False):
        if (word.rsplit("/", 1)[-1], after) == ("vllm", "serve") and _is_model(last):
            return last
    env = {str(e.get("name")): str(e.get("value") or "") for e in container.get("env") or ()}
    return next((env[name] for name in _MODEL_ENV if _is_model(env.get(name, ""))), None)


def _is_model(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][-A-Za-z0-9._/:]{0,200}", text) is not None


def _port(container: Object, engine: Engine) -> int:
    ports = [p for p in container.get("ports") or () if isinstance(p.get("containerPort"), int)]
    named = [p["containerPort"] for p in ports if p.get("name") in {"metrics", "http"}]
    return int((named or [p["containerPort"] for p in ports] or [PORTS[engine]])[0])


def _bounds(workload: Object, scaler: Object | None) -> tuple[tuple[int, int], str | None]:
    """Bounds in force, and why they are a guess where they are one."""
    if scaler is not None:
        least, most = _at(scaler, "spec", "minReplicaCount"), _at(scaler, "spec", "maxReplicaCount")
        least = least if isinstance(least, int) and least >= 0 else 0  # KEDA's own defaults
        most = most if isinstance(most, int) and most >= 1 else 100
        return (min(least, most), most), None
    now = _at(workload, "spec", "replicas")
    count = now if isinstance(now, int) and now >= 1 else 1
    return (count, count), RUNNING_NOW


def _product(pod: Object) -> str | None:
    """The GPU a pod wants, told by its node selector or affinity."""
    label = "nvidia.com/gpu.product"
    wanted = (pod.get("nodeSelector") or {}).get(label)
    if wanted:
        return str(wanted)
    path = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
    for term in _at(pod, *path) or ():
        for rule in term.get("matchExpressions") or ():
            if rule.get("key") == label and rule.get("operator") == "In" and len(rule.get("values") or ()) == 1:
                return str(rule["values"][0])
    return None


def _at(thing: Any, *path: str) -> Any:
    for step in path:
        thing = thing.get(step) if isinstance(thing, Mapping) else None
    return thing
