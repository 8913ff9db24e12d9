"""What can be measured of a role at a moment. A reading that is absent is *unknown*, never zero."""

from dataclasses import dataclass
from enum import StrEnum

from controlplane.model.units import Unit


class Reading(StrEnum):
    """A quantity of one role at one tick, over the replicas that answered.

    A sum (RUNNING, WAITING, rates, GPU readings) is unknown unless 90 % of the expected replicas are in it: half the
    load would read as a low load. A mean, a maximum or a percentile is unknown unless half of them are. A percentile
    needs five observations in its window. REPLICAS_READY is unknown while a replica is lost and the cluster is silent.
    """

    RUNNING = "running"
    WAITING = "waiting"
    WAITING_PER_REPLICA = "waiting_per_replica"
    KV_USAGE = "kv_usage"
    KV_USAGE_MAX = "kv_usage_max"
    PREEMPTIONS = "preemptions"
    REQUESTS = "requests"
    PROMPT_TOKENS = "prompt_tokens"
    CACHED_TOKENS = "cached_tokens"
    OUTPUT_TOKENS = "output_tokens"
    PREFIX_QUERIED = "prefix_queried"
    PREFIX_HIT_RATIO = "prefix_hit_ratio"
    TTFT_P50 = "ttft_p50"
    TTFT_P95 = "ttft_p95"
    TTFT_P99 = "ttft_p99"
    ITL_P50 = "itl_p50"
    ITL_P95 = "itl_p95"
    ITL_P99 = "itl_p99"
    E2E_P50 = "e2e_p50"
    E2E_P95 = "e2e_p95"
    QUEUE_P50 = "queue_p50"
    QUEUE_P95 = "queue_p95"
    GPU_ACTIVITY = "gpu_activity"
    GPU_DRAM_ACTIVITY = "gpu_dram_activity"
    GPU_MEMORY_USED = "gpu_memory_used"
    REPLICAS_READY = "replicas_ready"
    REPLICAS_PENDING = "replicas_pending"
    REPLICAS_DESIRED = "replicas_desired"
    COVERAGE = "coverage"
    DOLLARS_PER_HOUR = "dollars_per_hour"
    DOLLARS_PER_MTOK = "dollars_per_mtok"

    @property
    def about(self) -> "About":
        """Unit and wording of this reading."""
        return ABOUT[self]

    @property
    def unit(self) -> Unit:
        """Unit the value is held in."""
        return ABOUT[self].unit


@dataclass(frozen=True, slots=True)
class About:
    """How a reading is held and spoken of."""

    unit: Unit
    words: str
    """What it is called on a page."""
    meaning: str
    """One sentence: how it is put together."""


_S, _T, _N, _R = Unit.SECONDS, Unit.TOKENS_PER_SECOND, Unit.COUNT, Unit.RATIO
ABOUT: dict[Reading, About] = {
    Reading.RUNNING: About(_N, "running", "requests in execution batches, summed over replicas"),
    Reading.WAITING: About(_N, "waiting", "queued requests, summed over replicas"),
    Reading.WAITING_PER_REPLICA: About(_N, "waiting per replica", "queued requests divided by replicas that answered"),
    Reading.KV_USAGE: About(_R, "KV cache used, mean", "mean over replicas of the fullest engine's KV cache use"),
    Reading.KV_USAGE_MAX: About(_R, "KV cache used, highest", "KV cache use of the fullest replica"),
    Reading.PREEMPTIONS: About(Unit.PER_SECOND, "preemptions", "sequences thrown out of the KV cache, 1 min rate"),
    Reading.REQUESTS: About(Unit.PER_SECOND, "requests finished", "finished requests of any reason, 1 min rate"),
    Reading.PROMPT_TOKENS: About(_T, "prompt tokens", "prompt tokens including cached ones, 1 min rate"),
    Reading.CACHED_TOKENS: About(_T, "cached tokens", "prompt tokens served from the prefix cache, 1 min rate"),
    Reading.OUTPUT_TOKENS: About(_T, "output tokens", "generated tokens, 1 min rate"),
    Reading.PREFIX_QUERIED: About(_T, "prefix tokens looked up", "tokens looked up in the prefix cache, 5 min rate"),
    Reading.PREFIX_HIT_RATIO: About(_R, "prefix cache hits", "tokens found divided by tokens looked up, 5 min"),
    Reading.TTFT_P50: About(_S, "TTFT p50", "time to first token, median of 5 min"),
    Reading.TTFT_P95: About(_S, "TTFT p95", "time to first token, 95th percentile of 5 min"),
    Reading.TTFT_P99: About(_S, "TTFT p99", "time to first token, 99th percentile of 5 min"),
    Reading.ITL_P50: About(_S, "ITL p50", "inter-token latency, median of 5 min"),
    Reading.ITL_P95: About(_S, "ITL p95", "inter-token latency, 95th percentile of 5 min"),
    Reading.ITL_P99: About(_S, "ITL p99", "inter-token latency, 99th percentile of 5 min"),
    Reading.E2E_P50: About(_S, "request time p50", "arrival to last token, median of 5 min"),
    Reading.E2E_P95: About(_S, "request time p95", "arrival to last token, 95th percentile of 5 min"),
    Reading.QUEUE_P50: About(_S, "queue time p50", "time in the engine's queue, median of 5 min"),
    Reading.QUEUE_P95: About(_S, "queue time p95", "time in the engine's queue, 95th percentile of 5 min"),
    Reading.GPU_ACTIVITY: About(_R, "GPU activity", "share of time a kernel ran, mean over the role's GPUs by size"),
    Reading.GPU_DRAM_ACTIVITY: About(_R, "GPU memory activity", "share of time the memory bus moved data"),
    Reading.GPU_MEMORY_USED: About(Unit.BYTES, "GPU memory used", "framebuffer in use, summed over the role's GPUs"),
    Reading.REPLICAS_READY: About(_N, "replicas ready", "replicas that serve"),
    Reading.REPLICAS_PENDING: About(_N, "replicas starting", "replicas asked for that do not serve yet"),
    Reading.REPLICAS_DESIRED: About(_N, "replicas wished", "replicas the autoscaler asks for"),
    Reading.COVERAGE: About(
        _R,
        "data coverage",
        "replicas that answered divided by replicas expected: those known or called ready, not those starting",
    ),
    Reading.DOLLARS_PER_HOUR: About(
        Unit.DOLLARS_PER_HOUR,
        "spend",
        "GPUs held (ready, starting, or lost and not known to be given back) times their price",
    ),
    Reading.DOLLARS_PER_MTOK: About(
        Unit.DOLLARS_PER_MILLION_TOKENS,
        "cost per million tokens",
        "spend divided by prompt and output tokens delivered, 5 min; absent without tokens",
    ),
}
