"""The same engines under other spellings: what Ray and pipelines make of names, and the same values recorded."""

from dataclasses import replace

from tests.generate.rules.engine_pages import LATENCIES, Pod
from tests.generate.rules.fleets import IN_KUBERNETES, LARGE_REWRITTEN, REWRITTEN
from tests.generate.rules.scenario import NOTHING, Scenario

PLANNER = Pod(pod="planner-0", model="big")
CODER = Pod(pod="coder-0", model="code")
RESEARCHER = Pod(pod="ray-0", model="deep")
NEIGHBOUR = replace(RESEARCHER, model="small", running=1, waiting=0, prompt=20, cached=5, output=10)
SECOND = replace(PLANNER, pod="planner-1")


def _moved(page: dict[str, str]) -> dict[str, str]:
    """As another scraper has it: under another job and instance."""
    return {series.replace("instance=", 'job="otel",instance="collector:8889",was='): v for series, v in page.items()}


TWICE = {**PLANNER.vllm(), **_moved(PLANNER.vllm(prefix="vllm_")), **SECOND.vllm(prefix="vllm_")}
BIG = 'namespace="llm",role="planner",model="big",phase="both"'

RAY_SGLANG = "SGLang inside Ray, told by several processes of one replica"
TWO_IN_RAY = "two replicas of SGLang on one Ray node add up"
FLAT = "vLLM whose colons were replaced"
FLAT_SGLANG = "SGLang whose colons were replaced"
BOTH = "one pod under both spellings and two scrapers counts once, another only under the rewritten one"

SCENARIOS = (
    Scenario(
        name=RAY_SGLANG,
        fleet=IN_KUBERNETES,
        series=RESEARCHER.ray_sglang(),
        expect=RESEARCHER.recorded("ray-serve", done="finished"),
    ),
    Scenario(
        name=TWO_IN_RAY,
        fleet=IN_KUBERNETES,
        series={**RESEARCHER.ray_sglang(), **RESEARCHER.ray_sglang("b")},
        expect={
            "sum(llm_pod:requests_running:sum)": {"": 2 * RESEARCHER.running},
            "sum(llm_pod:prompt_tokens:rate5m)": {"": 2 * RESEARCHER.prompt},
            "sum(llm_pod:output_tokens:rate5m)": {"": 2 * RESEARCHER.output},
            "sum(llm_pod:preemptions:rate5m)": {"": 2 * RESEARCHER.preempted},
            "max(llm_pod:kv_cache_usage:max)": {"": RESEARCHER.kv},
        },
    ),
    Scenario(
        name="vLLM and SGLang on one Ray node are two models",
        fleet=IN_KUBERNETES,
        series={**RESEARCHER.ray(), **NEIGHBOUR.ray_sglang()},
        expect={
            "sum by (model) (llm_pod:output_tokens:rate5m)": {'model="deep"': 50, 'model="small"': 10},
            "sum by (model) (llm_pod:requests_running:sum)": {'model="deep"': 3, 'model="small"': 1},
            "sum by (model) (llm_role:ttft_seconds_bucket:rate5m{le='+Inf'})": {'model="deep"': 2, 'model="small"': 2},
        },
    ),
    Scenario(
        name=FLAT,
        fleet=REWRITTEN,
        series=PLANNER.vllm(prefix="vllm_"),
        expect=PLANNER.recorded("vllm"),
    ),
    Scenario(
        name="an old vLLM whose colons were replaced",
        fleet=REWRITTEN,
        series=PLANNER.vllm(prefix="vllm_", new=False, old=True),
        expect=PLANNER.recorded("vllm", blocks=16, cached=False),
    ),
    Scenario(
        name=FLAT_SGLANG,
        fleet=REWRITTEN,
        series=CODER.sglang(prefix="sglang_"),
        expect=CODER.recorded("sglang"),
    ),
    Scenario(
        name=BOTH,
        fleet=REWRITTEN,
        series=TWICE,
        expect={
            **PLANNER.recorded("vllm"),
            **SECOND.recorded("vllm"),
            "llm_role:output_tokens:rate5m": {BIG: 100},
            "llm_role:replicas:count": {BIG: 2},
        },
    ),
    Scenario(
        name="the same without histograms per pod",
        fleet=LARGE_REWRITTEN,
        series=TWICE,
        expect={
            **{f"llm_pod:{stem}_seconds_bucket:rate5m": NOTHING for stem in LATENCIES},
            **{
                f'sum(llm_role:{stem}_seconds_bucket:rate5m{{le="+Inf"}})': {"": 2 * rate}
                for stem, rate in LATENCIES.items()
            },
        },
    ),
    Scenario(
        name="nobody asked for rewritten names",
        fleet=IN_KUBERNETES,
        series=PLANNER.vllm(prefix="vllm_"),
        expect={"llm_pod:requests_running:sum": NOTHING, "llm_role:replicas:count": NOTHING},
    ),
)
