"""Every name our recording rules record: alerts, panels and autoscalers may ask for these and nothing below them.

A name is ``level:metric:operations``. Each level keeps its own labels; ``cluster`` is empty where Prometheus knows
one cluster only. A GPU-equivalent is one whole GPU for the price: a MIG slice counts for what it takes away.
"""

from collections.abc import Iterator
from dataclasses import dataclass

POD = ("cluster", "namespace", "pod")
"""Labels of a pod; outside Kubernetes ``pod`` is the address it is scraped at."""
POD_MODEL = (*POD, "model")
NODE = ("cluster", "node")
DEVICE = ("cluster", "node", "namespace", "pod", "UUID", "GPU_I_ID", "GPU_I_PROFILE")
"""Labels of a GPU or MIG slice; ``namespace`` and ``pod`` are empty while nobody holds it."""
BOARD = (*NODE, "UUID", "gpu")
"""Labels of a whole GPU, however it is cut."""
ROLE = ("cluster", "namespace", "role")
"""Labels that name a role."""
ROLE_MODEL = (*ROLE, "model", "phase")
"""Labels of everything recorded per role; ``phase`` is both, prefill or decode."""
UNASSIGNED = "unassigned"
"""The role of an engine that nobody claims."""
MODEL = ("cluster", "namespace", "model")
TENANT = ("cluster", "tenant", "namespace", "role", "model")

MONEY_WINDOWS = ("1h", "1d")
"""Windows of prices per token. Longer ones are the ledger's: it integrates each tick's own price."""
QUANTILES = ("0.5", "0.95", "0.99")
LATENCIES = {
    "ttft": "time to first token",
    "itl": "time between two tokens",
    "e2e": "arrival to last token",
    "queue_time": "wait for a place in the batch",
}
"""Stem of the recorded name → what it measures."""
BURN_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
"""Windows of the share of requests that miss their objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recorded name."""

    name: str
    labels: tuple[str, ...]
    """What a series of it may carry, static labels included."""
    unit: str
    words: str
    """What it means, and when it has no sample."""


def _load(level: str, labels: tuple[str, ...], whose: str) -> Iterator[Recorded]:
    """Recorded per pod and, with the same names, per role."""
    for name, unit, words in (
        ("requests_running:sum", "requests", "Requests in the batch"),
        ("requests_waiting:sum", "requests", "Requests that wait for a place in the batch"),
        ("preemptions:rate5m", "1/s", "Requests thrown out of the batch, to be computed again"),
        ("prompt_tokens:rate5m", "tokens/s", "Prompt tokens, cached and transferred ones included"),
        ("prompt_tokens_cached:rate5m", "tokens/s", "Prompt tokens taken from the prefix cache"),
        ("prefix_cache_queried_tokens:rate5m", "tokens/s", "Tokens looked up in the prefix cache"),
        ("prefix_cache_hit_tokens:rate5m", "tokens/s", "Tokens found there"),
        ("output_tokens:rate5m", "tokens/s", "Tokens generated"),
    ):
        yield Recorded(name=f"{level}:{name}", labels=labels, unit=unit, words=f"{words}, {whose}.")
    yield Recorded(
        name=f"{level}:requests_finished:rate5m",
        labels=(*labels, "reason"),
        unit="1/s",
        words=f"Requests that ended, by reason, {whose}. SGLang knows finished and abort.",
    )


def _buckets(level: str, labels: tuple[str, ...], whose: str) -> Iterator[Recorded]:
    for stem, words in LATENCIES.items():
        yield Recorded(
            name=f"{level}:{stem}_seconds_bucket:rate5m",
            labels=(*labels, "le"),
            unit="1/s",
            words=f"Histogram of the {words}, {whose}.",
        )


_ON_POD = (*POD_MODEL, "runtime")

PODS: tuple[Recorded, ...] = (
    *_load("llm_pod", _ON_POD, "per pod and model"),
    Recorded(name="llm_pod:kv_cache_usage:max", labels=_ON_POD, unit="0..1", words="KV cache in use, fullest engine."),
    *_buckets("llm_pod", _ON_POD, "per pod; not recorded in large fleets"),
    Recorded(
        name="llm_pod:info",
        labels=(*POD, "role", "phase"),
        unit="1",
        words="Which role a pod belongs to, one row a pod; unassigned when nobody says.",
    ),
    Recorded(
        name="llm_pod:model:info",
        labels=POD_MODEL,
        unit="1",
        words="Which models a pod serves: as the engine calls them.",
    ),
    Recorded(
        name="llm_pod:model_share:ratio",
        labels=POD_MODEL,
        unit="0..1",
        words="The model's part of the pod: 1, or less where one pod (a Ray node) serves several; all alike.",
    ),
    Recorded(
        name="llm_pod:gpu_engine_active:avg",
        labels=POD,
        unit="0..1",
        words="Busy time of the pod's GPUs and slices, by their size. Absent without DCGM.",
    ),
    Recorded(
        name="llm_pod:gpu_requests:sum",
        labels=(*POD, "node", "resource"),
        unit="devices",
        words="GPUs and slices that a scheduled, unfinished pod asks the scheduler for.",
    ),
    Recorded(
        name="llm_pod:gpus_allocated:sum",
        labels=(*POD, "node"),
        unit="GPU-equivalents",
        words="GPUs a pod holds, from scheduled to finished.",
    ),
    *(
        Recorded(name=f"llm_pod:{name}", labels=POD, unit="$/h", words=words)
        for name, words in (
            ("cost_dollars_per_hour:sum", "What its GPUs cost; absent while the price of its node is unknown."),
            (
                "cost_idle_dollars_per_hour:sum",
                "The part of it in which the GPUs did nothing; without DCGM all while no request ran in 5 minutes.",
            ),
        )
    ),
)

GPUS: tuple[Recorded, ...] = (
    Recorded(
        name="llm_gpu:info",
        labels=(*DEVICE, "gpu", "modelName"),
        unit="1",
        words="Every GPU and MIG slice the DCGM exporters see, and who holds it.",
    ),
    *(
        Recorded(name=f"llm_gpu:{name}", labels=DEVICE, unit=unit, words=words)
        for name, unit, words in (
            ("engine_active:ratio", "0..1", "Busy time of the GPU or slice; not load: one small kernel makes it 1."),
            ("dram_active:ratio", "0..1", "Share of the time memory moved data."),
            ("memory_used:bytes", "bytes", "GPU memory taken."),
            (
                "gpu_equivalents:value",
                "GPU-equivalents",
                "Share of a GPU's compute that the device is: 1 for a whole GPU, sevenths (A30: quarters) for a slice.",
            ),
        )
    ),
    *(
        Recorded(name=f"llm_gpu:{name}", labels=(*BOARD, *more), unit=unit, words=words)
        for name, more, unit, words in (
            ("power:watts", (), "W", "Power of the whole board; slices repeat it, so it is recorded once per GPU."),
            ("temperature:celsius", (), "°C", "Temperature of the GPU."),
            (
                "xid_last:code",
                (),
                "code",
                "The last XID error code; 0 when there was none since the driver was loaded.",
            ),
            ("row_remap_failed:bool", (), "0 or 1", "Whether a bad memory row could not be replaced by a spare one."),
            (
                "throttled:ratio5m",
                ("reason",),
                "0..1",
                "Share of the time it was slowed down: too hot, or at its power limit. Off in the exporter's own list.",
            ),
        )
    ),
)

NODES: tuple[Recorded, ...] = tuple(
    Recorded(name=f"llm_node:{name}", labels=NODE, unit=unit, words=words)
    for name, unit, words in (
        ("gpus_physical:count", "GPUs", "GPUs in the node. Absent without DCGM."),
        ("gpus_allocated:sum", "GPU-equivalents", "GPUs that pods hold."),
        ("gpus_unallocated:sum", "GPU-equivalents", "GPUs nobody holds, slices stranded by the layout included."),
        ("gpu_price_dollars_per_hour:max", "$/h", "Price of one whole GPU: the control plane's, else OpenCost's."),
        (
            "gpu_cost_dollars_per_hour:value",
            "$/h",
            "What one GPU-equivalent held there costs: the price, or less where pods hold more than there is (shared).",
        ),
    )
)


def _roles() -> Iterator[Recorded]:
    yield from _load("llm_role", ROLE_MODEL, "per role")
    for name, unit, words in (
        ("replicas:count", "replicas", "Replicas whose engine answers."),
        ("requests_waiting_per_replica:avg", "requests", "Waiting requests per replica."),
        ("kv_cache_usage:max", "0..1", "KV cache in use, fullest replica."),
        ("kv_cache_usage:avg", "0..1", "KV cache in use, mean of the replicas."),
        (
            "kv_pressured_replicas:ratio",
            "0..1",
            "Share of replicas whose KV cache is over the detector's limit while requests wait or are thrown out.",
        ),
        ("prefix_cache_hit:ratio5m", "0..1", "Tokens found per token looked up; absent when none was looked up."),
        ("gpu_engine_active:avg", "0..1", "Busy time of the role's GPUs and slices, by their size."),
        ("gpus_allocated:sum", "GPU-equivalents", "GPUs the role's pods hold."),
        (
            "cost_dollars_per_hour:sum",
            "$/h",
            "What the role's GPUs cost; absent when the price of any of them is unknown.",
        ),
        ("cost_idle_dollars_per_hour:sum", "$/h", "The part of it in which the GPUs did nothing."),
    ):
        yield Recorded(name=f"llm_role:{name}", labels=ROLE_MODEL, unit=unit, words=words)
    yield from _buckets("llm_role", (*ROLE_MODEL, "runtime"), "per role; by runtime, as edges differ")
    for stem, words in LATENCIES.items():
        yield Recorded(
            name=f"llm_role:{stem}_seconds:quantile5m",
            labels=(*ROLE_MODEL, "runtime", "quantile"),
            unit="s",
            words=f"Quantiles ({', '.join(QUANTILES)}) of the {words}; absent without traffic.",
        )
    yield Recorded(
        name="llm_role:objective:seconds",
        labels=("namespace", "role", "objective"),
        unit="s",
        words="What fleet.yaml promises, to hold the measured ones against.",
    )
    yield Recorded(
        name="llm_role:tokens_delivered:rate5m",
        labels=(*ROLE_MODEL, "kind"),
        unit="tokens/s",
        words="Tokens delivered, by kind (prompt, cached, output). A prompt is delivered once: by prefill, not decode.",
    )
    for window in MONEY_WINDOWS:
        yield Recorded(
            name=f"llm_role:cost_per_million_tokens:dollars{window}",
            labels=ROLE_MODEL,
            unit="$/Mtok",
            words=f"Money of {window} per million tokens delivered in it: of prefill per prompt token, of decode per "
            "output token. No sample without tokens, or when the money is not fully known.",
        )
        yield Recorded(
            name=f"llm_role:tokens_per_dollar:ratio{window}",
            labels=ROLE_MODEL,
            unit="tokens/$",
            words=f"Tokens delivered per dollar of {window}; 0 when idle.",
        )


ROLES: tuple[Recorded, ...] = tuple(_roles())


def _models() -> Iterator[Recorded]:
    for name, labels, unit, words in (
        (
            "cost_dollars_per_hour:sum",
            MODEL,
            "$/h",
            "What the model's roles cost; absent while the money of one that runs is unknown.",
        ),
        ("tokens_delivered:rate5m", (*MODEL, "kind"), "tokens/s", "Tokens delivered, by kind."),
        (
            "tokens_weighted:rate5m",
            MODEL,
            "weighted tokens/s",
            "Tokens delivered, each kind times its weight in fleet.yaml.",
        ),
        (
            "prefix_cache_savings_dollars_per_hour:sum",
            MODEL,
            "$/h",
            "What the cached prompt tokens would have cost more, had they been computed.",
        ),
    ):
        yield Recorded(name=f"llm_model:{name}", labels=labels, unit=unit, words=words)
    for window in MONEY_WINDOWS:
        yield Recorded(
            name=f"llm_model:cost_per_million_tokens:dollars{window}",
            labels=(*MODEL, "kind"),
            unit="$/Mtok",
            words=f"Money of {window} per million tokens: kind blended over all, or prompt, cached and output by their "
            "weights, which add back to the money. No sample without tokens.",
        )
        yield Recorded(
            name=f"llm_model:cost_per_million_weighted_tokens:dollars{window}",
            labels=MODEL,
            unit="$/weighted Mtok",
            words=f"Money of {window} per million weighted tokens: the price of a kind is this times its weight.",
        )
        yield Recorded(
            name=f"llm_model:tokens_per_dollar:ratio{window}",
            labels=MODEL,
            unit="tokens/$",
            words=f"Tokens delivered per dollar of {window}; 0 when idle.",
        )


MODELS: tuple[Recorded, ...] = tuple(_models())

TENANTS: tuple[Recorded, ...] = (
    Recorded(
        name="llm_tenant:tokens:rate5m",
        labels=(*TENANT, "kind"),
        unit="tokens/s",
        words="Tokens that sessions used, by kind (prompt without the cached ones).",
    ),
    Recorded(
        name="llm_tenant:session_spend_dollars_per_hour:sum",
        labels=TENANT,
        unit="$/h",
        words="What these tokens cost at the model's weighted price of the last hour.",
    ),
)


_PROMISED = (*ROLE, "model", "slo")
"""``slo`` is ttft, itl or e2e: each role promises its own."""


def _objectives() -> Iterator[Recorded]:
    for name, words in (
        ("good", "Requests (of itl: tokens) as fast as promised; absent where the engine has no bucket at the target."),
        ("total", "Requests (of itl: tokens) that were promised something."),
    ):
        yield Recorded(name=f"llm_slo:{name}:rate5m", labels=_PROMISED, unit="1/s", words=words)
    for window in BURN_WINDOWS:
        yield Recorded(
            name=f"llm_slo:error:ratio{window}",
            labels=_PROMISED,
            unit="0..1",
            words=f"Share of the requests of {window} that missed the objective; absent without requests.",
        )


OBJECTIVES: tuple[Recorded, ...] = tuple(_objectives())

FLEET: tuple[Recorded, ...] = (
    Recorded(
        name="llm_fleet:cost_dollars_per_hour:sum",
        labels=("cluster", "bucket"),
        unit="$/h",
        words="Every dollar in one bucket: serving, idle (both of roles), other (GPU pods that are no role's), "
        "unallocated (GPUs nobody holds). Absent while the money of a role that runs is unknown.",
    ),
    Recorded(
        name="llm_fleet:bill_dollars_per_hour:sum",
        labels=("cluster",),
        unit="$/h",
        words="What all GPUs with a price cost: nodes, and roles that run on none we know.",
    ),
    Recorded(
        name="llm_fleet:cost_drift:ratio",
        labels=("cluster",),
        unit="0..1",
        words="Distance of the buckets' sum from the bill; more than 0.02 means that money is lost or counted twice.",
    ),
    Recorded(
        name="llm_fleet:gpus_unpriced:sum",
        labels=("cluster",),
        unit="GPU-equivalents",
        words="GPUs on nodes without a price: what they cost is in no bucket.",
    ),
    *(
        recorded
        for window in MONEY_WINDOWS
        for recorded in (
            Recorded(
                name=f"llm_fleet:cost_per_million_tokens:dollars{window}",
                labels=("cluster",),
                unit="$/Mtok",
                words=f"Money of all models in {window} per million tokens. No sample without tokens.",
            ),
            Recorded(
                name=f"llm_fleet:tokens_per_dollar:ratio{window}",
                labels=("cluster",),
                unit="tokens/$",
                words=f"Tokens of all models per dollar of {window}; 0 when idle.",
            ),
        )
    ),
)

LEVELS: dict[str, tuple[Recorded, ...]] = {
    "llm_pod": PODS,
    "llm_role": ROLES,
    "llm_model": MODELS,
    "llm_gpu": GPUS,
    "llm_node": NODES,
    "llm_tenant": TENANTS,
    "llm_slo": OBJECTIVES,
    "llm_fleet": FLEET,
}
RECORDED: tuple[Recorded, ...] = tuple(recorded for level in LEVELS.values() for recorded in level)
