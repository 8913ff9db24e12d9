"""Every family of a vLLM 0.32 page with its type, help and labels, in page order: as recorded from real servers."""

from dataclasses import dataclass

Row = tuple[tuple[str, str], ...]
"""Labels of one sample beside ``engine`` and ``model_name``."""


@dataclass(frozen=True, slots=True)
class Family:
    """One family. Its source is the name of what fills it in, see :mod:`controlplane.simulate.vllm_page`."""

    name: str
    kind: str
    help: str
    rows: tuple[Row, ...] = ((),)
    engine: bool = True
    """Whether the samples carry the engine label."""


def _by(label: str, *values: str) -> tuple[Row, ...]:
    return tuple(((label, value),) for value in values)


_CACHED_BY_SOURCE = (
    "Prefix-cache hit tokens by the cache tier that supplied them: device (local HBM), host (offloaded to DRAM), disk, "
    "p2p (transferred from another vLLM instance) or external_unspecified. Counted at admission; sums to "
    "vllm:prefix_cache_hits + vllm:external_prefix_cache_hits."
)
_BY_REASON = (
    "Number of waiting requests by reason. Reason labels: 'capacity' = waiting for scheduling capacity; 'deferred' = "
    "deferred by transient constraints (LoRA budget, KV transfer, blocked status). Sum of all reasons equals "
    "vllm:num_requests_waiting."
)
_SLEEP = (
    "Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; weights_offloaded = 1 "
    "means sleep level 1; discard_all = 1 means sleep level 2."
)
_MFU = "(for Model Flops Utilization calculations)."
_EXTERNAL = "from KV connector cross-instance cache sharing, in terms of number of"

VLLM = (
    Family(
        "vllm:estimated_flops_per_gpu_total",
        "counter",
        f"Estimated number of floating point operations per GPU {_MFU}",
    ),
    Family(
        "vllm:estimated_read_bytes_per_gpu_total",
        "counter",
        f"Estimated number of bytes read from memory per GPU {_MFU}",
    ),
    Family(
        "vllm:estimated_write_bytes_per_gpu_total",
        "counter",
        f"Estimated number of bytes written to memory per GPU {_MFU}",
    ),
    Family("vllm:num_requests_running", "gauge", "Number of requests in model execution batches."),
    Family("vllm:num_requests_waiting", "gauge", "Number of requests waiting to be processed."),
    Family("vllm:num_requests_waiting_by_reason", "gauge", _BY_REASON, _by("reason", "capacity", "deferred")),
    Family("vllm:engine_sleep_state", "gauge", _SLEEP, _by("sleep_state", "awake", "weights_offloaded", "discard_all")),
    Family("vllm:kv_cache_usage_perc", "gauge", "KV-cache usage. 1 means 100 percent usage."),
    Family(
        "vllm:prefix_cache_queries_total",
        "counter",
        "Prefix cache queries, in terms of number of queried tokens.",
    ),
    Family("vllm:prefix_cache_hits_total", "counter", "Prefix cache hits, in terms of number of cached tokens."),
    Family(
        "vllm:external_prefix_cache_queries_total",
        "counter",
        f"External prefix cache queries {_EXTERNAL} queried tokens.",
    ),
    Family(
        "vllm:external_prefix_cache_hits_total", "counter", f"External prefix cache hits {_EXTERNAL} cached tokens."
    ),
    Family(
        "vllm:mm_cache_queries_total",
        "counter",
        "Multi-modal cache queries, in terms of number of queried items.",
    ),
    Family("vllm:mm_cache_hits_total", "counter", "Multi-modal cache hits, in terms of number of cached items."),
    Family("vllm:num_preemptions_total", "counter", "Cumulative number of preemption from the engine."),
    Family("vllm:prompt_tokens_total", "counter", "Number of prefill tokens processed."),
    Family(
        "vllm:prompt_tokens_by_source_total",
        "counter",
        "Number of prompt tokens by source.",
        _by("source", "local_compute", "local_cache_hit", "external_kv_transfer"),
    ),
    Family("vllm:prompt_tokens_cached_total", "counter", "Number of cached prompt tokens (local + external)."),
    Family(
        "vllm:prompt_tokens_cached_by_source_total",
        "counter",
        _CACHED_BY_SOURCE,
        _by("source", "device", "host", "p2p", "disk", "external_unspecified"),
    ),
    Family("vllm:generation_tokens_total", "counter", "Number of generation tokens processed."),
    Family(
        "vllm:request_success_total",
        "counter",
        "Count of successfully processed requests.",
        _by("finished_reason", "stop", "length", "abort", "error", "repetition"),
    ),
    Family(
        "vllm:admission_rejections_total",
        "counter",
        "Number of admission attempts rejected by a queue limit, by reason.",
        _by("reason", "max_num_queued_reqs", "max_num_queued_tokens"),
        engine=False,
    ),
    Family("vllm:request_prompt_tokens", "histogram", "Number of prefill tokens processed."),
    Family("vllm:request_generation_tokens", "histogram", "Number of generation tokens processed."),
    Family("vllm:iteration_tokens_total", "histogram", "Histogram of number of tokens per engine_step."),
    Family(
        "vllm:request_max_num_generation_tokens",
        "histogram",
        "Histogram of maximum number of requested generation tokens.",
    ),
    Family("vllm:request_params_n", "histogram", "Histogram of the n request parameter."),
    Family("vllm:request_params_max_tokens", "histogram", "Histogram of the max_tokens request parameter."),
    Family("vllm:time_to_first_token_seconds", "histogram", "Histogram of time to first token in seconds."),
    Family("vllm:inter_token_latency_seconds", "histogram", "Histogram of inter-token latency in seconds."),
    Family(
        "vllm:request_time_per_output_token_seconds",
        "histogram",
        "Histogram of time_per_output_token_seconds per request.",
    ),
    Family("vllm:e2e_request_latency_seconds", "histogram", "Histogram of e2e request latency in seconds."),
    Family("vllm:request_queue_time_seconds", "histogram", "Histogram of time spent in WAITING phase for request."),
    Family("vllm:request_inference_time_seconds", "histogram", "Histogram of time spent in RUNNING phase for request."),
    Family("vllm:request_prefill_time_seconds", "histogram", "Histogram of time spent in PREFILL phase for request."),
    Family("vllm:request_decode_time_seconds", "histogram", "Histogram of time spent in DECODE phase for request."),
    Family("vllm:request_num_preemptions", "histogram", "Histogram of the number of times a request was preempted."),
    Family(
        "vllm:request_prefill_kv_computed_tokens",
        "histogram",
        "Histogram of new KV tokens computed during prefill (excluding cached tokens).",
    ),
)

_POST = (("handler", "/v1/chat/completions"), ("method", "POST"))
_HANDLER = (("handler", "/v1/chat/completions"),)
_SIZE = "Only value of header is respected. Otherwise ignored. No percentile calculated. "
_FINE = "Latency with many buckets but no API specific labels. Made for more accurate percentile calculations. "
_COARSE = "Latency with only few buckets by handler. Made to be only used if aggregation by handler is important. "

HTTP = (
    Family(
        "http_requests_total",
        "counter",
        "Total number of requests by method, status and handler.",
        ((*_POST, ("status", "2xx")),),
    ),
    Family(
        "http_request_size_bytes", "summary", f"Content length of incoming requests by handler. {_SIZE}", (_HANDLER,)
    ),
    Family(
        "http_response_size_bytes", "summary", f"Content length of outgoing responses by handler. {_SIZE}", (_HANDLER,)
    ),
    Family("http_request_duration_highr_seconds", "histogram", _FINE),
    Family("http_request_duration_seconds", "histogram", _COARSE, (_POST,)),
)

_GENERATIONS = _by("generation", "0", "1", "2")
PYTHON = (
    Family("python_gc_objects_collected_total", "counter", "Objects collected during gc", _GENERATIONS),
    Family("python_gc_objects_uncollectable_total", "counter", "Uncollectable objects found during GC", _GENERATIONS),
    Family("python_gc_collections_total", "counter", "Number of times this generation was collected", _GENERATIONS),
    Family(
        "python_info",
        "gauge",
        "Python platform information",
        (
            (
                ("implementation", "CPython"),
                ("major", "3"),
                ("minor", "12"),
                ("patchlevel", "11"),
                ("version", "3.12.11"),
            ),
        ),
    ),
    Family("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes."),
    Family("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
    Family("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
    Family("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."),
    Family("process_open_fds", "gauge", "Number of open file descriptors."),
    Family("process_max_fds", "gauge", "Maximum number of open file descriptors."),
)

CACHE_CONFIG: dict[str, str] = {
    "_block_size_resolved": "True",
    "block_size": "16",
    "cache_dtype": "auto",
    "cache_hit_alignment_tokens": "None",
    "effective_attention_block_size": "16",
    "enable_mamba_shared_prefix_checkpoint": "False",
    "enable_prefix_caching": "True",
    "engine": "0",
    "gpu_memory_utilization": "0.9",
    "hash_block_size": "None",
    "is_attention_free": "False",
    "kv_cache_dtype_skip_layers": "[]",
    "kv_cache_layout": "None",
    "kv_cache_max_concurrency": "1.0",
    "kv_cache_memory_bytes": "None",
    "kv_cache_size_tokens": "0",
    "kv_offloading_backend": "native",
    "kv_offloading_size": "None",
    "kv_sharing_fast_prefill": "False",
    "mamba_block_size": "None",
    "mamba_cache_dtype": "auto",
    "mamba_cache_mode": "none",
    "mamba_page_size_padded": "None",
    "mamba_ssm_cache_dtype": "auto",
    "num_cpu_blocks": "None",
    "num_gpu_blocks": "0",
    "num_gpu_blocks_override": "None",
    "prefix_cache_retention_interval": "0",
    "prefix_caching_hash_algo": "sha256",
    "prefix_match_unit": "None",
    "replayssm_buffer_len": "16",
    "skip_page_size_padded": "None",
    "sliding_window": "None",
    "swa_bounded_replay": "True",
    "use_kda_recoverssm": "False",
    "use_replayssm": "False",
    "user_specified_block_size": "False",
}
"""Labels of ``vllm:cache_config_info``: every field of vLLM's CacheConfig."""
