"""Stories about money: GPUs that give little, and bills that do not add up."""

from controlplane.settings.alerts import AlertName
from tests.generate.alerts.scenario import NOTHING, Scenario, run

P = 'namespace="llm",role="planner",model="m"'
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
