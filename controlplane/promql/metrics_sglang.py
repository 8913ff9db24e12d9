"""What SGLang says about itself, 0.4.6 to 0.5.23 (``srt/observability/metrics_collector.py``).

Its prompt and generation counters move only when a request finishes; ``realtime_tokens_total`` moves with the
work, so it comes first. Rows of tensor-parallel ranks repeat a value; rows of data-parallel ranks add up.
"""

from functools import partial

from controlplane.promql.metric import Fold, Kind, Metric, Signal, Source

_RANKED = ("model_name", "engine_type", "tp_rank", "pp_rank", "dp_rank", "moe_ep_rank", "priority")
_SERVED = ("model_name", "engine_type", "is_streaming", "priority")
_gauge = partial(Metric, source=Source.SGLANG, kind=Kind.GAUGE, labels=_RANKED)
_counter = partial(Metric, source=Source.SGLANG, kind=Kind.COUNTER, labels=_SERVED)
_ranked_counter = partial(Metric, source=Source.SGLANG, kind=Kind.COUNTER, labels=_RANKED)
_histogram = partial(Metric, source=Source.SGLANG, kind=Kind.HISTOGRAM, labels=_SERVED)

SGLANG: tuple[Metric, ...] = (
    _gauge(name="sglang:num_running_reqs", unit="requests", feeds=(Signal.RUNNING,), since="0.4.6"),
    _gauge(name="sglang:num_queue_reqs", unit="requests", feeds=(Signal.WAITING,), since="0.4.6"),
    *(
        _gauge(
            name=f"sglang:{name}",
            unit="requests",
            feeds=(Signal.WAITING,),
            adds=True,
            note="only where prefill and decode are split: another place to wait in",
        )
        for name in (
            "num_prefill_bootstrap_queue_reqs",
            "num_decode_prealloc_queue_reqs",
            "num_decode_transfer_queue_reqs",
        )
    ),
    _gauge(
        name="sglang:token_usage",
        unit="0..1, two decimals",
        feeds=(Signal.KV_USAGE,),
        fold=Fold.MAX,
        since="0.4.6",
        note="the fullest of the pools",
    ),
    _ranked_counter(
        name="sglang:num_retracted_requests_total", unit="requests", feeds=(Signal.PREEMPTIONS,), since="0.5.8"
    ),
    _counter(name="sglang:num_requests_total", unit="requests", feeds=(Signal.REQUESTS,), since="0.4.6"),
    Metric(
        name="sglang:num_aborted_requests_total",
        source=Source.SGLANG,
        kind=Kind.COUNTER,
        unit="requests",
        labels=_SERVED,
        feeds=(Signal.ABORTED,),
        since="0.5.4",
        scraped=False,
        note="its name had no _total in 0.4.10",
    ),
    _ranked_counter(
        name="sglang:realtime_tokens_total",
        unit="tokens",
        feeds=(Signal.PROMPT_TOKENS,),
        only=("mode", ("prefill_compute", "prefill_cache")),
        labels=(*_RANKED, "mode"),
        since="0.5.8",
    ),
    _counter(
        name="sglang:prompt_tokens_total",
        unit="tokens",
        feeds=(Signal.PROMPT_TOKENS,),
        since="0.4.6",
        note="moves only when a request finishes: bursty",
    ),
    _ranked_counter(
        name="sglang:realtime_tokens_total",
        unit="tokens",
        feeds=(Signal.CACHED_TOKENS,),
        only=("mode", ("prefill_cache",)),
        labels=(*_RANKED, "mode"),
        since="0.5.8",
    ),
    _counter(
        name="sglang:cached_tokens_total",
        unit="tokens",
        feeds=(Signal.CACHED_TOKENS,),
        labels=(*_SERVED, "cache_source"),
        since="0.4.6",
    ),
    _ranked_counter(
        name="sglang:realtime_tokens_total",
        unit="tokens",
        feeds=(Signal.OUTPUT_TOKENS,),
        only=("mode", ("decode",)),
        labels=(*_RANKED, "mode"),
        since="0.5.8",
    ),
    _counter(
        name="sglang:generation_tokens_total",
        unit="tokens",
        feeds=(Signal.OUTPUT_TOKENS,),
        since="0.4.6",
        note="moves only when a request finishes: bursty",
    ),
    _ranked_counter(
        name="sglang:prefill_effective_tokens_total",
        unit="tokens",
        feeds=(Signal.PREFIX_LOOKUPS, Signal.PREFIX_QUERIED),
        labels=(*_RANKED, "mode"),
        since="0.5.20",
    ),
    _ranked_counter(
        name="sglang:prefill_effective_tokens_total",
        unit="tokens",
        feeds=(Signal.PREFIX_HITS,),
        only=("mode", ("*_hit",)),
        labels=(*_RANKED, "mode"),
        since="0.5.20",
    ),
    _ranked_counter(
        name="sglang:realtime_tokens_total",
        unit="tokens",
        feeds=(Signal.PREFIX_LOOKUPS, Signal.PREFIX_QUERIED),
        only=("mode", ("prefill_compute", "prefill_cache")),
        labels=(*_RANKED, "mode"),
        since="0.5.8",
    ),
    _ranked_counter(
        name="sglang:realtime_tokens_total",
        unit="tokens",
        feeds=(Signal.PREFIX_HITS,),
        only=("mode", ("prefill_cache",)),
        labels=(*_RANKED, "mode"),
        since="0.5.8",
    ),
    _counter(
        name="sglang:prompt_tokens_total",
        unit="tokens",
        feeds=(Signal.PREFIX_LOOKUPS, Signal.PREFIX_QUERIED),
        since="0.4.6",
    ),
    _counter(
        name="sglang:cached_tokens_total",
        unit="tokens",
        feeds=(Signal.PREFIX_HITS,),
        labels=(*_SERVED, "cache_source"),
        since="0.4.6",
    ),
    _histogram(
        name="sglang:time_to_first_token_seconds",
        unit="seconds",
        feeds=(Signal.TTFT,),
        since="0.4.6",
        note="the first bucket ends at 0.1 s",
    ),
    _histogram(name="sglang:inter_token_latency_seconds", unit="seconds", feeds=(Signal.ITL,), since="0.4.6"),
    _histogram(name="sglang:e2e_request_latency_seconds", unit="seconds", feeds=(Signal.E2E,), since="0.4.6"),
    _histogram(
        name="sglang:queue_time_seconds",
        unit="seconds",
        feeds=(Signal.QUEUE,),
        since="0.5.4",
        note="before it there was only a gauge of the average",
    ),
    _gauge(name="sglang:max_total_num_tokens", unit="tokens", since="0.5.8"),
    _gauge(name="sglang:kv_available_tokens", unit="tokens", since="0.5.12"),
    _histogram(name="sglang:request_time_per_output_token_seconds", unit="seconds", since="0.5.23"),
)
