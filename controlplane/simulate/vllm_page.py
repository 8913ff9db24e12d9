"""The metrics page of one simulated engine: the families of a real vLLM 0.32, the numbers of its tally."""

from math import inf

from controlplane.simulate.deployment import Pod
from controlplane.simulate.exposition import Page, bound_text, histogram_values, labels_text
from controlplane.simulate.replica import BLOCK, Replica
from controlplane.simulate.tally import Histogram
from controlplane.simulate.vllm_families import CACHE_CONFIG, HTTP, PYTHON, VLLM, Family, Row

Source = float | Histogram | tuple[float, ...]


class VllmPage:
    """Prepared once per pod; ``text`` is what ``GET /metrics`` answers."""

    def __init__(self, pod: Pod, start: float) -> None:
        """``start`` is the simulation's start in unix time."""
        assert pod.engine is not None
        self._pod = pod
        self._engine: Replica = pod.engine
        self._started = start + pod.process_start
        self._created = self._started + 0.8 * sum(pod.phases.values())
        self._page = Page()
        self._plan: list[tuple[str, int]] = []
        """Family names in order, with the number of ``_created`` samples after each."""
        for family in PYTHON:
            self._add(family, {}, created=False)
        engine = {"engine": "0", "model_name": pod.role.model}
        for family in VLLM:
            self._add(family, engine if family.engine else {"model_name": pod.role.model}, created=True)
        self._add_cache_config()
        for family in HTTP:
            self._add(family, {}, created=True)

    def text(self) -> str:
        """The page as it is now."""
        sources = self._sources()
        values: list[float] = []
        for name, created in self._plan:
            source = sources.get(name, 0.0)
            if isinstance(source, Histogram):
                values += histogram_values(source)
            elif isinstance(source, tuple):
                values += source
            else:
                values.append(source)
            values += [self._created] * created
        return self._page.fill(values)

    def _add(self, family: Family, common: dict[str, str], *, created: bool) -> None:
        page = self._page
        page.family(family.name, family.kind, family.help)
        for row in family.rows:
            self._add_row(family, {**common, **dict(row)})
        with_created = created and family.kind != "gauge"
        if with_created:
            name = family.name.removesuffix("_total") if family.kind == "counter" else family.name
            page.family(f"{name}_created", "gauge", family.help)
            for row in family.rows:
                page.sample(f"{name}_created", labels_text({**common, **dict(row)}.items()))
        self._plan.append((family.name, len(family.rows) if with_created else 0))

    def _add_row(self, family: Family, labels: dict[str, str]) -> None:
        page, text = self._page, labels_text(labels.items())
        if family.kind == "histogram":
            source = self._sources()[family.name]
            assert isinstance(source, Histogram)
            for bound in (*source.bounds, inf):
                page.sample(f"{family.name}_bucket", labels_text({**labels, "le": bound_text(bound)}.items()))
        if family.kind in {"histogram", "summary"}:
            page.sample(f"{family.name}_count", text)
            page.sample(f"{family.name}_sum", text)
        else:
            page.sample(family.name, text)

    def _add_cache_config(self) -> None:
        engine, role = self._engine, self._pod.role
        tokens = engine.blocks * BLOCK
        row: Row = tuple(
            {
                **CACHE_CONFIG,
                "cache_dtype": role.kv_cache_dtype,
                "num_gpu_blocks": str(engine.blocks),
                "kv_cache_size_tokens": str(tokens),
                "kv_cache_max_concurrency": str(round(tokens / role.longest, 2)),
            }.items()
        )
        help_ = "Information of the LLMEngine CacheConfig"
        self._add(Family("vllm:cache_config_info", "gauge", help_, (row,)), {}, created=False)

    def _sources(self) -> dict[str, Source]:
        engine, t = self._engine, self._engine.tally
        waiting = float(len(engine.waiting))
        seconds = t.busy * 1.05 + 30
        return {
            "vllm:num_requests_running": float(len(engine.running)),
            "vllm:num_requests_waiting": waiting,
            "vllm:num_requests_waiting_by_reason": (waiting, 0.0),
            "vllm:engine_sleep_state": (1.0, 0.0, 0.0),
            "vllm:kv_cache_usage_perc": engine.kv_usage,
            "vllm:prefix_cache_queries_total": t.prefix_queries,
            "vllm:prefix_cache_hits_total": t.prefix_hits,
            "vllm:num_preemptions_total": t.preemptions,
            "vllm:prompt_tokens_total": t.prompt_tokens,
            "vllm:prompt_tokens_by_source_total": (
                t.prompt_tokens - t.cached_tokens,
                t.cached_tokens - t.transferred_tokens,
                t.transferred_tokens,
            ),
            "vllm:prompt_tokens_cached_total": t.cached_tokens,
            "vllm:prompt_tokens_cached_by_source_total": (t.prefix_hits, 0.0, 0.0, 0.0, 0.0),
            "vllm:generation_tokens_total": t.generation_tokens,
            "vllm:request_success_total": (t.stopped, t.cut_at_length, 0.0, 0.0, 0.0),
            "vllm:admission_rejections_total": (0.0, 0.0),
            "vllm:request_prompt_tokens": t.prompts,
            "vllm:request_generation_tokens": t.outputs,
            "vllm:iteration_tokens_total": t.iteration,
            "vllm:request_max_num_generation_tokens": t.most_outputs,
            "vllm:request_params_n": t.params_n,
            "vllm:request_params_max_tokens": t.params_most,
            "vllm:time_to_first_token_seconds": t.ttft,
            "vllm:inter_token_latency_seconds": t.itl,
            "vllm:request_time_per_output_token_seconds": t.tpot,
            "vllm:e2e_request_latency_seconds": t.e2e,
            "vllm:request_queue_time_seconds": t.queue,
            "vllm:request_inference_time_seconds": t.inference,
            "vllm:request_prefill_time_seconds": t.prefill,
            "vllm:request_decode_time_seconds": t.decode,
            "vllm:request_num_preemptions": t.preempted,
            "vllm:request_prefill_kv_computed_tokens": t.computed,
            "vllm:cache_config_info": 1.0,
            "http_requests_total": t.finished,
            "http_request_size_bytes": (t.finished, t.prompts.total * 4.0),
            "http_response_size_bytes": (t.finished, t.outputs.total * 4.0 + t.finished * 300.0),
            "http_request_duration_highr_seconds": t.http_fine,
            "http_request_duration_seconds": t.http_coarse,
            "python_gc_objects_collected_total": (15370.0, 2270.0, 570.0),
            "python_gc_objects_uncollectable_total": (0.0, 0.0, 0.0),
            "python_gc_collections_total": (1573.0, 143.0, 10.0),
            "python_info": 1.0,
            "process_virtual_memory_bytes": 2.5e10,
            "process_resident_memory_bytes": 6.1e9,
            "process_start_time_seconds": round(self._started, 2),
            "process_cpu_seconds_total": round(seconds, 2),
            "process_open_fds": 76.0,
            "process_max_fds": 1048576.0,
        }
