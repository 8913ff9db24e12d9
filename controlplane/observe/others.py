"""Pages that are not an engine's: what they are, what they are good for, and what to point us at instead."""

import math

from controlplane.model.page import Page
from controlplane.model.units import Unit, text
from controlplane.observe.dcgm import combine, devices, plan_devices
from controlplane.observe.identify import Identity, PageKind
from controlplane.promql.metric import Signal

Facts = tuple[tuple[str, str], ...]

_ADVICE = {
    PageKind.ENGINE_SILENT: "start it without --disable-log-stats: nothing of the engine can be seen now",
    PageKind.DCGM: "give it under sources.dcgm: its GPUs are joined to replicas by pod",
    PageKind.KUBE_STATE: "give it under sources.kube_state_metrics: replicas and their bounds come from it",
    PageKind.LITELLM: "it is the router in front of the engines; point us at the engines' own /metrics for readings",
    PageKind.KEDA: "it tells what the autoscaler does, not what the engines do",
    PageKind.RAY_SERVE: "Serve's own metrics only: set log_engine_metrics: true (the default by Ray 2.54)",
    PageKind.TGI: "this engine is not supported; vLLM, SGLang and Ray Serve LLM are",
    PageKind.TRITON: "this server is not supported; vLLM, SGLang and Ray Serve LLM are",
    PageKind.PROMETHEUS: "give its address under sources.prometheus instead: we ask it, we do not scrape it",
    PageKind.OURS: "that is us",
}


def others(identity: Identity, page: Page) -> tuple[str, Facts, tuple[str, ...]]:
    """Summary, facts and notes of a page without engine readings."""
    summary = f"not an engine's page: {identity.kind}"
    if identity.kind is PageKind.ENGINE_SILENT:
        summary = f"no engine readings: {identity.kind}"
    elif identity.engine is not None:
        summary = f"{identity.kind}, but without the engine's metrics"
    notes = (_ADVICE[identity.kind],) if identity.kind in _ADVICE else ()
    match identity.kind:
        case PageKind.DCGM:
            return summary, *_gpus(page, notes)
        case PageKind.KUBE_STATE:
            return summary, _objects(page), notes
        case PageKind.LITELLM:
            return summary, _router(page), (*notes, "its metrics carry no session, trace or agent label")
        case PageKind.UNKNOWN:
            names = sorted({key.name for key in page.layout.keys})[:5]
            return summary, (("first names", ", ".join(names)),), ()
        case _:
            return summary, (), notes


def _gpus(page: Page, notes: tuple[str, ...]) -> tuple[Facts, tuple[str, ...]]:
    by_pod = devices(plan_devices(page.layout), page.values)
    held = [device for owned in by_pod.values() for device in owned]
    all_rows = {
        (key.label("UUID") or key.label("uuid"), key.label("GPU_I_ID"))
        for key in page.layout.keys
        if key.name.startswith("DCGM_FI_") and (key.label("UUID") or key.label("uuid"))
    }
    slices = sum(1 for _, instance in all_rows if instance)
    facts = [
        ("GPUs", str(len(all_rows) - slices)),
        ("MIG slices", str(slices)),
        ("pods that hold them", str(len(by_pod))),
    ]
    activity, memory = combine(held, Signal.GPU_ACTIVITY), combine(held, Signal.GPU_MEMORY_USED)
    if held:
        facts += [("activity of held GPUs", text(activity, Unit.RATIO)), ("memory used", text(memory, Unit.BYTES))]
    if all_rows and not by_pod:
        notes = (
            *notes,
            "no row names a pod (DCGM_EXPORTER_KUBERNETES=true is needed): GPUs cannot be joined to replicas",
        )
    return tuple(facts), notes


def _objects(page: Page) -> Facts:
    counted: dict[str, set[tuple[str | None, str]]] = {}
    for key in page.layout.keys:
        for kind in ("deployment", "statefulset", "horizontalpodautoscaler"):
            name = key.label(kind)
            if name and key.name.startswith(f"kube_{kind}_"):
                counted.setdefault(kind, set()).add((key.label("namespace"), name))
    return tuple((kind, str(len(found))) for kind, found in counted.items())


def _router(page: Page) -> Facts:
    requests = tokens = failures = 0.0
    models: set[str] = set()
    for key, value in zip(page.layout.keys, page.values, strict=True):
        if not math.isfinite(value):
            continue
        if key.name == "litellm_proxy_total_requests_metric_total":
            requests += value
        elif key.name == "litellm_proxy_failed_requests_metric_total":
            failures += value
        elif key.name == "litellm_total_tokens_metric_total":
            tokens += value
            models.add(key.label("requested_model") or key.label("model") or "")
    return (
        ("requests", text(requests, Unit.COUNT)),
        ("failed", text(failures, Unit.COUNT)),
        ("tokens", text(tokens, Unit.TOKENS)),
        ("model groups", ", ".join(sorted(m for m in models if m)[:10]) or "none yet"),
    )
