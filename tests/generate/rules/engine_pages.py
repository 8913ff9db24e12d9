"""The same engine, as different versions and programs tell it: one truth, many pages."""

from dataclasses import dataclass

from tests.generate.rules.scenario import Samples, constant, steady

EDGES = (("0.5", 0.5), ("1.0", 0.95), ("+Inf", 1.0))
"""Upper bound → share of observations below it."""
LATENCIES = {"ttft": 2.0, "itl": 50.0, "e2e": 2.0, "queue_time": 2.0}
"""Observations a second."""
NEW = {"itl": "inter_token_latency", "e2e": "e2e_request_latency"}
VLLM = {**NEW, "ttft": "time_to_first_token", "queue_time": "request_queue_time"}
SGLANG = {**VLLM, "queue_time": "queue_time"}
OLD = {**VLLM, "itl": "time_per_output_token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """What really happens in one engine."""

    pod: str
    model: str
    namespace: str = "llm"
    running: float = 3
    waiting: float = 1
    kv: float = 0.4
    preempted: float = 0.125
    prompt: float = 100
    cached: float = 40
    output: float = 50
    finished: float = 2
    aborted: float = 0.5

    @property
    def target(self) -> str:
        """Labels Prometheus puts on everything of this pod."""
        return f'namespace="{self.namespace}",pod="{self.pod}",instance="{self.pod}:8000"'

    def vllm(self, *, new: bool = True, old: bool = False, prefix: str = "vllm:", more: str = "") -> dict[str, str]:
        """VLLM's page under today's names, those up to 0.10, or both, as 0.10 itself shows them."""
        labels = f'{self.target},model_name="{self.model}",engine="0"{more}'
        names = {
            "num_requests_running": constant(self.running),
            "num_requests_waiting": constant(self.waiting),
            "num_preemptions_total": steady(self.preempted),
            "prompt_tokens_total": steady(self.prompt),
            "generation_tokens_total": steady(self.output),
        }
        if new:
            names |= {
                "kv_cache_usage_perc": constant(self.kv),
                "prefix_cache_queries_total": steady(self.prompt),
                "prefix_cache_hits_total": steady(self.cached),
            }
        if new and not old:
            names["prompt_tokens_cached_total"] = steady(self.cached)
        if old:
            unit = 1 if new else 16  # up to 0.8.5 blocks were counted here
            names |= {
                "gpu_cache_usage_perc": constant(self.kv),
                "gpu_prefix_cache_queries_total": steady(self.prompt / unit),
                "gpu_prefix_cache_hits_total": steady(self.cached / unit),
            }
        made = {f"{prefix}{name}{{{labels}}}": values for name, values in names.items()}
        for reason, rate in (("stop", self.finished), ("abort", self.aborted)):
            made[f'{prefix}request_success_total{{{labels},finished_reason="{reason}"}}'] = steady(rate)
        for shown, stems in ((new, VLLM), (old, OLD)):
            made |= self._buckets(prefix, stems, labels) if shown else {}
        return made

    def sglang(
        self, *, realtime: bool = True, prefix: str = "sglang:", served: str = "", ranked: str = ""
    ) -> dict[str, str]:
        """SGLang: two tensor-parallel ranks repeat each of two data-parallel ranks' halves.

        ``served`` and ``ranked``: more labels of what is told of requests, and of the scheduler's ranks; ``{rank}`` is
        the tensor-parallel one.
        """
        both = f'{self.target},model_name="{self.model}",engine_type="unified"'
        requests = both + served
        made = {
            f"{prefix}prompt_tokens_total{{{requests}}}": steady(self.prompt),
            f"{prefix}generation_tokens_total{{{requests}}}": steady(self.output),
            f'{prefix}cached_tokens_total{{{requests},cache_source="device"}}': steady(self.cached),
            f"{prefix}num_requests_total{{{requests}}}": steady(self.finished),
            f"{prefix}num_aborted_requests_total{{{requests}}}": steady(self.aborted),
            **self._buckets(prefix, SGLANG, requests),
        }
        for tensor, data in ((t, d) for t in "01" for d in "01"):
            of_rank = f'{both},tp_rank="{tensor}",pp_rank="0",dp_rank="{data}"' + ranked.replace("{rank}", tensor)
            rows = {
                f'{prefix}num_running_reqs{{{of_rank},priority=""}}': constant(self.running / 2),
                f'{prefix}num_running_reqs{{{of_rank},priority="high"}}': constant(self.running / 2),
                f'{prefix}num_queue_reqs{{{of_rank},priority=""}}': constant(self.waiting / 2),
                f"{prefix}token_usage{{{of_rank}}}": constant(self.kv),
                f"{prefix}num_retracted_requests_total{{{of_rank}}}": steady(self.preempted / 2),
            }
            modes = {"prefill_compute": self.prompt - self.cached, "prefill_cache": self.cached, "decode": self.output}
            if realtime:
                rows |= {
                    f'{prefix}realtime_tokens_total{{{of_rank},mode="{mode}"}}': steady(rate / 2)
                    for mode, rate in modes.items()
                }
            made |= rows
        return made

    def ray_sglang(self, replica: str = "a") -> dict[str, str]:
        """SGLang inside Ray, since 2.60: requests are told by one process, each rank by another."""
        of = f',application="llm",deployment="d",replica="{replica}",WorkerId="{replica}-'
        return self.sglang(
            prefix="ray_sglang_", served=f'{of}requests",ReplicaId="{replica}"', ranked=f'{of}rank-{{rank}}"'
        )

    def ray(self, *, colon: bool = False) -> dict[str, str]:
        """VLLM inside Ray, as it is spelled since vLLM 0.11, or before."""
        return self.vllm(prefix="ray_vllm:" if colon else "ray_vllm_", more=',WorkerId="w1",ReplicaId="r1"')

    def _buckets(self, prefix: str, stems: dict[str, str], labels: str) -> dict[str, str]:
        return {
            f'{prefix}{wire}_seconds_bucket{{{labels},le="{le}"}}': steady(LATENCIES[stem] * share)
            for stem, wire in stems.items()
            for le, share in EDGES
        }

    # --- what must be recorded ---------------------------------------------------------------------------------

    def recorded(self, runtime: str, *, blocks: int = 1, cached: bool = True, done: str = "") -> dict[str, Samples]:
        """Everything recorded of this pod; ``blocks`` is what its prefix counters count in.

        ``done``: what a finished request is called, where it is not what the engine of this runtime calls it.
        """
        on_pod = f'namespace="{self.namespace}",pod="{self.pod}",model="{self.model}",runtime="{runtime}"'
        values = {
            "requests_running:sum": self.running,
            "requests_waiting:sum": self.waiting,
            "kv_cache_usage:max": self.kv,
            "preemptions:rate5m": self.preempted,
            "prompt_tokens:rate5m": self.prompt,
            "output_tokens:rate5m": self.output,
            "prefix_cache_queried_tokens:rate5m": self.prompt / blocks,
            "prefix_cache_hit_tokens:rate5m": self.cached / blocks,
            "prompt_tokens_cached:rate5m": self.cached if cached else None,
        }
        whose = f'{{pod="{self.pod}"}}'
        made: dict[str, Samples] = {
            f"llm_pod:{name}{whose}": {} if value is None else {on_pod: value} for name, value in values.items()
        }
        reason = done or ("finished" if runtime == "sglang" else "stop")
        made[f"llm_pod:requests_finished:rate5m{whose}"] = {
            f'{on_pod},reason="{reason}"': self.finished,
            f'{on_pod},reason="abort"': self.aborted,
        }
        for stem, rate in LATENCIES.items():
            made[f"llm_pod:{stem}_seconds_bucket:rate5m{whose}"] = {
                f'{on_pod},le="{le}"': rate * share for le, share in EDGES
            }
        return made
