"""Whose page is this? Told from the names on it, never from the address.

A version is told by what is there and what is not: metrics that a version shows whatever its flags are its
fingerprint. Where the fingerprint contradicts itself (an imitation, a filtered page) only the lower bound is said.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from controlplane.model.page import Layout, Page
from controlplane.model.role import Engine
from controlplane.promql.catalogue import CATALOGUE, KNOWN, metrics
from controlplane.promql.metric import ENGINE_SIGNALS, Metric, Signal, Source

MAX_MODELS = 20
"""Model names kept from one page; more than that is not one server."""


class PageKind(StrEnum):
    """What program a page belongs to."""

    VLLM = "vLLM"
    SGLANG = "SGLang"
    RAY_SERVE = "Ray Serve LLM"
    ENGINE_SILENT = "an OpenAI-compatible server that hides its engine metrics"
    DCGM = "NVIDIA DCGM exporter"
    KUBE_STATE = "kube-state-metrics"
    LITELLM = "LiteLLM proxy"
    KEDA = "KEDA operator"
    TGI = "Hugging Face text-generation-inference"
    TRITON = "NVIDIA Triton"
    PROMETHEUS = "Prometheus itself"
    NODE = "node exporter"
    OURS = "this control plane"
    UNKNOWN = "a metrics page of a program we do not know"


ENGINES = {
    PageKind.VLLM: (Engine.VLLM, Source.VLLM),
    PageKind.SGLANG: (Engine.SGLANG, Source.SGLANG),
    PageKind.RAY_SERVE: (Engine.RAY_SERVE, Source.VLLM),
}

_PREFIXES = (
    ("ray_vllm", PageKind.RAY_SERVE),
    ("ray_sglang", PageKind.RAY_SERVE),
    ("vllm:", PageKind.VLLM),
    ("vllm_", PageKind.VLLM),
    ("sglang:", PageKind.SGLANG),
    ("sglang_", PageKind.SGLANG),
    ("ray_serve_", PageKind.RAY_SERVE),
    ("DCGM_", PageKind.DCGM),
    ("kube_", PageKind.KUBE_STATE),
    ("litellm_", PageKind.LITELLM),
    ("keda_", PageKind.KEDA),
    ("llm_fleet_", PageKind.OURS),
    ("tgi_", PageKind.TGI),
    ("nv_inference_", PageKind.TRITON),
    ("prometheus_build_info", PageKind.PROMETHEUS),
    ("node_cpu_", PageKind.NODE),
)
"""In this order: a Ray page also has ray_serve_ names, an engine may carry others' client metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose page it is, and what it lacks."""

    kind: PageKind
    engine: Engine | None = None
    source: Source | None = None
    """Which part of the catalogue the page speaks; ``None`` when it is not an engine's."""
    version: str | None = None
    """Version window such as ``≥0.10.2, <0.11.0``; ``None`` when the page does not tell."""
    models: tuple[str, ...] = ()
    missing: tuple[Signal, ...] = ()
    """Engine signals that no series of this page can give."""
    odd: bool = False
    """The names fit no single version: an imitation, or a page that was filtered on the way."""


def identify(page: Page) -> Identity:
    """Whose page this is."""
    return identify_layout(page.layout)


def identify_layout(layout: Layout) -> Identity:
    """The same, from the series alone."""
    names = {key.name for key in layout.keys}
    kind = _kind(names, layout)
    if kind not in ENGINES:
        return Identity(kind=kind)
    engine, source = ENGINES[kind]
    if kind is PageKind.RAY_SERVE and any(name.startswith("ray_sglang") for name in names):
        source = Source.SGLANG
    here = {metric for name in names for metric in KNOWN.get(name, ()) if metric.source is source}
    if not here:
        return Identity(kind=kind, engine=engine, source=source, missing=ENGINE_SIGNALS)
    fed = {signal for metric in here for signal in metric.feeds}
    complete = (
        kind is PageKind.VLLM and Signal.RUNNING in fed
    )  # several API servers: gauges come with the first request
    version, odd = _window(here, source, exhaustive=complete)
    models = {value for key in layout.keys if key.name in KNOWN and (value := key.label("model_name"))}
    return Identity(
        kind=kind,
        engine=engine,
        source=source,
        version=version,
        models=tuple(sorted(models))[:MAX_MODELS],
        missing=tuple(signal for signal in ENGINE_SIGNALS if signal not in fed),
        odd=odd,
    )


def release(version: str) -> tuple[int, ...]:
    """``0.10.2`` as numbers that compare in the right order."""
    return tuple(int(part) for part in version.split("."))


def renamed(here: Iterable[Metric], source: Source) -> tuple[tuple[Metric, Metric], ...]:
    """Old names on a page with the metric that replaced each: (old, new)."""
    pairs = []
    for old in here:
        if old.until and old.feeds:
            newer = metrics(source, old.feeds[0])
            if newer and newer[0] is not old:
                pairs.append((old, newer[0]))
    return tuple(pairs)


def _kind(names: set[str], layout: Layout) -> PageKind:
    for prefix, kind in _PREFIXES:
        if any(name.startswith(prefix) for name in names):
            return kind
    for key in layout.keys:
        if key.name == "http_requests_total" and (key.label("handler") or "").startswith("/v1/"):
            return PageKind.ENGINE_SILENT
    return PageKind.UNKNOWN


def _window(here: set[Metric], source: Source, *, exhaustive: bool) -> tuple[str | None, bool]:
    """Version window told by metrics that are here and, where a page is complete, by those that are not."""
    low = max((m.since for m in here if m.since), key=release, default="")
    above = ""
    if exhaustive:
        absent = (m for m in CATALOGUE if m.source is source and m.always and m.since and m not in here)
        above = min((m.since for m in absent), key=release, default="")
    upto = min((m.until for m in here if m.until), key=release, default="")
    odd = bool(low and above and release(above) <= release(low))
    if odd or not (low or above or upto):
        return (f"≥{low}" if low else None), odd
    if low and low == upto:
        return low, False
    parts = [f"≥{low}"] if low else []
    if upto and (not above or release(upto) < release(above)) and (not low or release(upto) >= release(low)):
        parts.append(f"≤{upto}")
    elif above:
        parts.append(f"<{above}")
    return ", ".join(parts) or None, False
