"""What an engine's page says between the lines: old names, switched-off features, settings in labels."""

from collections.abc import Callable

from controlplane.model.page import MetricKey, Page
from controlplane.observe.identify import Identity, PageKind, renamed
from controlplane.promql.catalogue import KNOWN
from controlplane.promql.metric import Metric, Signal, Source

Facts = tuple[tuple[str, str], ...]

_SETTINGS = (
    ("kv_cache_size_tokens", "KV cache, tokens"),
    ("num_gpu_blocks", "KV cache, blocks"),
    ("block_size", "tokens a block"),
    ("cache_dtype", "KV cache type"),
    ("gpu_memory_utilization", "GPU memory it may take"),
    ("enable_prefix_caching", "prefix caching"),
)


def dialect(identity: Identity, page: Page, *, one_process: bool) -> tuple[Facts, tuple[str, ...]]:
    """Facts (settings told by labels) and notes (what to know before trusting the numbers)."""
    names = {key.name for key in page.layout.keys}
    here = {metric for name in names for metric in KNOWN.get(name, ()) if metric.source is identity.source}
    notes = [*_renamings(here, identity.source), *_spelling(identity, names)]
    facts: list[tuple[str, str]] = []
    config = _first(page, lambda key: _stem(key.name) == "cache_config_info")
    if config is not None:
        facts += [(words, value) for label, words in _SETTINGS if (value := config.label(label)) and value != "None"]
        if config.label("enable_prefix_caching") == "False":
            notes.append("prefix caching is off (--no-enable-prefix-caching): agents re-send their prefix at each step")
    for key, number in zip(page.layout.keys, page.values, strict=True):
        if _stem(key.name) == "engine_sleep_state" and key.label("sleep_state") != "awake" and number == 1:
            notes.append(f"engine {key.label('engine')} sleeps ({key.label('sleep_state')})")
    lora = _first(page, lambda key: _stem(key.name) == "lora_requests_info")
    if lora is not None:
        notes.append(f"serves LoRA adapters ({lora.label('max_lora')} at a time): all counted under the base model")
    if identity.kind is PageKind.VLLM and not one_process:
        reason = (
            "an imitation, or a filtered page" if identity.odd else "several API servers share it, --api-server-count"
        )
        notes.append(f"no process start time on the page ({reason}): a restart is told from falling counters")
    if Signal.RUNNING in identity.missing and Signal.PROMPT_TOKENS not in identity.missing:
        notes.append("no gauges yet: with several API servers they appear with the first request")
    if any(_stem(metric.name) == "num_requests_swapped" for metric in here):
        notes.append("V0 engine: prefix hits and preemption by recompute cannot be told; upgrade vLLM")
    if identity.odd:
        notes.append("the metric names fit no single version: an imitation of the engine, or a filtered page")
    if identity.source is Source.SGLANG and not any(_stem(n) == "realtime_tokens_total" for n in names):
        notes.append("token counters of this version move only when a request finishes: rates are bursty")
    return tuple(facts), tuple(notes)


def _renamings(here: set[Metric], source: Source | None) -> list[str]:
    if source is None:
        return []
    notes = []
    for old, new in sorted(renamed(here, source), key=lambda pair: pair[0].name):
        also = "both are here and carry the same; the new one is used" if new in here else "it is read as the new one"
        notes.append(f"{old.stem} is the old name of {new.stem}: {also}")
    return notes


def _spelling(identity: Identity, names: set[str]) -> list[str]:
    if identity.kind is PageKind.RAY_SERVE:
        return [
            "Ray's spelling: a page per node, replicas told apart by ReplicaId or WorkerId",
            "a counter that never moved is absent from a Ray page, so a lack may just mean no traffic yet",
        ]
    if identity.kind is PageKind.VLLM and not any(name.startswith("vllm:") for name in names):
        return ["names are written vllm_ instead of vllm: by something between the engine and us"]
    return []


def _first(page: Page, wanted: Callable[[MetricKey], bool]) -> MetricKey | None:
    return next((key for key in page.layout.keys if wanted(key)), None)


def _stem(name: str) -> str:
    """Name without the engine's prefix, however it is spelled."""
    for metric in KNOWN.get(name, ()):
        return metric.stem
    return name
