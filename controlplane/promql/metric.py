"""What one metric of an engine, a GPU exporter or a cluster exporter means: its name, unit, and what it feeds.

A *signal* is the raw quantity metrics are folded into (tokens counted, buckets of a latency); readings
are made from signals. Several metrics may carry the same signal: the first in the catalogue that a page
has is used, so a version that shows an old and a new name counts once.
"""

from dataclasses import dataclass
from enum import StrEnum

from controlplane.model.reading import Reading


class Source(StrEnum):
    """Whose metric it is. Ray Serve pages carry vLLM's or SGLang's metrics under another spelling."""

    VLLM = "vllm"
    SGLANG = "sglang"
    DCGM = "dcgm"
    KUBE = "kube-state-metrics"
    OPENCOST = "opencost"
    KEDA = "keda"
    LITELLM = "litellm"
    PROMETHEUS = "prometheus"


class Kind(StrEnum):
    """How the number behaves over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"
    """A gauge that is always 1: what it has to say is in its labels."""


class Fold(StrEnum):
    """How rows of data-parallel engines (or pods, or devices) become one number."""

    SUM = "sum"
    MAX = "max"


class Signal(StrEnum):
    """A raw quantity that readings are made of."""

    RUNNING = "running"
    WAITING = "waiting"
    KV_USAGE = "kv_usage"
    PREEMPTIONS = "preemptions"
    REQUESTS = "requests"
    ABORTED = "aborted_requests"
    """Aborted requests, where they are not a reason of the finished ones."""
    PROMPT_TOKENS = "prompt_tokens"
    CACHED_TOKENS = "cached_tokens"
    OUTPUT_TOKENS = "output_tokens"
    PREFIX_LOOKUPS = "prefix_lookups"
    """Denominator of the hit ratio, in whatever the engine counts (tokens; blocks in early V1)."""
    PREFIX_HITS = "prefix_hits"
    PREFIX_QUERIED = "prefix_queried"
    """The same as lookups where they are known to be tokens."""
    TTFT = "ttft"
    ITL = "itl"
    E2E = "e2e"
    QUEUE = "queue"
    GPU_ACTIVITY = "gpu_activity"
    GPU_DRAM_ACTIVITY = "gpu_dram_activity"
    GPU_MEMORY_USED = "gpu_memory_used"
    GPU_POWER = "gpu_power"
    GPU_TEMPERATURE = "gpu_temperature"
    GPU_XID = "gpu_xid"
    GPU_ROW_REMAP_FAILED = "gpu_row_remap_failed"
    GPU_HOT = "gpu_hot"
    """Time in which a GPU was slowed down because it, or its memory, was too hot."""
    GPU_CAPPED = "gpu_capped"
    """Time in which it was slowed down to stay within its power limit."""
    KUBE_SPEC = "kube_spec_replicas"
    KUBE_READY = "kube_ready_replicas"
    HPA_DESIRED = "hpa_desired_replicas"
    HPA_MIN = "hpa_min_replicas"
    HPA_MAX = "hpa_max_replicas"
    HPA_TARGET = "hpa_target"
    GPU_REQUESTS = "gpu_requests"
    POD_PHASE = "pod_phase"
    POD_SCHEDULED = "pod_scheduled"
    NODE_PRICE = "node_price"


GAUGES = (Signal.RUNNING, Signal.WAITING, Signal.KV_USAGE)
COUNTERS = (
    Signal.PREEMPTIONS,
    Signal.REQUESTS,
    Signal.PROMPT_TOKENS,
    Signal.CACHED_TOKENS,
    Signal.OUTPUT_TOKENS,
    Signal.PREFIX_LOOKUPS,
    Signal.PREFIX_HITS,
    Signal.PREFIX_QUERIED,
)
HISTOGRAMS = (Signal.TTFT, Signal.ITL, Signal.E2E, Signal.QUEUE)
ENGINE_SIGNALS = GAUGES + COUNTERS + HISTOGRAMS

QUANTILES: dict[Reading, tuple[Signal, float]] = {
    Reading.TTFT_P50: (Signal.TTFT, 0.5),
    Reading.TTFT_P95: (Signal.TTFT, 0.95),
    Reading.TTFT_P99: (Signal.TTFT, 0.99),
    Reading.ITL_P50: (Signal.ITL, 0.5),
    Reading.ITL_P95: (Signal.ITL, 0.95),
    Reading.ITL_P99: (Signal.ITL, 0.99),
    Reading.E2E_P50: (Signal.E2E, 0.5),
    Reading.E2E_P95: (Signal.E2E, 0.95),
    Reading.QUEUE_P50: (Signal.QUEUE, 0.5),
    Reading.QUEUE_P95: (Signal.QUEUE, 0.95),
}
"""Latency readings: the histogram they come from and the quantile."""

RATES: dict[Reading, Signal] = {
    Reading.PREEMPTIONS: Signal.PREEMPTIONS,
    Reading.REQUESTS: Signal.REQUESTS,
    Reading.PROMPT_TOKENS: Signal.PROMPT_TOKENS,
    Reading.CACHED_TOKENS: Signal.CACHED_TOKENS,
    Reading.OUTPUT_TOKENS: Signal.OUTPUT_TOKENS,
}
"""Readings that are the one-minute rate of a counter."""

MADE_FROM: dict[Reading, tuple[Signal, ...]] = {
    Reading.RUNNING: (Signal.RUNNING,),
    Reading.WAITING: (Signal.WAITING,),
    Reading.WAITING_PER_REPLICA: (Signal.WAITING,),
    Reading.KV_USAGE: (Signal.KV_USAGE,),
    Reading.KV_USAGE_MAX: (Signal.KV_USAGE,),
    **{reading: (signal,) for reading, signal in RATES.items()},
    Reading.PREFIX_QUERIED: (Signal.PREFIX_QUERIED,),
    Reading.PREFIX_HIT_RATIO: (Signal.PREFIX_HITS, Signal.PREFIX_LOOKUPS),
    **{reading: (signal,) for reading, (signal, _) in QUANTILES.items()},
    Reading.GPU_ACTIVITY: (Signal.GPU_ACTIVITY,),
    Reading.GPU_DRAM_ACTIVITY: (Signal.GPU_DRAM_ACTIVITY,),
    Reading.GPU_MEMORY_USED: (Signal.GPU_MEMORY_USED,),
    Reading.REPLICAS_READY: (Signal.KUBE_READY,),
    Reading.REPLICAS_PENDING: (Signal.KUBE_SPEC, Signal.KUBE_READY),
    Reading.REPLICAS_DESIRED: (Signal.HPA_DESIRED, Signal.KUBE_SPEC),
    Reading.DOLLARS_PER_MTOK: (Signal.PROMPT_TOKENS, Signal.OUTPUT_TOKENS),
}
"""Which signals each reading is made of. COVERAGE and DOLLARS_PER_HOUR are made of replicas, not of signals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric as a source names it on the wire (counters with ``_total``, histograms without suffix)."""

    name: str
    source: Source
    kind: Kind
    unit: str
    """Unit on the wire, in words; ``scale`` brings it to the base unit of the reading."""
    scale: float = 1.0
    """Base unit = value on the wire x scale."""
    feeds: tuple[Signal, ...] = ()
    only: tuple[str, tuple[str, ...]] | None = None
    """Count only rows whose label (first) has one of these values; one that begins with ``*`` is a suffix."""
    adds: bool = False
    """Added on top of the metric chosen for the signal instead of being an alternative to it."""
    fold: Fold = Fold.SUM
    labels: tuple[str, ...] = ()
    since: str = ""
    """First version that has it; empty when the first we know of."""
    until: str = ""
    """Last version that shows it by default; empty while it lives."""
    always: bool = False
    """On every page of its versions, whatever the flags: its absence tells the version."""
    scraped: bool = True
    """Kept when we read pages ourselves. Only recording rules ask for the others."""
    off: bool = False
    """Not in its exporter's own list: only there where somebody turned it on, so its absence is no fault."""
    note: str = ""

    @property
    def stem(self) -> str:
        """Name without the engine's prefix, the same in every spelling."""
        return self.name.split(":", 1)[-1]

    @property
    def spellings(self) -> tuple[str, ...]:
        """Names on the wire: as the engine writes it, with ``_`` for ``:``, and under Ray."""
        if self.source not in (Source.VLLM, Source.SGLANG):
            return (self.name,)
        flat = self.name.replace(":", "_")
        return (self.name, flat, f"ray_{flat}", f"ray_{self.name}")

    @property
    def window(self) -> str:
        """Versions that show it, in words."""
        if self.since and self.until:
            return f"{self.since} to {self.until}"
        return f"since {self.since}" if self.since else (f"to {self.until}" if self.until else "all known")

    def takes(self, value: str | None) -> bool:
        """Whether a row with this value of the ``only`` label counts."""
        if self.only is None:
            return True
        if value is None:
            return False
        return any(value.endswith(w[1:]) if w.startswith("*") else value == w for w in self.only[1])
