"""Mistakes that rules like ours have been seen with, and the scenario that must notice each."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass

import promql_parser

from tests.generate.rules.scenario import flat, groups_of
from tests.generate.rules.scenarios_spellings import BOTH, FLAT, FLAT_SGLANG, RAY_SGLANG, TWO_IN_RAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One mistake: in the rules of ``record`` the text ``was`` becomes ``now``."""

    name: str
    record: str
    was: str
    now: str
    caught_by: str
    """Name of the scenario."""


def broken(fleet: str, mutation: Mutation) -> Mapping[str, str]:
    """Rules of a fleet with the mistake in them; still PromQL."""
    made, hits = {}, 0
    for path, groups in groups_of(fleet).items():
        wrong = copy.deepcopy(groups)
        for rule in (rule for group in wrong for rule in group["rules"] if rule["record"] == mutation.record):
            before = flat(rule["expr"])
            rule["expr"] = before.replace(mutation.was, mutation.now)
            promql_parser.parse(rule["expr"])
            hits += rule["expr"] != before
        made[path] = json.dumps({"groups": wrong})
    if not hits:
        raise AssertionError(f"{mutation.name}: {mutation.record} has no {mutation.was!r}")
    return made


BILL = "the bill adds up"
MOVED = "the bill adds up though every exporter's labels were moved"
TWO = "two replicas make a role"
SLICES = "slices weigh by their size; a device nobody holds is nobody's"
TELLS = "the control plane knows best, then the file, then nobody; two of it count once"
BOTH_NAMES = "vLLM 0.10 shows old and new names"
BLOCKS = "vLLM up to 0.8.5 counts blocks, which are no tokens"
RANKS = "SGLang since 0.5.8, ranks repeat and add up"
HOT = "time in which a GPU was slowed down, where somebody turned the counters on; slices repeat their GPU's"
UTIL = "GPU_UTIL stands in where the better measure is missing, in percent, and never for a slice"
LATE = "no price per token when the money of the hour is not fully known"
ALONE = "without the control plane fleet.yaml, kube-state-metrics and OpenCost stand in"
SHARED = "pods that share a GPU share its price"

ROLE = "on (cluster, namespace, role, model, phase)"
MODEL = "on (cluster, namespace, model)"
POD = "on (cluster, namespace, pod)"
NODE = "on (cluster, node)"


def _mutation(name: str, record: str, was: str, now: str, caught_by: str) -> Mutation:
    return Mutation(name=name, record=record, was=was, now=now, caught_by=caught_by)


ENGINES = (
    _mutation("old and new names are added", "llm_pod:kv_cache_usage:max", " or ", " + ", BOTH_NAMES),
    _mutation("an old name is forgotten", "llm_pod:kv_cache_usage:max", " or vllm:gpu_cache_usage_perc", "", BLOCKS),
    _mutation("both latencies are added", "llm_pod:itl_seconds_bucket:rate5m", " or ", " + ", BOTH_NAMES),
    _mutation(
        "blocks count as tokens",
        "llm_pod:prompt_tokens_cached:rate5m",
        "rate(vllm:prefix_cache_hits_total[5m])",
        "rate(vllm:prefix_cache_hits_total[5m]) or rate(vllm:gpu_prefix_cache_hits_total[5m])",
        BLOCKS,
    ),
    _mutation(
        "repeated ranks are added",
        "llm_pod:requests_running:sum",
        "max without (tp_rank, pp_rank, moe_ep_rank)",
        "sum without (tp_rank, pp_rank, moe_ep_rank)",
        RANKS,
    ),
    _mutation("priorities count twice", "llm_pod:requests_running:sum", '{priority=""}', "", RANKS),
    _mutation("the bursty counter comes first", "llm_pod:output_tokens:rate5m", "mode", "mood", RANKS),
    _mutation("aborted requests have no reason", "llm_pod:requests_finished:rate5m", '"abort"', '"finished"', RANKS),
    _mutation(
        "Ray's old spelling is forgotten",
        "llm_pod:requests_running:sum",
        " or ray_vllm:num_requests_running",
        "",
        "Ray Serve with the colon kept",
    ),
    _mutation(
        "addresses do not stand in for pods",
        "llm_pod:requests_running:sum",
        '"address", "/(.+)"',
        '"address", "(.+)"',
        "outside Kubernetes an address stands in for the pod",
    ),
)

ROLES = (
    _mutation(
        "two control planes, no dedupe",
        "llm_pod:info",
        "topk by (cluster, namespace, pod) (1, ",
        "max by (cluster, namespace, pod, role, phase) (",
        "two control planes that disagree for a moment do not stop everything",
    ),
    _mutation("our moved labels are not put back", "llm_pod:info", '"exported_pod"', '"exported_pot"', TELLS),
    _mutation(
        "a role's hit ratio is the mean of its pods'",
        "llm_role:prefix_cache_hit:ratio5m",
        "llm_role:prefix_cache_hit_tokens:rate5m / (llm_role:prefix_cache_queried_tokens:rate5m > 0)",
        "avg by (cluster, namespace, role, model, phase) (llm_pod:prefix_cache_hit_tokens:rate5m / "
        f"llm_pod:prefix_cache_queried_tokens:rate5m * {POD} group_left (role, phase) llm_pod:info)",
        TWO,
    ),
    _mutation(
        "a full cache alone is pressure",
        "llm_role:kv_pressured_replicas:ratio",
        "> bool 0)",
        ">= bool 0)",
        "a full cache that nobody waits for is no pressure",
    ),
    _mutation("quantiles without traffic", "llm_role:ttft_seconds:quantile5m", " >= 0", "", "no traffic, no latency"),
    _mutation("zero over zero", "llm_role:prefix_cache_hit:ratio5m", " > 0", "", "no traffic, no latency"),
    _mutation("edges of a bucket are lost", "llm_role:ttft_seconds_bucket:rate5m", ", le)", ")", TWO),
)

GPUS = (
    _mutation(
        "slices weigh like GPUs", "llm_role:gpu_engine_active:avg", " * llm_gpu:gpu_equivalents:value", "", SLICES
    ),
    _mutation("slices weigh alike", "llm_gpu:gpu_equivalents:value", " * 4 / 7", " * 1 / 7", SLICES),
    _mutation("an A30 is cut into sevenths", "llm_gpu:gpu_equivalents:value", "A30", "A31", SLICES),
    _mutation(
        "every slice is a GPU",
        "llm_node:gpus_physical:count",
        "(cluster, node, UUID)",
        "(cluster, node, UUID, GPU_I_ID)",
        SLICES,
    ),
    _mutation("a free device is the exporter's", "llm_gpu:info", '"pod", "", ', '"nod", "", ', SLICES),
    _mutation(
        "Hostname is forgotten",
        "llm_gpu:engine_active:ratio",
        '"Hostname"',
        '"Host"',
        "dcgm 4.8, labels moved, Hostname",
    ),
    _mutation(
        "hostname is forgotten",
        "llm_gpu:engine_active:ratio",
        '"hostname"',
        '"host"',
        "dcgm 4.9, labels kept, hostname",
    ),
    _mutation(
        "moved labels are not put back",
        "llm_gpu:engine_active:ratio",
        '"exported_pod"',
        '"exported_pot"',
        "dcgm 4.8, labels moved, Hostname",
    ),
    _mutation("MiB are bytes", "llm_gpu:memory_used:bytes", " * 1048576", "", "dcgm 4.8, labels moved, Hostname"),
    _mutation(
        "names since 4.9 are forgotten",
        "llm_gpu:engine_active:ratio",
        "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO",
        "DCGM_FI_PROF_GR_ENGINE",
        "dcgm 4.9, labels moved, hostname",
    ),
    _mutation("percent is a share", "llm_gpu:engine_active:ratio", " * 0.01", "", UTIL),
    _mutation("percent under the name of a ratio", "llm_gpu:engine_active:ratio", " / 100", "", UTIL),
    _mutation("GPU_UTIL of a slice", "llm_gpu:engine_active:ratio", '{GPU_I_PROFILE=""}', "", UTIL),
    _mutation("power of slices adds up", "llm_gpu:power:watts", "max by", "sum by", SLICES),
    _mutation(
        "the name since 4.9 of a failed remap is forgotten",
        "llm_gpu:row_remap_failed:bool",
        "ROW_REMAP_FAILED",
        "ROW_REMAP_FAIL",
        "dcgm 4.9, labels moved, hostname",
    ),
    _mutation("nanoseconds are microseconds", "llm_gpu:throttled:ratio5m", "1e-09", "1e-06", HOT),
    _mutation("slices are hot one after the other", "llm_gpu:throttled:ratio5m", "max by", "sum by", HOT),
    _mutation("more than always", "llm_gpu:throttled:ratio5m", ", 1)", ", 2)", HOT),
    _mutation("hot for full power", "llm_gpu:throttled:ratio5m", "POWER_VIOLATION", "THERMAL_VIOLATION", HOT),
)

MONEY = (
    _mutation(
        "finished pods are billed", "llm_pod:gpu_requests:sum", "Pending|Running", "Pending|Running|Succeeded", ALONE
    ),
    _mutation("no phase is asked", "llm_pod:gpu_requests:sum", " == 1)", " >= 0)", ALONE),
    _mutation(
        "pods that wait hold GPUs", "llm_pod:gpu_requests:sum", 'condition="false"', 'condition="unknown"', MOVED
    ),
    _mutation("two exporters count twice", "llm_pod:gpu_requests:sum", "max by", "sum by", ALONE),
    _mutation("slices cost nothing", "llm_pod:gpus_allocated:sum", 'resource=~"nvidia', 'resource=~"amd', ALONE),
    _mutation("slices cost a GPU", "llm_pod:gpus_allocated:sum", " * 1 / 2", "", ALONE),
    _mutation(
        "ours and the scheduler's add up",
        "llm_pod:gpus_allocated:sum",
        f" or {POD} ",
        " + on (cluster, namespace, pod) group_left () ",
        BILL,
    ),
    _mutation(
        "OpenCost beats our own price",
        "llm_node:gpu_price_dollars_per_hour:max",
        f" or {NODE} ",
        " + on (cluster, node) 1 * ",
        BILL,
    ),
    _mutation("no OpenCost", "llm_node:gpu_price_dollars_per_hour:max", "node_gpu_hourly_cost", "node_gpu_cost", ALONE),
    _mutation(
        "the node's moved label is not put back",
        "llm_node:gpu_price_dollars_per_hour:max",
        '"exported_node"',
        '"exported_nod"',
        MOVED,
    ),
    _mutation("shared GPUs cost twice", "llm_node:gpu_cost_dollars_per_hour:value", "clamp_max", "clamp_min", SHARED),
    _mutation("less than nothing is free", "llm_node:gpus_unallocated:sum", "clamp_min", "clamp_max", BILL),
    _mutation("a shared GPU leaves less than nothing", "llm_node:gpus_unallocated:sum", ", 0)", ", -9)", SHARED),
    _mutation(
        "a node nobody is on is forgotten",
        "llm_node:gpus_unallocated:sum",
        " or llm_node:gpus_physical:count * 0",
        "",
        BILL,
    ),
    _mutation("active for idle", "llm_pod:cost_idle_dollars_per_hour:sum", "(1 - ", "(0 + ", BILL),
    _mutation(
        "no idle without DCGM",
        "llm_pod:cost_idle_dollars_per_hour:sum",
        " == bool 0",
        " == bool 1000",
        "without DCGM idle is when nobody asks, and what nobody holds is not known",
    ),
    _mutation(
        "our reckoning comes on top",
        "llm_role:cost_dollars_per_hour:sum",
        "or on (cluster, namespace, role) label_replace",
        "or label_replace",
        BILL,
    ),
    _mutation(
        "half a role's bill is its bill",
        "llm_role:cost_dollars_per_hour:sum",
        "unless on (cluster, namespace, role)",
        "unless on (cluster, namespace, role, pod)",
        "money that nodes do not account for is drift",
    ),
    _mutation(
        "pods of several models pay for each",
        "llm_role:cost_dollars_per_hour:sum",
        "llm_pod:model_share:ratio",
        "llm_pod:model:info",
        "a Ray node that serves two models is shared by them",
    ),
    _mutation("decode delivers the prompt, too", "llm_role:tokens_delivered:rate5m", '{phase!="decode"}', "", BILL),
    _mutation("prefill delivers output", "llm_role:tokens_delivered:rate5m", '{phase!="prefill"}', "", BILL),
    _mutation(
        "cached tokens count twice",
        "llm_role:tokens_delivered:rate5m",
        'llm_role:prompt_tokens_cached:rate5m{phase!="decode"} or ',
        "",
        BILL,
    ),
    _mutation(
        "fewer than no tokens",
        "llm_role:tokens_delivered:rate5m",
        ", 0)",
        ", -1000)",
        "more cached than prompt tokens (recomputed ones count twice) is no negative number",
    ),
    _mutation("no tokens, infinite price", "llm_role:cost_per_million_tokens:dollars1h", " > 0", " >= 0", BILL),
    _mutation(
        "no tokens, price zero",
        "llm_model:cost_per_million_tokens:dollars1h",
        "(llm_model:tokens_delivered:rate5m[1h])) > 0)",
        "(llm_model:tokens_delivered:rate5m[1h])) > 0 or llm_model:cost_dollars_per_hour:sum * 0 + 1e15)",
        BILL,
    ),
    _mutation(
        "what loads buys no tokens, not none",
        "llm_role:tokens_per_dollar:ratio1h",
        "(sum_over_time(llm_role:cost_dollars_per_hour:sum[1h])) * 0",
        "(sum_over_time(llm_role:requests_running:sum[1h])) * 0",
        "a pod that loads costs money before it serves",
    ),
    _mutation(
        "a role elsewhere is never idle",
        "llm_role:cost_idle_dollars_per_hour:sum",
        f" or {ROLE} llm_role:cost",
        f" unless {ROLE} llm_role:cost",
        "outside Kubernetes an address stands in for the pod",
    ),
    _mutation("half an hour's money", "llm_role:cost_per_million_tokens:dollars1h", "0.9 * ", "0.1 * ", LATE),
    _mutation("half an hour's money of a model", "llm_model:tokens_per_dollar:ratio1h", "0.9 * ", "0.1 * ", LATE),
    _mutation(
        "a mean of ratios",
        "llm_role:cost_per_million_tokens:dollars1h",
        "sum_over_time(llm_role:cost_dollars_per_hour:sum[1h])",
        "sum_over_time((llm_role:cost_dollars_per_hour:sum / "
        "sum without (kind) (llm_role:tokens_delivered:rate5m))[1h:5m])",
        "a lull weighs as much as it costs",
    ),
    _mutation("weights are left out", "llm_model:tokens_weighted:rate5m", " * 4", "", BILL),
    _mutation(
        "a model with an unknown role",
        "llm_model:cost_dollars_per_hour:sum",
        f"unless {MODEL}",
        "unless on (cluster, nothing)",
        "one role without a price: no ratio of it, no bill, but the others' prices",
    ),
    _mutation(
        "savings at the whole price", "llm_model:prefix_cache_savings_dollars_per_hour:sum", " * 0.9 ", " * 1 ", BILL
    ),
    _mutation("two control planes bill tenants twice", "llm_tenant:tokens:rate5m", "max by", "sum by", BILL),
    _mutation(
        "tenants pay for all models",
        "llm_tenant:session_spend_dollars_per_hour:sum",
        MODEL,
        "on (cluster, namespace)",
        BILL,
    ),
    _mutation(
        "strangers are forgotten", "llm_fleet:cost_dollars_per_hour:sum", f" unless {POD} llm_pod:info", "", BILL
    ),
    _mutation(
        "stranded slices cost nothing",
        "llm_fleet:cost_dollars_per_hour:sum",
        "llm_node:gpus_unallocated:sum",
        "floor(llm_node:gpus_unallocated:sum)",
        BILL,
    ),
    _mutation(
        "half a bill is a bill",
        "llm_fleet:cost_dollars_per_hour:sum",
        "unless on (cluster) (llm_role",
        "unless on (cluster, role) (llm_role",
        "one role without a price: no ratio of it, no bill, but the others' prices",
    ),
    _mutation(
        "roles elsewhere are not on the bill",
        "llm_fleet:bill_dollars_per_hour:sum",
        " or llm_role",
        " unless llm_role",
        "outside Kubernetes an address stands in for the pod",
    ),
    _mutation(
        "a bill without counting the GPUs",
        "llm_fleet:bill_dollars_per_hour:sum",
        " unless on (cluster) (",
        " unless on (cluster, node) (",
        "without DCGM idle is when nobody asks, and what nobody holds is not known",
    ),
)

SPELLINGS = tuple(
    _mutation(name, f"llm_pod:{record}", was, now, caught_by)
    for name, record, was, now, caught_by in (
        ("no SGLang in Ray", "requests_running:sum", "ray_sglang_", "ray_sgl_", RAY_SGLANG),
        ("ranks in processes of their own add up", "requests_running:sum", ", WorkerId)", ")", RAY_SGLANG),
        ("requests and ranks add up", "output_tokens:rate5m", ", WorkerId, ReplicaId", "", RAY_SGLANG),
        ("replicas of one node repeat", "requests_running:sum", ", WorkerId)", ", WorkerId, replica)", TWO_IN_RAY),
        ("rewritten names are forgotten", "requests_running:sum", "vllm_num", "vllm__num", FLAT),
        ("rewritten buckets are forgotten", "ttft_seconds_bucket:rate5m", "vllm_time", "vllm__time", FLAT),
        ("the other engine's are forgotten", "kv_cache_usage:max", "sglang_token", "sglang__token", FLAT_SGLANG),
        ("two spellings count twice", "output_tokens:rate5m", "or sum by", "+ sum by", BOTH),
        ("only pods that are rewritten", "output_tokens:rate5m", "or sum by", "unless sum by", BOTH),
    )
)
MUTATIONS = (*ENGINES, *SPELLINGS, *ROLES, *GPUS, *MONEY)
