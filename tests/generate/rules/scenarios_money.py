"""Money: every dollar in one bucket, a prompt delivered once, no price of a token where something is not known."""

from collections.abc import Mapping

from tests.generate.rules import money_world as world
from tests.generate.rules.fleets import IN_KUBERNETES, OTHER_WEIGHTS
from tests.generate.rules.scenario import LATER, NOTHING, Samples, Scenario, constant

BIG, SMALL, VECTORS = (
    f'namespace="llm",role="{role}",model="{model}",phase="both"'
    for role, model in (("planner", "big"), ("worker", "small"), ("embedder", "vectors"))
)
PREFILL, DECODE = (f'namespace="llm",role="coder",model="code",phase="{phase}"' for phase in ("prefill", "decode"))
NOBODY = 'namespace="llm",role="researcher",model="deep",phase="both"'
MILLION = 1e6 / 3600
"""$/h per token/s → $ per million tokens."""

TOKENS = {
    "big": {"prompt": 60.0, "cached": 40.0, "output": 50.0},
    "small": {"prompt": 120.0, "cached": 80.0, "output": 100.0},
    "code": {"prompt": 120.0, "cached": 80.0, "output": 100.0},
    "vectors": {"prompt": 0.0, "cached": 0.0, "output": 0.0},
}
COSTS = {"big": 8.0, "small": 11 / 7, "code": 8.0, "vectors": 2.0, "deep": 0.0}
BUCKETS = {"serving": 79 / 7, "idle": 58 / 7, "other": 2.0, "unallocated": 31 / 7}
assert abs(sum(BUCKETS.values()) - world.BILL) < 1e-9


def weighted(model: str, prompt: float = 1, cached: float = 0.1, output: float = 4) -> float:
    tokens = TOKENS[model]
    return tokens["prompt"] * prompt + tokens["cached"] * cached + tokens["output"] * output


def _buckets(values: Mapping[str, float]) -> Samples:
    return {f'bucket="{bucket}"': value for bucket, value in values.items()}


def _known() -> dict[str, Samples]:
    """Everything that is recorded when all is known."""
    served = [model for model in TOKENS if model != "vectors"]
    return {
        "llm_node:gpu_price_dollars_per_hour:max": {f'node="{n}"': price for n, price in world.PRICES.items()},
        "llm_node:gpu_cost_dollars_per_hour:value": {f'node="{n}"': price for n, price in world.PRICES.items()},
        "llm_node:gpus_physical:count": {
            f'node="{n}"': float(len({d.uuid for d in world.DEVICES if d.node == n})) for n in world.PRICES
        },
        "llm_node:gpus_allocated:sum": {
            'node="n1"': 2,
            'node="n2"': 11 / 14,
            'node="n3"': 2,
            'node="n4"': 1,
            'node="n5"': 1,
        },
        "llm_node:gpus_unallocated:sum": {
            'node="n1"': 0,
            'node="n2"': 3 / 14,
            'node="n3"': 0,
            'node="n4"': 1,
            'node="n5"': 0,
            'node="n6"': 1,
        },
        "llm_pod:gpu_requests:sum{node='n2'}": {
            f'namespace="llm",pod="worker-{n}",node="n2",resource="nvidia_com_mig_{profile}"': 1
            for n, profile in ((0, "3g_40gb"), (1, "2g_20gb"))
        },
        "llm_pod:gpus_allocated:sum{node='n4'}": {'namespace="llm",pod="training-0",node="n4"': 1},
        "llm_pod:cost_dollars_per_hour:sum{pod=~'worker.*|training.*|job.*|queued.*'}": {
            'namespace="llm",pod="worker-0"': 1,
            'namespace="llm",pod="worker-1"': 4 / 7,
            'namespace="llm",pod="training-0"': 2,
        },
        "llm_pod:cost_idle_dollars_per_hour:sum{pod=~'worker.*'}": {
            'namespace="llm",pod="worker-0"': 0,
            'namespace="llm",pod="worker-1"': 2 / 7,
        },
        "llm_role:gpus_allocated:sum": {BIG: 2, SMALL: 11 / 14, PREFILL: 1, DECODE: 1, VECTORS: 1},
        "llm_role:cost_dollars_per_hour:sum": {BIG: 8, SMALL: 11 / 7, PREFILL: 4, DECODE: 4, VECTORS: 2, NOBODY: 0},
        "llm_role:cost_idle_dollars_per_hour:sum": {BIG: 4, SMALL: 2 / 7, PREFILL: 0, DECODE: 2, VECTORS: 2},
        "llm_role:tokens_delivered:rate5m{role='coder'}": {
            f'{PREFILL},kind="prompt"': 120,
            f'{PREFILL},kind="cached"': 80,
            f'{DECODE},kind="output"': 100,
        },
        "llm_role:cost_per_million_tokens:dollars1h": {
            BIG: 8 / 150 * MILLION,
            SMALL: 11 / 7 / 300 * MILLION,
            PREFILL: 4 / 200 * MILLION,
            DECODE: 4 / 100 * MILLION,
        },
        "round(llm_role:tokens_per_dollar:ratio1h)": {
            BIG: 67500,
            SMALL: round(300 * 3600 / 11 * 7),
            PREFILL: 180000,
            DECODE: 90000,
            VECTORS: 0,
        },
        "llm_model:cost_dollars_per_hour:sum": {f'namespace="llm",model="{m}"': value for m, value in COSTS.items()},
        "llm_model:tokens_delivered:rate5m": {
            f'namespace="llm",model="{model}",kind="{kind}"': value
            for model, kinds in TOKENS.items()
            for kind, value in kinds.items()
        },
        "llm_model:tokens_weighted:rate5m": {f'namespace="llm",model="{m}"': weighted(m) for m in TOKENS},
        "llm_model:cost_per_million_tokens:dollars1h": {
            f'namespace="llm",model="{model}",kind="{kind}"': price
            for model in served
            for kind, price in {
                "blended": COSTS[model] / sum(TOKENS[model].values()) * MILLION,
                "prompt": COSTS[model] / weighted(model) * MILLION,
                "cached": COSTS[model] / weighted(model) * MILLION * 0.1,
                "output": COSTS[model] / weighted(model) * MILLION * 4,
            }.items()
        },
        "llm_model:cost_per_million_weighted_tokens:dollars1h": {
            f'namespace="llm",model="{m}"': COSTS[m] / weighted(m) * MILLION for m in served
        },
        "round(llm_model:tokens_per_dollar:ratio1h)": {
            f'namespace="llm",model="{m}"': round(sum(TOKENS[m].values()) * 3600 / COSTS[m]) for m in TOKENS
        },
        "llm_model:prefix_cache_savings_dollars_per_hour:sum": {
            f'namespace="llm",model="{m}"': TOKENS[m]["cached"] * 0.9 * COSTS[m] / weighted(m) for m in served
        },
        # tokens times prices are the money again
        "sum by (model) (llm_model:cost_per_million_tokens:dollars1h{kind!='blended'} * on (model, kind) "
        "llm_model:tokens_delivered:rate5m) * 3600 / 1e6": {f'model="{m}"': COSTS[m] for m in served},
        "llm_fleet:cost_dollars_per_hour:sum": _buckets(BUCKETS),
        "sum(llm_fleet:cost_dollars_per_hour:sum)": {"": world.BILL},
        "llm_fleet:bill_dollars_per_hour:sum": {"": world.BILL},
        "llm_fleet:cost_drift:ratio": {"": 0},
        "llm_fleet:gpus_unpriced:sum": {"": 0},
        "llm_fleet:cost_per_million_tokens:dollars1h": {"": sum(COSTS.values()) / 750 * MILLION},
        "round(llm_fleet:tokens_per_dollar:ratio1h)": {"": round(750 * 3600 / sum(COSTS.values()))},
        "llm_tenant:tokens:rate5m": {f'{ACME},kind="{kind}"': rate for kind, rate in world.SESSION_TOKENS.items()},
        "llm_tenant:session_spend_dollars_per_hour:sum": {ACME: (30 + 2 + 100) * 8 / weighted("big")},
    }


ACME = 'tenant="acme",namespace="llm",role="planner",model="big"'


def _windows() -> dict[str, Samples]:
    """As far as there are samples, a day says what an hour says."""
    known = _known()
    return known | {name.replace("1h", "1d"): samples for name, samples in known.items() if "1h" in name}


CHEAP = {"n4": 2.0, "n6": 2.0}
"""OpenCost fills in where the control plane has no replicas, and so says nothing."""
DEAR = dict.fromkeys(world.PRICES, 9.0)
ALL = {**world.engines(), **world.gpus(), **world.kube()}
KNOWN = (
    Scenario(
        name="the bill adds up",
        fleet=IN_KUBERNETES,
        series={**ALL, **world.ours(), **world.opencost({**DEAR, **CHEAP})},
        expect=_windows(),
    ),
    Scenario(
        name="the bill adds up though every exporter's labels were moved",
        fleet=IN_KUBERNETES,
        series={
            **world.engines(),
            **world.gpus(),
            **world.kube(moved=True),
            **world.ours(moved=True),
            **world.opencost(CHEAP),
        },
        expect=_known(),
    ),
    Scenario(
        name="two clusters with the same names in them are two bills",
        fleet=IN_KUBERNETES,
        series={
            name.replace("{", f'{{cluster="{cluster}",', 1): values
            for cluster in ("eu", "us")
            for name, values in {**ALL, **world.ours(), **world.opencost(CHEAP)}.items()
        },
        expect={
            "sum by (cluster) (llm_fleet:cost_dollars_per_hour:sum)": {
                f'cluster="{cluster}"': world.BILL for cluster in ("eu", "us")
            },
            "llm_fleet:cost_drift:ratio": {'cluster="eu"': 0, 'cluster="us"': 0},
            "count by (cluster) (llm_model:cost_per_million_tokens:dollars1h)": {
                'cluster="eu"': 12,
                'cluster="us"': 12,
            },
            "sum by (cluster) (llm_tenant:session_spend_dollars_per_hour:sum)": {'cluster="eu"': 4, 'cluster="us"': 4},
        },
    ),
    Scenario(
        name="other weights move the prices, not the money",
        fleet=OTHER_WEIGHTS,
        series={**ALL, **world.ours(), **world.opencost(CHEAP)},
        expect={
            "llm_model:cost_per_million_tokens:dollars1h{model='code'}": {
                f'namespace="llm",model="code",kind="{kind}"': price
                for kind, price in {
                    "blended": 8 / 300 * MILLION,
                    "prompt": 8 / weighted("code", 2, 0.5, 8) * MILLION * 2,
                    "cached": 8 / weighted("code", 2, 0.5, 8) * MILLION * 0.5,
                    "output": 8 / weighted("code", 2, 0.5, 8) * MILLION * 8,
                }.items()
            },
            "llm_model:prefix_cache_savings_dollars_per_hour:sum{model='code'}": {
                'namespace="llm",model="code"': 80 * 1.5 * 8 / weighted("code", 2, 0.5, 8)
            },
            "llm_tenant:session_spend_dollars_per_hour:sum": {ACME: 270 * 8 / weighted("big", 2, 0.5, 8)},
            "sum(llm_fleet:cost_dollars_per_hour:sum)": {"": world.BILL},
        },
    ),
)

# --- what is not there -----------------------------------------------------------------------------------------

CODER = 'namespace="llm",role="coder",model="code",phase="both"'
MISSING = (
    Scenario(
        name="without the control plane fleet.yaml, kube-state-metrics and OpenCost stand in",
        fleet=IN_KUBERNETES,
        series={**ALL, **world.opencost(world.PRICES)},
        expect={
            "llm_role:cost_dollars_per_hour:sum": {BIG: 8, SMALL: 11 / 7, CODER: 8, VECTORS: 2},
            "llm_fleet:cost_dollars_per_hour:sum": _buckets(BUCKETS),
            "llm_fleet:cost_drift:ratio": {"": 0},
            "llm_tenant:session_spend_dollars_per_hour:sum": NOTHING,
        },
    ),
    Scenario(
        name="without DCGM idle is when nobody asks, and what nobody holds is not known",
        fleet=IN_KUBERNETES,
        series={**world.engines(), **world.kube(), **world.ours(), **world.opencost(CHEAP)},
        expect={
            "llm_role:cost_idle_dollars_per_hour:sum": {BIG: 0, SMALL: 0, PREFILL: 0, DECODE: 0, VECTORS: 2},
            "llm_fleet:cost_dollars_per_hour:sum": _buckets({"serving": 123 / 7, "idle": 2, "other": 2}),
            "llm_fleet:bill_dollars_per_hour:sum": NOTHING,
            "llm_fleet:cost_drift:ratio": NOTHING,
        },
    ),
    Scenario(
        name="a pod that loads costs money before it serves",
        fleet=IN_KUBERNETES,
        series={
            'llm_fleet_pod_info{namespace="llm",pod="planner-0",model="big",role="planner",phase="both"}': constant(1),
            'llm_fleet_pod_gpus{namespace="llm",pod="planner-0",node="n1"}': constant(2),
            'llm_fleet_gpu_price_dollars_per_hour{node="n1",gpu_model="x",source="file"}': constant(4),
        },
        expect={
            "llm_role:cost_dollars_per_hour:sum": {BIG: 8},
            "llm_model:cost_dollars_per_hour:sum": {'namespace="llm",model="big"': 8},
            "llm_role:tokens_per_dollar:ratio1h": {BIG: 0},
            "llm_fleet:tokens_per_dollar:ratio1h": {"": 0},
            "llm_role:cost_per_million_tokens:dollars1h": NOTHING,
        },
    ),
    Scenario(
        name="without any price there is no money at all",
        fleet=IN_KUBERNETES,
        series={**ALL, **world.ours(prices={}, dollars=False)},
        expect={
            "llm_pod:cost_dollars_per_hour:sum": NOTHING,
            "llm_role:cost_dollars_per_hour:sum": NOTHING,
            "llm_model:tokens_per_dollar:ratio1h": NOTHING,
            "llm_fleet:cost_dollars_per_hour:sum": NOTHING,
            "llm_fleet:gpus_unpriced:sum": {"": 9},
        },
    ),
    Scenario(
        name="one role without a price: no ratio of it, no bill, but the others' prices",
        fleet=IN_KUBERNETES,
        series={**ALL, **world.ours(prices={n: world.PRICES[n] for n in ("n2", "n3", "n5")}, dollars=False)},
        expect={
            "sum by (role) (llm_role:cost_dollars_per_hour:sum)": {
                'role="worker"': 11 / 7,
                'role="coder"': 8,
                'role="embedder"': 2,
            },
            "count(llm_role:cost_per_million_tokens:dollars1h{role='planner'})": NOTHING,
            "count(llm_model:cost_per_million_tokens:dollars1h{model='big'})": NOTHING,
            "count(llm_model:cost_per_million_tokens:dollars1h{model='code',kind='blended'})": {"": 1},
            "llm_fleet:cost_per_million_tokens:dollars1h": NOTHING,
            "llm_fleet:tokens_per_dollar:ratio1h": NOTHING,
            "llm_fleet:cost_dollars_per_hour:sum": NOTHING,
            "llm_fleet:gpus_unpriced:sum": {"": 5},
        },
    ),
    Scenario(
        name="strangers on a node without a price are counted, not guessed",
        fleet=IN_KUBERNETES,
        series={**ALL, **world.ours()},
        expect={
            "llm_fleet:cost_dollars_per_hour:sum": _buckets({**BUCKETS, "other": 0, "unallocated": 3 / 7}),
            "llm_fleet:gpus_unpriced:sum": {"": 3},
            "llm_fleet:cost_drift:ratio": {"": 0},
        },
    ),
)


def _half_known() -> Scenario:
    """The price is known for the second half hour only."""
    late = {
        name: f"_x80 {values.split()[1]}" if "price" in name or "role_dollars" in name else values
        for name, values in world.ours().items()
    }
    return Scenario(
        name="no price per token when the money of the hour is not fully known",
        fleet=IN_KUBERNETES,
        at=LATER,
        series={**ALL, **late},
        expect={
            "llm_role:cost_dollars_per_hour:sum{role='planner'}": {BIG: 8},
            "llm_role:cost_per_million_tokens:dollars1h": NOTHING,
            "llm_role:tokens_per_dollar:ratio1h": NOTHING,
            "llm_model:cost_per_million_tokens:dollars1h": NOTHING,
            "llm_model:cost_per_million_weighted_tokens:dollars1h": NOTHING,
            "llm_model:tokens_per_dollar:ratio1h": NOTHING,
            "llm_fleet:cost_per_million_tokens:dollars1h": NOTHING,
        },
    )


def _lulls() -> Scenario:
    """Busy for the first 40 minutes, then silent, at the same price: one sum over another, not a mean of ratios."""
    busy = {
        name: f"1000+{float(values.split('+')[1].split('x')[0]):.15g}x80 _x60" if "+" in values else values
        for name, values in world.PLANNER.vllm().items()
    }
    silent = {
        name: f"{values.split('x80')[0]}x80 {1000 + 80 * float(values.split('+')[1].split('x')[0]):.15g}x60"
        if "+" in values
        else values
        for name, values in busy.items()
    }
    price = {
        'llm_fleet_pod_gpus{namespace="llm",pod="planner-0",node="n1"}': constant(2),
        'llm_fleet_gpu_price_dollars_per_hour{node="n1",gpu_model="x",source="file"}': constant(4),
    }
    return Scenario(
        name="a lull weighs as much as it costs",
        fleet=IN_KUBERNETES,
        at=LATER,
        series={**silent, **price},
        # of the hour before, half was busy: a token cost twice as much
        expect={
            f"round(llm_role:cost_per_million_tokens:dollars1h / {8 / 150 * MILLION:.9g})": {BIG: 2},
            f"round(llm_role:tokens_per_dollar:ratio1h / {150 * 3600 / 8:.9g}, 0.25)": {BIG: 0.5},
        },
    )


OTHERS = (
    Scenario(
        name="pods that share a GPU share its price",
        fleet=IN_KUBERNETES,
        series={
            **world.WORKERS[0].vllm(),
            **world.WORKERS[1].vllm(),
            **world.rows(*(world.Device(node="n1", uuid="GPU-a", pod=f"worker-{n}", active=0.5) for n in (0, 1))),
            **world.kube(held=tuple(world.Held(pod=f"worker-{n}", node="n1", gpus=1) for n in (0, 1))),
            **world.opencost({"n1": 4}),
        },
        expect={
            "llm_node:gpu_cost_dollars_per_hour:value": {'node="n1"': 2},
            "llm_role:cost_dollars_per_hour:sum": {SMALL: 4},
            "llm_node:gpus_unallocated:sum": {'node="n1"': 0},
            "llm_fleet:cost_drift:ratio": {"": 0},
        },
    ),
    Scenario(
        name="money that nodes do not account for is drift",
        fleet=IN_KUBERNETES,
        series={
            **world.PLANNER.vllm(),
            **world.rows(world.Device(node="n1", uuid="GPU-a", pod="planner-0")),
            'llm_fleet_pod_gpus{namespace="llm",pod="planner-0",node="n1"}': constant(1),
            'llm_fleet_pod_gpus{namespace="llm",pod="planner-1",node="n2"}': constant(1),
            'llm_fleet_pod_info{namespace="llm",pod="planner-1",model="big",role="planner",phase="both"}': constant(1),
            'llm_fleet_gpu_price_dollars_per_hour{node="n1",gpu_model="x",source="file"}': constant(4),
            'llm_fleet_role_dollars_per_hour{namespace="llm",role="planner",model="big"}': constant(8),
        },
        expect={
            "llm_role:cost_dollars_per_hour:sum": {BIG: 8},
            "llm_fleet:bill_dollars_per_hour:sum": {"": 4},
            "llm_fleet:cost_drift:ratio": {"": 1},
        },
    ),
    Scenario(
        name="more cached than prompt tokens (recomputed ones count twice) is no negative number",
        fleet=IN_KUBERNETES,
        series=world.replace(world.PLANNER, prompt=100, cached=140).vllm(),
        expect={
            "llm_role:tokens_delivered:rate5m{kind!='output'}": {f'{BIG},kind="prompt"': 0, f'{BIG},kind="cached"': 140}
        },
    ),
)

SCENARIOS = (*KNOWN, *MISSING, _half_known(), _lulls(), *OTHERS)
