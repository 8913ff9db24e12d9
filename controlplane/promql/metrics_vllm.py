"""What vLLM says about itself, V0 0.6 to 0.33, in every name it has had.

Facts: vLLM ``vllm/v1/metrics/loggers.py`` of each version, and pages captured from 0.10.2 and 0.32.0.
Where two entries feed the same signal the first that a page has wins, so newer names come first.
"""

from functools import partial

from controlplane.promql.metric import Fold, Kind, Metric, Signal, Source

_ENGINE = ("model_name", "engine")
_gauge = partial(Metric, source=Source.VLLM, kind=Kind.GAUGE, labels=_ENGINE)
_counter = partial(Metric, source=Source.VLLM, kind=Kind.COUNTER, labels=_ENGINE)
_histogram = partial(Metric, source=Source.VLLM, kind=Kind.HISTOGRAM, labels=_ENGINE)

_FEEDING: tuple[Metric, ...] = (
    _gauge(name="vllm:num_requests_running", unit="requests", feeds=(Signal.RUNNING,)),
    _gauge(name="vllm:num_requests_waiting", unit="requests", feeds=(Signal.WAITING,)),
    _gauge(
        name="vllm:kv_cache_usage_perc",
        unit="0..1 despite the name",
        feeds=(Signal.KV_USAGE,),
        fold=Fold.MAX,
        since="0.9.2",
        always=True,
        note="cached blocks that nobody uses count as free",
    ),
    _gauge(
        name="vllm:gpu_cache_usage_perc",
        unit="0..1 despite the name",
        feeds=(Signal.KV_USAGE,),
        fold=Fold.MAX,
        until="0.10.2",
        note="the old name of kv_cache_usage_perc; hidden from 0.11.0, removed in 0.12.0",
    ),
    _counter(name="vllm:num_preemptions_total", unit="preemptions", feeds=(Signal.PREEMPTIONS,)),
    _counter(
        name="vllm:request_success_total",
        unit="requests",
        feeds=(Signal.REQUESTS,),
        labels=(*_ENGINE, "finished_reason"),
        note="every reason, errors too; a client's abort never reaches it",
    ),
    _counter(
        name="vllm:prompt_tokens_total",
        unit="tokens",
        feeds=(Signal.PROMPT_TOKENS,),
        note="cached ones included; added when the prefill ends",
    ),
    _counter(
        name="vllm:prompt_tokens_cached_total",
        unit="tokens",
        feeds=(Signal.CACHED_TOKENS,),
        since="0.16.0",
        always=True,
        note="local and external hits",
    ),
    _counter(
        name="vllm:generation_tokens_total",
        unit="tokens",
        feeds=(Signal.OUTPUT_TOKENS,),
        note="added at every engine step",
    ),
    _counter(
        name="vllm:prefix_cache_queries_total",
        unit="tokens",
        feeds=(Signal.PREFIX_LOOKUPS, Signal.PREFIX_QUERIED),
        since="0.9.2",
        always=True,
    ),
    _counter(
        name="vllm:prefix_cache_hits_total",
        unit="tokens",
        feeds=(Signal.PREFIX_HITS, Signal.CACHED_TOKENS),
        since="0.9.2",
        always=True,
        note="only full blocks can hit",
    ),
    _counter(
        name="vllm:gpu_prefix_cache_queries_total",
        unit="blocks to 0.8.5, then tokens",
        feeds=(Signal.PREFIX_LOOKUPS,),
        since="0.7.3",
        until="0.10.2",
        note="the old name of prefix_cache_queries; its unit changed on the way, so it is good for the ratio only",
    ),
    _counter(
        name="vllm:gpu_prefix_cache_hits_total",
        unit="blocks to 0.8.5, then tokens",
        feeds=(Signal.PREFIX_HITS,),
        since="0.7.3",
        until="0.10.2",
        note="the old name of prefix_cache_hits",
    ),
    _histogram(
        name="vllm:time_to_first_token_seconds",
        unit="seconds",
        feeds=(Signal.TTFT,),
        note="from arrival at the API server; aborted requests included",
    ),
    _histogram(
        name="vllm:inter_token_latency_seconds",
        unit="seconds",
        feeds=(Signal.ITL,),
        since="0.10.2",
        always=True,
        note="one observation per decode step",
    ),
    _histogram(
        name="vllm:time_per_output_token_seconds",
        unit="seconds",
        feeds=(Signal.ITL,),
        until="0.11.2",
        note="the old name of inter_token_latency_seconds, same data; hidden from 0.12, removed in 0.15",
    ),
    _histogram(
        name="vllm:e2e_request_latency_seconds", unit="seconds", feeds=(Signal.E2E,), note="finished requests only"
    ),
    _histogram(
        name="vllm:request_queue_time_seconds",
        unit="seconds",
        feeds=(Signal.QUEUE,),
        since="0.6.4",
        note="the first bucket ends at 0.3 s: shorter waits cannot be told apart",
    ),
)

_TELLING: tuple[Metric, ...] = (
    Metric(
        name="vllm:cache_config_info",
        source=Source.VLLM,
        kind=Kind.INFO,
        unit="labels",
        labels=("engine", "block_size", "cache_dtype", "enable_prefix_caching", "gpu_memory_utilization"),
        note="every cache setting as a label; the set changes with each release, so it is parsed and never joined on",
    ),
    _histogram(name="vllm:request_time_per_output_token_seconds", unit="seconds", since="0.11.0", always=True),
    _gauge(name="vllm:engine_sleep_state", unit="0 or 1", since="0.11.1", always=True),
    _histogram(name="vllm:request_prefill_kv_computed_tokens", unit="tokens", since="0.13.0", always=True),
    _counter(name="vllm:prompt_tokens_by_source_total", unit="tokens", since="0.16.0", always=True),
    _counter(name="vllm:prompt_tokens_recomputed_total", unit="tokens", since="0.16.0", until="0.19"),
    _counter(name="vllm:estimated_flops_per_gpu_total", unit="operations", since="0.17.0", always=True),
    _gauge(name="vllm:num_requests_waiting_by_reason", unit="requests", since="0.20.0", always=True),
    _histogram(name="vllm:request_num_preemptions", unit="preemptions", since="0.30.0", always=True),
    _counter(
        name="vllm:admission_rejections_total",
        unit="requests",
        labels=("model_name", "reason"),
        since="0.32.0",
        always=True,
    ),
    _gauge(name="vllm:num_requests_swapped", unit="requests", until="0.9.0", note="V0 engine only"),
    _gauge(name="vllm:cpu_cache_usage_perc", unit="0..1", until="0.9.0", note="V0 engine only"),
    _gauge(
        name="vllm:gpu_prefix_cache_hit_rate",
        unit="0..1",
        until="0.9.0",
        note="V0 engine only; a mean over the engine's life that no window can be made of: upgrade vLLM",
    ),
    _gauge(name="vllm:lora_requests_info", unit="unix seconds", note="only with LoRA; adapters in its labels"),
)
"""These feed no reading: their presence tells the version, their labels the settings."""

VLLM: tuple[Metric, ...] = _FEEDING + _TELLING
