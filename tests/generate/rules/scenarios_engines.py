"""Every engine and version under one set of names, and what roles make of them."""

from dataclasses import replace

from tests.generate.rules.engine_pages import EDGES, LATENCIES, Pod
from tests.generate.rules.fleets import CLUSTERS, IN_KUBERNETES, LARGE, OUTSIDE, SPLIT
from tests.generate.rules.scenario import NOTHING, Samples, Scenario, constant

PLANNER = Pod(pod="planner-0", model="big")
CODER = Pod(pod="coder-0", model="code")
RESEARCHER = Pod(pod="ray-0", model="deep")


def _version(name: str, page: dict[str, str], recorded: dict[str, Samples]) -> Scenario:
    return Scenario(name=name, fleet=IN_KUBERNETES, series=page, expect=recorded)


VERSIONS = (
    _version("vLLM since 0.16", PLANNER.vllm(), PLANNER.recorded("vllm")),
    _version("vLLM 0.10 shows old and new names", PLANNER.vllm(old=True), PLANNER.recorded("vllm")),
    _version(
        "vLLM up to 0.8.5 counts blocks, which are no tokens",
        PLANNER.vllm(new=False, old=True),
        PLANNER.recorded("vllm", blocks=16, cached=False),
    ),
    _version("SGLang since 0.5.8, ranks repeat and add up", CODER.sglang(), CODER.recorded("sglang")),
    _version("SGLang before, by requests", CODER.sglang(realtime=False), CODER.recorded("sglang")),
    _version("Ray Serve since vLLM 0.11", RESEARCHER.ray(), RESEARCHER.recorded("ray-serve")),
    _version("Ray Serve with the colon kept", RESEARCHER.ray(colon=True), RESEARCHER.recorded("ray-serve")),
)

PLANNERS = (
    PLANNER,
    replace(PLANNER, pod="planner-1", running=5, waiting=0, kv=0.95, preempted=0.5, prompt=50, cached=10, output=25),
)
BIG = 'namespace="llm",role="planner",model="big",phase="both"'
QUANTILES = {"0.5": 0.5, "0.95": 1.0, "0.99": 1.0}
"""Of observations half below 0.5 s, 95 % below 1 s: beyond that edge nothing is known."""


def _roles() -> dict[str, Samples]:
    """What two planners are together."""
    expect: dict[str, Samples] = {
        "llm_role:requests_running:sum": {BIG: 8},
        "llm_role:requests_waiting:sum": {BIG: 1},
        "llm_role:requests_waiting_per_replica:avg": {BIG: 0.5},
        "llm_role:replicas:count": {BIG: 2},
        "llm_role:kv_cache_usage:max": {BIG: 0.95},
        "llm_role:kv_cache_usage:avg": {BIG: 0.675},
        "llm_role:kv_pressured_replicas:ratio": {BIG: 0.5},
        "llm_role:preemptions:rate5m": {BIG: 0.625},
        "llm_role:prompt_tokens:rate5m": {BIG: 150},
        "llm_role:prompt_tokens_cached:rate5m": {BIG: 50},
        "llm_role:output_tokens:rate5m": {BIG: 75},
        "llm_role:prefix_cache_queried_tokens:rate5m": {BIG: 150},
        "llm_role:prefix_cache_hit_tokens:rate5m": {BIG: 50},
        "llm_role:prefix_cache_hit:ratio5m": {BIG: 1 / 3},
        "llm_role:requests_finished:rate5m": {f'{BIG},reason="stop"': 4, f'{BIG},reason="abort"': 1},
        "llm_role:tokens_delivered:rate5m": {
            f'{BIG},kind="{kind}"': value for kind, value in (("prompt", 100), ("cached", 50), ("output", 75))
        },
        "llm_role:objective:seconds": {
            'role="planner",namespace="llm",objective="ttft_p95"': 2,
            'role="planner",namespace="llm",objective="e2e_p95"': 45,
        },
        'llm_pod:info{pod="planner-1"}': {'namespace="llm",pod="planner-1",role="planner",phase="both"': 1},
        'llm_pod:model:info{pod="planner-1"}': {'namespace="llm",pod="planner-1",model="big"': 1},
        'llm_pod:model_share:ratio{pod="planner-1"}': {'namespace="llm",pod="planner-1",model="big"': 1},
    }
    for stem, rate in LATENCIES.items():
        on_role = f'{BIG},runtime="vllm"'
        expect[f"llm_role:{stem}_seconds_bucket:rate5m"] = {
            f'{on_role},le="{le}"': 2 * rate * share for le, share in EDGES
        }
        expect[f"llm_role:{stem}_seconds:quantile5m"] = {
            f'{on_role},quantile="{quantile}"': value for quantile, value in QUANTILES.items()
        }
    return expect


TWO_PLANNERS = {name: values for pod in PLANNERS for name, values in pod.vllm().items()}
ROLES = (
    Scenario(name="two replicas make a role", fleet=IN_KUBERNETES, series=TWO_PLANNERS, expect=_roles()),
    Scenario(
        name="a large fleet records no histograms per pod, and the same per role",
        fleet=LARGE,
        series=TWO_PLANNERS | CODER.sglang(),
        expect={
            **{f"llm_pod:{stem}_seconds_bucket:rate5m": NOTHING for stem in LATENCIES},
            **{
                name.replace("{", '{role="planner",') if "{" in name else f'{name}{{role="planner"}}': samples
                for name, samples in _roles().items()
                if "_seconds" in name
            },
            'sum by (role, runtime) (llm_role:ttft_seconds_bucket:rate5m{le="+Inf",role!="planner"})': {
                'role="coder",runtime="sglang"': 2
            },
        },
    ),
    Scenario(
        name="a full cache that nobody waits for is no pressure",
        fleet=IN_KUBERNETES,
        series=replace(PLANNER, kv=0.95, waiting=0, preempted=0).vllm(),
        expect={"llm_role:kv_pressured_replicas:ratio": {BIG: 0}},
    ),
    Scenario(
        name="no traffic, no latency",
        fleet=IN_KUBERNETES,
        series={
            name: constant(7) if "_bucket" in name or "_total" in name else values
            for name, values in PLANNER.vllm().items()
        },
        expect={
            "llm_role:ttft_seconds:quantile5m": NOTHING,
            "llm_role:prefix_cache_hit:ratio5m": NOTHING,
            "llm_role:output_tokens:rate5m": {BIG: 0},
        },
    ),
)

# --- who a pod belongs to --------------------------------------------------------------------------------------

STRANGER = Pod(pod="stranger-0", model="nobody knows")
RAY_NODE = Pod(pod="ray-0", model="small")
TOLD = 'exported_namespace="llm",exported_pod="planner-0",namespace="ops",model="big",role="critic",phase="decode"'
ANEW = 'namespace="llm",pod="planner-0",model="big"'
BELONGING = (
    Scenario(
        name="the control plane knows best, then the file, then nobody; two of it count once",
        fleet=IN_KUBERNETES,
        series={
            **TWO_PLANNERS,
            **STRANGER.vllm(),
            **{f'llm_fleet_pod_info{{{TOLD},pod="ours-{n}",instance="ours-{n}:80"}}': constant(1) for n in "01"},
        },
        expect={
            "sum by (role, phase) (llm_role:requests_running:sum)": {
                'role="critic",phase="decode"': 3,
                'role="planner",phase="both"': 5,
                'role="unassigned",phase="both"': 3,
            }
        },
    ),
    Scenario(
        name="a prompt counts once while the control plane is away, too: the file knows which pool reads it",
        fleet=SPLIT,
        series={**replace(PLANNER, namespace="llm-prefill").vllm(), **replace(PLANNER, namespace="llm-decode").vllm()},
        expect={
            "sum by (role, phase, kind) (llm_role:tokens_delivered:rate5m)": {
                'role="reader",phase="prefill",kind="prompt"': 60,
                'role="reader",phase="prefill",kind="cached"': 40,
                'role="writer",phase="decode",kind="output"': 50,
            }
        },
    ),
    Scenario(
        name="the same pod in two clusters is two, and the file may tell them apart by it",
        fleet=CLUSTERS,
        series={
            name.replace("{", f'{{cluster="{cluster}",', 1): values
            for cluster in ("eu-1", "us-1")
            for name, values in PLANNER.vllm().items()
        },
        expect={
            "sum by (cluster, role) (llm_role:requests_running:sum)": {
                'cluster="eu-1",role="here"': 3,
                'cluster="us-1",role="there"': 3,
            }
        },
    ),
    Scenario(
        name="two control planes that disagree for a moment do not stop everything",
        fleet=IN_KUBERNETES,
        series={
            **PLANNER.vllm(),
            **{
                f'llm_fleet_pod_info{{{ANEW},role="{role}",phase="both"}}': constant(1)
                for role in ("planner", "critic")
            },
        },
        expect={
            "sum(llm_role:requests_running:sum)": {"": 3},
            'count by (pod) (llm_pod:info{pod="planner-0"})': {'pod="planner-0"': 1},
        },
    ),
    Scenario(
        name="a Ray node that serves two models is shared by them",
        fleet=IN_KUBERNETES,
        series={
            **RESEARCHER.ray(),
            **RAY_NODE.ray(),
            'llm_fleet_pod_info{namespace="llm",pod="ray-0",model="deep",role="researcher",phase="both"}': constant(1),
            'llm_fleet_pod_gpus{namespace="llm",pod="ray-0",node="n1"}': constant(2),
            'llm_fleet_gpu_price_dollars_per_hour{node="n1",gpu_model="h",source="file"}': constant(3),
        },
        expect={
            "sum by (model) (llm_role:cost_dollars_per_hour:sum)": {'model="deep"': 3, 'model="small"': 3},
            "sum by (model) (llm_role:gpus_allocated:sum)": {'model="deep"': 1, 'model="small"': 1},
            "llm_pod:model_share:ratio": {
                'namespace="llm",pod="ray-0",model="deep"': 0.5,
                'namespace="llm",pod="ray-0",model="small"': 0.5,
            },
        },
    ),
)


def _outside() -> Scenario:
    """Engines at addresses: no namespace, no pod, no node; the control plane reckons what a role costs."""
    chat = Pod(pod="", model="big", namespace="")
    series = {name.replace("instance=", 'instance="10.0.0.1:8000",was='): v for name, v in chat.vllm().items()}
    for host, running in (("10.0.0.2", 0), ("10.0.0.3", 0)):
        page = replace(chat, model="small", running=running).vllm()
        series |= {name.replace("instance=", f'instance="{host}:8000",was='): v for name, v in page.items()}
    for role, model, dollars in (("chat", "big", 4), ("drafts", "small", 8)):
        labels = f'role="{role}",model="{model}"'
        series[f"llm_fleet_role_dollars_per_hour{{{labels}}}"] = constant(dollars)
    return Scenario(
        name="outside Kubernetes an address stands in for the pod",
        fleet=OUTSIDE,
        series=series,
        expect={
            "llm_role:replicas:count": {
                'role="chat",model="big",phase="both"': 1,
                'role="drafts",model="small",phase="both"': 2,
            },
            "llm_pod:requests_running:sum": {
                'pod="10.0.0.1:8000",model="big",runtime="vllm"': 3,
                'pod="10.0.0.2:8000",model="small",runtime="vllm"': 0,
                'pod="10.0.0.3:8000",model="small",runtime="vllm"': 0,
            },
            "llm_role:cost_dollars_per_hour:sum": {
                'role="chat",model="big",phase="both"': 4,
                'role="drafts",model="small",phase="both"': 8,
            },
            "llm_fleet:cost_dollars_per_hour:sum": {'bucket="serving"': 4, 'bucket="idle"': 8},
            "llm_fleet:bill_dollars_per_hour:sum": {"": 12},
            "llm_fleet:cost_drift:ratio": {"": 0},
            "llm_model:cost_per_million_tokens:dollars1h{kind='blended',model='big'}": {
                'model="big",kind="blended"': 4 / 3600 / 150 * 1e6
            },
        },
    )


SCENARIOS = (*VERSIONS, *ROLES, *BELONGING, _outside())
