"""Stories about promises, money, agents and the machinery itself."""

from controlplane.settings.alerts import AlertName
from tests.generate.alerts.scenario import NOTHING, Scenario, run

# --- promises -----------------------------------------------------------------------------------------------------
P = 'namespace="llm",role="planner",model="m"'
_LONG = ("long",)


def asked(slo: str, *, total: str, good: str) -> dict[str, str]:
    return {
        f'llm_slo:total:rate5m{{{P},slo="{slo}"}}': total,
        f'llm_slo:good:rate5m{{{P},slo="{slo}"}}': good,
    }


BURNS = (
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="nine of ten miss: told in minutes, then by the slower window, too",
        series=asked("ttft", total="1x120", good="0.1x120"),
        step="30s",
        then={"3m": NOTHING, "10m": ({"long": "1h"},), "25m": ({"long": "1h"}, {"long": "6h"})},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="it is over: the short windows say so while the long ones still remember",
        series=asked("ttft", total="1x200", good=run((0.1, 120), (1, 80))),
        step="30s",
        then={
            "59m": ({"long": "1h"}, {"long": "6h"}),
            "66m": ({"long": "6h"}, {"long": "1d"}),  # this role is an hour old, so an hour is its day
            "95m": ({"long": "1d"},),
        },
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="all miss, and it is one request in a minute",
        series=asked("ttft", total="0.016x160", good="0x160"),
        step="30s",
        then={"60m": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="one token a second is one answer in minutes, not a hundred",
        series=asked("itl", total="1x120", good="0x120"),
        step="30s",
        then={"55m": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="many slow tokens",
        series=asked("itl", total="40x60", good="2x60"),
        step="30s",
        then={"10m": ({"long": "1h"},)},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="two of three miss: not fast enough for the first alert, and too fast for a day",
        series=asked("ttft", total="1x60", good="0.35x60"),
        step="30s",
        then={"14m": NOTHING, "25m": ({"long": "6h"},)},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="one in five misses for hours",
        series=asked("ttft", total="20x100", good="16x100"),
        step="4m",
        then={"48m": NOTHING, "2h": ({"long": "1d"},), "4h": ({"long": "1d"}, {"long": "3d"})},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="six in a hundred: the budget is spent a little too fast",
        series=asked("ttft", total="20x100", good="18.8x100"),
        step="4m",
        then={"2h48m": NOTHING, "4h": ({"long": "3d"},)},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="a bad day is over since three hours, then since seven",
        series=asked("ttft", total="20x500", good=run((16, 360), (20, 140))),
        step="4m",
        then={"24h": ({"long": "1d"}, {"long": "3d"}), "27h": ({"long": "3d"},), "31h": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="a good day with a bad quarter of an hour, and no traffic to speak of for the slow windows",
        series=asked("ttft", total=run((20, 360), (20, 12)), good=run((20, 360), (17, 12))),
        step="4m",
        then={"24h40m": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="four in a hundred are promised",
        series=asked("ttft", total="20x100", good="19.2x100"),
        step="4m",
        then={"6h": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="a handful a day, and all of them slow",
        series=asked("ttft", total="0.002x500", good="0x500"),
        step="4m",
        then={"30h": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.OBJECTIVE_NOT_MEASURED,
        what="requests come and no bucket ends where they are promised",
        series={f'llm_slo:total:rate5m{{{P},slo="ttft"}}': "1x40"},
        then={"14m": NOTHING, "16m": ({"role": "planner"},)},
    ),
    Scenario(
        alert=AlertName.OBJECTIVE_NOT_MEASURED,
        what="it is counted, and nothing is good",
        series=asked("ttft", total="1x40", good="0x40"),
        then={"20m": NOTHING},
    ),
    Scenario(
        alert=AlertName.OBJECTIVE_NOT_MEASURED,
        what="nobody asks",
        series={f'llm_slo:total:rate5m{{{P},slo="ttft"}}': "0x40"},
        then={"20m": NOTHING},
    ),
)


def windows(slo: str, total: str, **ratios: str) -> dict[str, str]:
    """The shares that missed, as recorded: one each window."""
    labels = f'{P},slo="{slo}"'
    shares = {f"llm_slo:error:ratio{name[1:]}{{{labels}}}": values for name, values in ratios.items()}
    return {f"llm_slo:total:rate5m{{{labels}}}": total, **shares}


def _pair(long: str, short: str, over: float, under: float, hold: int) -> tuple[Scenario, ...]:
    """One pair of windows: both, each alone, and both with nearly nobody there. ``hold`` in minutes."""

    def story(what: str, slo: str, asked: str, missed: tuple[float, float], *, fires: bool = False) -> Scenario:
        shares = {f"w{long}": f"{missed[0]}x300", f"w{short}": f"{missed[1]}x300"}
        late = {f"{hold + 6}m": ({"long": long},) if fires else NOTHING}
        return Scenario(
            alert=AlertName.LATENCY_BUDGET_BURN,
            what=f"{long} and {short}: {what}",
            series=windows(slo, asked, **shares),
            then={f"{hold - 1}m": NOTHING, **late},
            labels=_LONG,
        )

    return (
        story("both windows", "ttft", "20x300", (over, over), fires=True),
        story("both windows, of tokens", "itl", "200x300", (over, over), fires=True),
        story(
            "enough asked at the beginning of the long one", "ttft", run((20, 3), (0, 297)), (over, over), fires=True
        ),
        story("enough tokens at the beginning", "itl", run((2000, 3), (0, 297)), (over, over), fires=True),
        story("the short one is over it", "ttft", "20x300", (over, under)),
        story("the long one has not noticed", "ttft", "20x300", (under, over)),
        story("a handful of requests", "ttft", "0.015x300", (over, over)),
        story("a handful of answers", "itl", "0.5x300", (over, over)),
    )


PAIRS = (
    *_pair("1h", "5m", 0.73, 0.71, 2),
    *_pair("6h", "30m", 0.31, 0.29, 15),
    *_pair("1d", "2h", 0.16, 0.14, 60),
    *_pair("3d", "6h", 0.06, 0.04, 180),
)
"""The same alert on shares as recorded: cheap enough to judge many broken ones by."""

# --- money --------------------------------------------------------------------------------------------------------
R = f'{P},phase="both"'
BUSY, QUEUED = f"llm_role:gpu_engine_active:avg{{{R}}}", f"llm_role:requests_waiting:sum{{{R}}}"
M = 'namespace="llm",model="m"'
COST, IDLE = f"llm_model:cost_dollars_per_hour:sum{{{M}}}", f"llm_role:cost_idle_dollars_per_hour:sum{{{R}}}"
IDLE_BUDGET = 'llm_fleet_role_idle_budget_dollars_per_hour{namespace="llm",role="planner"}'
PER_DOLLAR = f"llm_model:tokens_per_dollar:ratio1h{{{M}}}"
OUTPUT = f'llm_model:tokens_delivered:rate5m{{{M},kind="output"}}'
CACHED = f'llm_model:tokens_delivered:rate5m{{{M},kind="cached"}}'
FREE, HELD = 'llm_node:gpus_unallocated:sum{node="n"}', 'llm_node:gpus_allocated:sum{node="n"}'
PRICE = 'llm_node:gpu_price_dollars_per_hour:max{node="n"}'
_MODEL, _NODE = ("model",), ("node",)
WEEK = 168
"""Steps of an hour in a week."""

MONEY = (
    Scenario(
        alert=AlertName.ROLE_UNDERUTILISED,
        what="an hour under a tenth, then busy: told for one hour more",
        series={BUSY: run((0.1, 130), (0.9, 120)), QUEUED: "0x250"},
        then={"58m": NOTHING, "62m": ({"role": "planner"},), "180m": ({"role": "planner"},), "245m": NOTHING},
    ),
    Scenario(
        alert=AlertName.ROLE_UNDERUTILISED,
        what="idle GPUs while somebody waits is another fault",
        series={BUSY: "0.1x130", QUEUED: run((1, 30), (0, 30), (1, 30), (0, 40))},
        then={"120m": NOTHING},
    ),
    Scenario(
        alert=AlertName.ROLE_UNDERUTILISED,
        what="two busy minutes in twenty are an idle hour all the same",
        series={BUSY: run(*[(0.05, 18), (0.9, 2)] * 7), QUEUED: "0x140"},
        then={"135m": ({"role": "planner"},)},
    ),
    Scenario(
        alert=AlertName.ROLE_UNDERUTILISED,
        what="somebody waited an hour ago",
        series={BUSY: "0.1x200", QUEUED: run((1, 50), (0, 150))},
        then={"150m": NOTHING, "172m": ({"role": "planner"},)},
    ),
    Scenario(
        alert=AlertName.ROLE_UNDERUTILISED,
        what="a third is a role in use",
        series={BUSY: "0.3x130", QUEUED: "0x130"},
        then={"120m": NOTHING},
    ),
    Scenario(
        alert=AlertName.ROLE_UNDERUTILISED,
        what="quiet minutes of a busy hour",
        series={BUSY: run(*[(0.05, 40), (0.95, 20)] * 4), QUEUED: "0x240"},
        then={"159m": NOTHING, "200m": NOTHING},
    ),
    Scenario(
        alert=AlertName.GPUS_WITHOUT_TOKENS,
        what="paid for, and not a token",
        series={COST: "5x80", OUTPUT: "0x80", CACHED: "0x80"},
        then={"29m": NOTHING, "31m": ({"model": "m"},)},
        labels=_MODEL,
    ),
    Scenario(
        alert=AlertName.GPUS_WITHOUT_TOKENS,
        what="the engines' pages are not scraped: money without tokens, too",
        series={COST: "5x80"},
        then={"31m": ({"model": "m"},)},
        labels=_MODEL,
    ),
    Scenario(
        alert=AlertName.GPUS_WITHOUT_TOKENS,
        what="the last answer was given an hour ago",
        series={COST: "5x80", OUTPUT: run((3, 1), (0, 79))},
        then={"50m": NOTHING, "62m": ({"model": "m"},)},
        labels=_MODEL,
    ),
    Scenario(
        alert=AlertName.GPUS_WITHOUT_TOKENS,
        what="one answer in twenty-five minutes is used",
        series={COST: "5x130", OUTPUT: run(*[(3, 1), (0, 24)] * 5)},
        then={"70m": NOTHING, "120m": NOTHING},
        labels=_MODEL,
    ),
    Scenario(
        alert=AlertName.GPUS_WITHOUT_TOKENS,
        what="scaled to zero costs nothing",
        series={COST: "0x80", OUTPUT: "0x80"},
        then={"70m": NOTHING},
        labels=_MODEL,
    ),
    Scenario(
        alert=AlertName.IDLE_SPEND_HIGH,
        what="both pools of a role idle for $ 4, allowed are $ 3",
        series={
            IDLE.replace("both", "prefill"): run((2, 90), (0, 60)),
            IDLE.replace("both", "decode"): run((2, 90), (0, 60)),
            IDLE_BUDGET: "3x150",
        },
        then={
            "59m": NOTHING,
            "61m": ({"role": "planner"},),
            "110m": ({"role": "planner"},),
            "125m": NOTHING,
        },
    ),
    Scenario(
        alert=AlertName.IDLE_SPEND_HIGH,
        what="within its budget",
        series={IDLE: "2x120", IDLE_BUDGET: "3x120"},
        then={"100m": NOTHING},
    ),
    Scenario(
        alert=AlertName.IDLE_SPEND_HIGH,
        what="no budget is set",
        series={IDLE: "50x120"},
        then={"100m": NOTHING},
    ),
    Scenario(
        alert=AlertName.TOKENS_PER_DOLLAR_DROP,
        what="half of last week's",
        series={PER_DOLLAR: run((2e6, 6), ("_", WEEK - 6), (1e6, 6)), OUTPUT: run(("_", WEEK), (500, 6))},
        step="1h",
        then={"168h": NOTHING, "169h": ({"model": "m"},)},
        labels=_MODEL,
    ),
    Scenario(
        alert=AlertName.TOKENS_PER_DOLLAR_DROP,
        what="three quarters of last week's are a week's difference",
        series={PER_DOLLAR: run((2e6, 6), ("_", WEEK - 6), (1.5e6, 6)), OUTPUT: run(("_", WEEK), (500, 6))},
        step="1h",
        then={"170h": NOTHING},
        labels=_MODEL,
    ),
    Scenario(
        alert=AlertName.TOKENS_PER_DOLLAR_DROP,
        what="a dozen tokens a second on two kinds",
        series={
            PER_DOLLAR: run((2e6, 6), ("_", WEEK - 6), (1e5, 6)),
            OUTPUT: run(("_", WEEK), (6, 6)),
            CACHED: run(("_", WEEK), (6, 6)),
        },
        step="1h",
        then={"170h": ({"model": "m"},)},
        labels=_MODEL,
    ),
    Scenario(
        alert=AlertName.TOKENS_PER_DOLLAR_DROP,
        what="hardly anybody asks at night",
        series={PER_DOLLAR: run((2e6, 6), ("_", WEEK - 6), (1e5, 6)), OUTPUT: run(("_", WEEK), (5, 6))},
        step="1h",
        then={"170h": NOTHING},
        labels=_MODEL,
    ),
    Scenario(
        alert=AlertName.STRANDED_GPUS,
        what="a whole GPU free since the morning",
        series={FREE: "1x400"},
        then={"355m": NOTHING, "365m": ({"node": "n"},)},
        labels=_NODE,
    ),
    Scenario(
        alert=AlertName.STRANDED_GPUS,
        what="three sevenths cannot be given back",
        series={FREE: "0.43x400"},
        then={"390m": NOTHING},
        labels=_NODE,
    ),
    Scenario(
        alert=AlertName.PRICE_MISSING,
        what="GPUs in use on a node nobody has priced",
        series={HELD: "2x40", PRICE.replace('"n"', '"other"'): "3x40"},
        then={"14m": NOTHING, "16m": ({"node": "n"},)},
        labels=_NODE,
    ),
    Scenario(
        alert=AlertName.PRICE_MISSING,
        what="a price of nothing is a price",
        series={HELD: "2x40", PRICE: "0x40"},
        then={"30m": NOTHING},
        labels=_NODE,
    ),
    Scenario(
        alert=AlertName.PRICE_MISSING,
        what="nobody uses them",
        series={HELD: "0x40"},
        then={"30m": NOTHING},
        labels=_NODE,
    ),
    Scenario(
        alert=AlertName.ROLE_UNASSIGNED,
        what="two pods of nobody",
        series={f'llm_pod:info{{namespace="lab",pod="x-{n}",role="unassigned",phase="both"}}': "1x40" for n in (0, 1)},
        then={"14m": NOTHING, "16m": ({"namespace": "lab"},)},
        labels=("namespace",),
    ),
    Scenario(
        alert=AlertName.ROLE_UNASSIGNED,
        what="a pod with a role",
        series={'llm_pod:info{namespace="llm",pod="p-0",role="planner",phase="both"}': "1x40"},
        then={"30m": NOTHING},
        labels=("namespace",),
    ),
    Scenario(
        alert=AlertName.COST_DRIFT,
        what="five per cent of the bill in no bucket",
        series={"llm_fleet:cost_drift:ratio{}": "0.05x60"},
        then={"29m": NOTHING, "31m": ({"severity": "warning"},)},
        labels=("severity",),
    ),
    Scenario(
        alert=AlertName.COST_DRIFT,
        what="one per cent: scrapes that do not coincide",
        series={"llm_fleet:cost_drift:ratio{}": "0.01x60"},
        then={"50m": NOTHING},
        labels=("severity",),
    ),
)

# --- agents -------------------------------------------------------------------------------------------------------
TENANT = f'tenant="acme",{P}'
SPEND = f"llm_tenant:session_spend_dollars_per_hour:sum{{{TENANT}}}"
EXCEEDED = 'llm_fleet_session_budget_exceeded_total{tenant="acme",instance="ours:8700"}'
AWAKE = 'llm_fleet_build_info{version="1",instance="ours:8700"}'
_TENANT = ("tenant",)
ACME = ({"tenant": "acme"},)

AGENTS = (
    Scenario(
        alert=AlertName.RUNAWAY_FANOUT,
        what="sixty calls in flight, told for ten minutes more",
        series={'llm_fleet_session_fanout_max{tenant="acme",role="planner"}': run((60, 10), (3, 30))},
        then={"1m": NOTHING, "3m": ACME, "18m": ACME, "21m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.RUNAWAY_FANOUT,
        what="fifty is the limit, not over it",
        series={'llm_fleet_session_fanout_max{tenant="acme",role="planner"}': "50x30"},
        then={"20m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="ten times the usual",
        series={SPEND: run((2, 180), (20, 20), (2, 60))},
        then={"188m": NOTHING, "192m": ACME, "207m": ACME, "212m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="a spike is not its own measure within the hour",
        series={SPEND: run((2, 90), (20, 58))},
        then={"146m": ACME},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="twice the usual",
        series={SPEND: run((10, 180), (20, 60))},
        then={"220m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="a hundred times nothing",
        series={SPEND: run((0.02, 180), (2, 60))},
        then={"220m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="a day's mean, not an hour's: a morning peak every day is usual",
        series={SPEND: run((30, 300), (2, 180), (30, 40))},
        then={"515m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.SESSION_BUDGET_EXCEEDED,
        what="the first one ever: the counter is born at one",
        series={EXCEEDED: run(("_", 30), (1, 60)), AWAKE: "1x90"},
        then={"29m": NOTHING, "31m": ACME, "45m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.SESSION_BUDGET_EXCEEDED,
        what="one more",
        series={EXCEEDED: run((1, 30), (2, 60)), AWAKE: "1x90"},
        then={"29m": NOTHING, "31m": ACME, "45m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.SESSION_BUDGET_EXCEEDED,
        what="we come back after an hour with what we had counted before",
        series={EXCEEDED: run((3, 10), ("_", 60), (3, 30)), AWAKE: run((1, 10), ("_", 60), (1, 30))},
        then={"72m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.SESSION_BUDGET_EXCEEDED,
        what="a counter that is born at zero",
        series={EXCEEDED: run(("_", 30), (0, 60)), AWAKE: "1x90"},
        then={"32m": NOTHING},
        labels=_TENANT,
    ),
)

# --- machinery ----------------------------------------------------------------------------------------------------
SEEN = 'llm_fleet_collector_last_success_timestamp_seconds{source="kubernetes",instance="ours:8700"}'
UNDONE = 'llm_fleet_actions_total{kind="scale",namespace="llm",result="rolled_back"}'
KEDA = 'keda_scaler_detail_errors_total{namespace="keda",exported_namespace="llm",scaledObject="planner",metric="s0"}'
XID = 'llm_gpu:xid_last:code{node="n",gpu="0",UUID="u"}'
BROKEN = (48, 63, 64, 74, 79, 94, 95)
_SOURCE, _KIND, _SEVERITY = ("source",), ("namespace", "kind"), ("severity",)
SCALE = ({"namespace": "llm", "kind": "scale"},)

MACHINERY = (
    Scenario(
        alert=AlertName.CONTROL_PLANE_STALE,
        what="Kubernetes does not answer any more",
        series={SEEN: run(("0+60", 11), (600, 40))},
        then={"13m": NOTHING, "16m": ({"source": "kubernetes"},)},
        labels=_SOURCE,
    ),
    Scenario(
        alert=AlertName.CONTROL_PLANE_STALE,
        what="another of us sees it",
        series={SEEN: run(("0+60", 11), (600, 40)), SEEN.replace("ours:8700", "second:8700"): "0+60x50"},
        then={"30m": NOTHING},
        labels=_SOURCE,
    ),
    Scenario(
        alert=AlertName.CONTROL_PLANE_STALE,
        what="read every minute and a half",
        series={SEEN: "-80+60x50"},
        then={"30m": NOTHING},
        labels=_SOURCE,
    ),
    Scenario(
        alert=AlertName.CONTROL_PLANE_DOWN,
        what="nobody scrapes us, or we are gone",
        series={AWAKE: "1x9 stale _x30"},
        then={"14m": NOTHING, "16m": ({"severity": "critical"},)},
        labels=_SEVERITY,
        alone=True,
    ),
    Scenario(
        alert=AlertName.CONTROL_PLANE_DOWN,
        what="a restart",
        series={AWAKE: "1x9 stale _x2 1x30"},
        then={"12m": NOTHING, "20m": NOTHING},
        labels=_SEVERITY,
        alone=True,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="the first one ever; others were kept",
        series={
            UNDONE: run(("_", 30), (1, 60)),
            UNDONE.replace("rolled_back", "applied"): "3x90",
            AWAKE: "1x90",
        },
        then={"29m": NOTHING, "31m": SCALE, "50m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="one more; Prometheus moved our labels",
        series={
            UNDONE.replace("namespace=", 'namespace="ops",exported_namespace='): run((1, 30), (2, 60)),
            AWAKE: "1x90",
        },
        then={"29m": NOTHING, "31m": SCALE, "50m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="changes that were kept",
        series={UNDONE.replace("rolled_back", "applied"): "0+1x90", AWAKE: "1x90"},
        then={"45m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="we come back after an hour with what we had counted before",
        series={UNDONE: run((3, 10), ("_", 60), (3, 30)), AWAKE: run((1, 10), ("_", 60), (1, 30))},
        then={"72m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="a counter that is born at zero",
        series={UNDONE: run(("_", 30), (0, 60)), AWAKE: "1x90"},
        then={"32m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.KEDA_ERRORS,
        what="an error each minute",
        series={KEDA: "0+1x40"},
        then={"10m": NOTHING, "12m": ({"namespace": "llm", "scaledObject": "planner"},)},
        labels=("namespace", "scaledObject"),
    ),
    Scenario(
        alert=AlertName.KEDA_ERRORS,
        what="errors of the past",
        series={KEDA: run(("0+1", 3), (3, 40))},
        then={"20m": NOTHING},
        labels=("namespace", "scaledObject"),
    ),
    Scenario(
        alert=AlertName.KEDA_ERRORS,
        what="one error, and it works again",
        series={KEDA: run((0, 10), (1, 40))},
        then={"25m": NOTHING},
        labels=("namespace", "scaledObject"),
    ),
    Scenario(
        alert=AlertName.GPU_XID,
        what="these are the GPU's fault, until somebody does something",
        series={XID.replace('gpu="0"', f'gpu="{code}"'): run((0, 10), (code, 40)) for code in BROKEN},
        then={
            "10m": NOTHING,
            "12m": tuple({"gpu": f"{code}", "severity": "critical"} for code in BROKEN),
            "45m": tuple({"gpu": f"{code}", "severity": "critical"} for code in BROKEN),
        },
        labels=("gpu", "severity"),
    ),
    Scenario(
        alert=AlertName.GPU_XID,
        what="XID 31 is usually a program's fault, told once",
        series={XID: run((0, 10), (31, 60))},
        then={"10m": NOTHING, "12m": ({"severity": "warning"},), "30m": ({"severity": "warning"},), "45m": NOTHING},
        labels=_SEVERITY,
    ),
    Scenario(
        alert=AlertName.GPU_XID,
        what="the driver was loaded again",
        series={XID: run((31, 60), (0, 30))},
        then={"65m": NOTHING},
        labels=_SEVERITY,
    ),
    Scenario(
        alert=AlertName.GPU_XID,
        what="there was none",
        series={XID: "0x30"},
        then={"20m": NOTHING},
        labels=_SEVERITY,
    ),
)

REST = (*BURNS, *MONEY, *AGENTS, *MACHINERY)
