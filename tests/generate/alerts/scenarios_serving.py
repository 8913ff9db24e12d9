"""Stories about what callers feel. Times are minutes; a role is ``planner`` unless it says otherwise."""

from controlplane.settings.alerts import AlertName
from tests.generate.alerts.scenario import NOTHING, Fires, Scenario, run

R = 'namespace="llm",role="planner",model="m",phase="both"'
PREFILL = 'namespace="llm",role="pre",model="m",phase="prefill"'
DECODE = 'namespace="llm",role="dec",model="m",phase="decode"'
POOL = 'namespace="llm",role="planner"'
PLANNER: Fires = ({"role": "planner"},)

PER_REPLICA = f"llm_role:requests_waiting_per_replica:avg{{{R}}}"
WAITING = f"llm_role:requests_waiting:sum{{{R}}}"
PRESSURED = f"llm_role:kv_pressured_replicas:ratio{{{R}}}"
PREEMPTED = f"llm_role:preemptions:rate5m{{{R}}}"
HITS = f"llm_role:prefix_cache_hit:ratio5m{{{R}}}"
LOOKUPS = f"llm_role:prefix_cache_queried_tokens:rate5m{{{R}}}"
PREFILL_QUEUE = f"llm_role:requests_waiting_per_replica:avg{{{PREFILL}}}"
DECODE_QUEUE = f"llm_role:requests_waiting_per_replica:avg{{{DECODE}}}"
READY, DESIRED, MAX = (f"llm_fleet_pool_replicas_{what}{{{POOL}}}" for what in ("ready", "desired", "max"))
ANSWERING = f"llm_role:replicas:count{{{R}}}"


def finished(reason: str) -> str:
    return f'llm_role:requests_finished:rate5m{{{R},reason="{reason}"}}'


def moved(what: str, pod: str) -> str:
    """Our own metric as Prometheus holds it without honorLabels."""
    return f'llm_fleet_pool_replicas_{what}{{namespace="ops",exported_namespace="llm",role="planner",pod="{pod}"}}'


QUEUE = (
    Scenario(
        alert=AlertName.QUEUE_BACKLOG,
        what="a queue that grows is told after five minutes, and for five more when it is gone",
        series={PER_REPLICA: run((0, 10), (9, 20), (0, 40)), WAITING: run((0, 10), ("10+1", 20), (0, 40))},
        then={"14m": NOTHING, "16m": PLANNER, "33m": PLANNER, "36m": NOTHING},
    ),
    Scenario(
        alert=AlertName.QUEUE_BACKLOG,
        what="a queue that drains is a queue doing its job",
        series={PER_REPLICA: "60-1x50", WAITING: "120-2x50"},
        then={"10m": NOTHING, "30m": NOTHING},
    ),
    Scenario(
        alert=AlertName.QUEUE_BACKLOG,
        what="five waiting per replica are still normal",
        series={PER_REPLICA: "5x30", WAITING: "5+1x30"},
        then={"20m": NOTHING},
    ),
    Scenario(
        alert=AlertName.QUEUE_BACKLOG,
        what="it shrank for long and has begun to grow: the last ten minutes count",
        series={PER_REPLICA: "9x60", WAITING: run(("200-4", 40), ("44+2", 20))},
        then={"38m": NOTHING, "56m": PLANNER},
    ),
    Scenario(
        alert=AlertName.SCALED_TO_MAX,
        what="a queue while as many replicas are asked for as may be",
        series={PER_REPLICA: "9x60", DESIRED: "4x60", MAX: "4x60"},
        then={"14m": NOTHING, "16m": PLANNER},
    ),
    Scenario(
        alert=AlertName.SCALED_TO_MAX,
        what="more than may be, as when somebody lowered the maximum",
        series={PER_REPLICA: "9x60", DESIRED: "5x60", MAX: "4x60"},
        then={"16m": PLANNER},
    ),
    Scenario(
        alert=AlertName.SCALED_TO_MAX,
        what="a queue with room to grow",
        series={PER_REPLICA: "9x60", DESIRED: "3x60", MAX: "4x60"},
        then={"30m": NOTHING},
    ),
    Scenario(
        alert=AlertName.SCALED_TO_MAX,
        what="at its maximum and nothing waits",
        series={PER_REPLICA: "5x60", DESIRED: "4x60", MAX: "4x60"},
        then={"30m": NOTHING},
    ),
    Scenario(
        alert=AlertName.SCALED_TO_MAX,
        what="our labels were moved to exported_, as without honorLabels, twice by two of us",
        series={
            PER_REPLICA: "9x60",
            **{moved("desired", pod): "4x60" for pod in ("ours-0", "ours-1")},
            **{moved("max", pod): "4x60" for pod in ("ours-0", "ours-1")},
        },
        then={"20m": PLANNER},
    ),
)

CACHE = (
    Scenario(
        alert=AlertName.KV_CACHE_PRESSURE,
        what="half of the replicas have no headroom",
        series={PRESSURED: run((0.5, 10), (0, 30))},
        then={"4m": NOTHING, "6m": PLANNER, "13m": PLANNER, "16m": NOTHING},
    ),
    Scenario(
        alert=AlertName.KV_CACHE_PRESSURE,
        what="one of three has none: the router can go around it",
        series={PRESSURED: "0.33x30"},
        then={"20m": NOTHING},
    ),
    Scenario(
        alert=AlertName.PREEMPTION_STORM,
        what="one preempted for four that finish",
        series={
            PREEMPTED: run((0.5, 10), (0, 30)),
            finished("stop"): "1x40",
            finished("length"): "1x40",
        },
        then={"4m": NOTHING, "6m": PLANNER, "13m": PLANNER, "16m": NOTHING},
    ),
    Scenario(
        alert=AlertName.PREEMPTION_STORM,
        what="the worst storm: nothing finishes at all",
        series={PREEMPTED: "0.5x30", finished("stop"): "0x30"},
        then={"6m": PLANNER},
    ),
    Scenario(
        alert=AlertName.PREEMPTION_STORM,
        what="as many again finish well: one in five is normal",
        series={PREEMPTED: "0.4x30", finished("stop"): "1.5x30", finished("length"): "0.5x30"},
        then={"20m": NOTHING},
    ),
    Scenario(
        alert=AlertName.PREEMPTION_STORM,
        what="a handful in a quiet hour",
        series={PREEMPTED: "0.05x30", finished("stop"): "0.02x30"},
        then={"20m": NOTHING},
    ),
    Scenario(
        alert=AlertName.PREFIX_CACHE_COLLAPSE,
        what="a new prompt front: hits fall from 80 % to 20 %",
        series={HITS: run((0.8, 24), (0.2, 8)), LOOKUPS: "500x32"},
        then={"134m": NOTHING, "136m": PLANNER},
        step="5m",
    ),
    Scenario(
        alert=AlertName.PREFIX_CACHE_COLLAPSE,
        what="a long collapse does not become its own measure within the day",
        series={HITS: run((0.8, 120), (0.2, 40)), LOOKUPS: "500x160"},
        then={"790m": PLANNER},
        step="5m",
    ),
    Scenario(
        alert=AlertName.PREFIX_CACHE_COLLAPSE,
        what="a young role: what it fell to is not yet part of what is usual",
        series={HITS: run((0.8, 4), (0.3, 8)), LOOKUPS: "500x12"},
        then={"30m": NOTHING, "35m": PLANNER},
        step="5m",
    ),
    Scenario(
        alert=AlertName.PREFIX_CACHE_COLLAPSE,
        what="a young role that hit a little: what is usual was enough to lose",
        series={HITS: run((0.25, 4), (0.05, 8)), LOOKUPS: "500x12"},
        then={"35m": PLANNER},
        step="5m",
    ),
    Scenario(
        alert=AlertName.PREFIX_CACHE_COLLAPSE,
        what="a role that was just born has no past: nothing collapses",
        series={HITS: run((0.8, 1), (0.2, 20)), LOOKUPS: "500x21"},
        then={"10m": NOTHING},
        step="5m",
    ),
    Scenario(
        alert=AlertName.PREFIX_CACHE_COLLAPSE,
        what="a fall to 45 % is the mix of requests",
        series={HITS: run((0.8, 24), (0.45, 8)), LOOKUPS: "500x32"},
        then={"150m": NOTHING},
        step="5m",
    ),
    Scenario(
        alert=AlertName.PREFIX_CACHE_COLLAPSE,
        what="hardly a token looked up",
        series={HITS: run((0.8, 24), (0.2, 8)), LOOKUPS: "40x32"},
        then={"150m": NOTHING},
        step="5m",
    ),
    Scenario(
        alert=AlertName.PREFIX_CACHE_COLLAPSE,
        what="it never hit much",
        series={HITS: run((0.15, 24), (0.02, 8)), LOOKUPS: "500x32"},
        then={"150m": NOTHING},
        step="5m",
    ),
)

_SIDES = ("side",)
POOLS = (
    Scenario(
        alert=AlertName.PREFILL_DECODE_IMBALANCE,
        what="prefill queues while decode idles",
        series={PREFILL_QUEUE: "9x30", DECODE_QUEUE: "1x30"},
        then={"9m": NOTHING, "11m": ({"side": "prefill"},)},
        labels=_SIDES,
    ),
    Scenario(
        alert=AlertName.PREFILL_DECODE_IMBALANCE,
        what="decode queues while prefill idles",
        series={PREFILL_QUEUE: "1x30", DECODE_QUEUE: "9x30"},
        then={"9m": NOTHING, "11m": ({"side": "decode"},)},
        labels=_SIDES,
    ),
    Scenario(
        alert=AlertName.PREFILL_DECODE_IMBALANCE,
        what="both queue: that is a backlog",
        series={PREFILL_QUEUE: "9x30", DECODE_QUEUE: "4x30"},
        then={"20m": NOTHING},
        labels=_SIDES,
    ),
    Scenario(
        alert=AlertName.PREFILL_DECODE_IMBALANCE,
        what="both queue, the other way round",
        series={PREFILL_QUEUE: "4x30", DECODE_QUEUE: "9x30"},
        then={"20m": NOTHING},
        labels=_SIDES,
    ),
    Scenario(
        alert=AlertName.PREFILL_DECODE_IMBALANCE,
        what="two waiting are no queue, on either side",
        series={
            PREFILL_QUEUE: "2x30",
            DECODE_QUEUE: "0.1x30",
            PREFILL_QUEUE.replace('"m"', '"n"'): "0.1x30",
            DECODE_QUEUE.replace('"m"', '"n"'): "2x30",
        },
        then={"20m": NOTHING},
        labels=_SIDES,
    ),
    *(
        Scenario(
            alert=AlertName.PREFILL_DECODE_IMBALANCE,
            what=f"a third pool queues, prefill has {prefill:g} and decode {decode:g}",
            series={PER_REPLICA: "90x30", PREFILL_QUEUE: f"{prefill}x30", DECODE_QUEUE: f"{decode}x30"},
            then={"20m": NOTHING},
            labels=_SIDES,
        )
        for prefill, decode in ((2, 0.1), (0.1, 2), (3.5, 1), (1, 3.5))
    ),
)

ERRORS = (
    Scenario(
        alert=AlertName.REQUEST_ERRORS,
        what="one in ten ends in an error",
        series={finished("stop"): "0.9x30", finished("error"): run((0.1, 10), (0, 20))},
        then={"4m": NOTHING, "6m": PLANNER, "13m": PLANNER, "16m": NOTHING},
    ),
    Scenario(
        alert=AlertName.REQUEST_ERRORS,
        what="errors and aborts count together",
        series={finished("stop"): "0.94x30", finished("error"): "0.03x30", finished("abort"): "0.03x30"},
        then={"6m": PLANNER},
    ),
    Scenario(
        alert=AlertName.REQUEST_ERRORS,
        what="one in fifty: callers who changed their mind",
        series={finished("stop"): "0.98x30", finished("abort"): "0.02x30"},
        then={"20m": NOTHING},
    ),
    Scenario(
        alert=AlertName.REQUEST_ERRORS,
        what="one of four requests in an hour",
        series={finished("stop"): "0.03x30", finished("error"): "0.01x30"},
        then={"20m": NOTHING},
    ),
)

_WAKES = ("role", "wakes")
SLEEPER = 'namespace="llm",role="transcriber"'
DOWN = (
    Scenario(
        alert=AlertName.ENGINE_DOWN,
        what="both are asked for and none serves",
        series={READY: run((2, 5), (0, 30)), DESIRED: "2x35"},
        then={"6m": NOTHING, "8m": PLANNER, "30m": PLANNER},
        labels=_WAKES,
    ),
    Scenario(
        alert=AlertName.ENGINE_DOWN,
        what="we are blind ourselves, and no engine answers that did an hour ago",
        series={ANSWERING: run((2, 5), ("_", 70))},
        then={"6m": NOTHING, "14m": PLANNER, "70m": NOTHING},
        labels=_WAKES,
    ),
    Scenario(
        alert=AlertName.ENGINE_DOWN,
        what="engines are not scraped, and we know that they serve",
        series={ANSWERING: run((2, 5), ("_", 60)), READY: "2x60", DESIRED: "2x60"},
        then={"20m": NOTHING},
        labels=_WAKES,
    ),
    Scenario(
        alert=AlertName.ENGINE_DOWN,
        what="one of two serves",
        series={READY: "1x30", DESIRED: "2x30", ANSWERING: "1x30"},
        then={"20m": NOTHING},
        labels=_WAKES,
    ),
    Scenario(
        alert=AlertName.ENGINE_DOWN,
        what="nobody asks for one",
        series={READY: "0x30", DESIRED: "0x30"},
        then={"20m": NOTHING},
        labels=_WAKES,
    ),
    Scenario(
        alert=AlertName.ENGINE_DOWN,
        what="a role that sleeps fell asleep while we are blind ourselves",
        series={f'llm_role:replicas:count{{{SLEEPER},model="m",phase="both"}}': run((1, 5), ("_", 40))},
        then={"20m": NOTHING},
        labels=_WAKES,
    ),
    Scenario(
        alert=AlertName.ENGINE_DOWN,
        what="a role that sleeps was woken and does not come",
        series={
            f"llm_fleet_pool_replicas_ready{{{SLEEPER}}}": "0x40",
            f"llm_fleet_pool_replicas_desired{{{SLEEPER}}}": "1x40",
        },
        then={"19m": NOTHING, "21m": ({"role": "transcriber", "wakes": "from zero"},)},
        labels=_WAKES,
    ),
    Scenario(
        alert=AlertName.ENGINE_DOWN,
        what="a role that sleeps, sleeps; and another that was woken has come",
        series={
            f"llm_fleet_pool_replicas_ready{{{SLEEPER}}}": "0x40",
            f"llm_fleet_pool_replicas_desired{{{SLEEPER}}}": "0x40",
        },
        then={"30m": NOTHING},
        labels=_WAKES,
    ),
    Scenario(
        alert=AlertName.ENGINE_DOWN,
        what="a role that sleeps was woken and has come",
        series={
            f"llm_fleet_pool_replicas_ready{{{SLEEPER}}}": "1x40",
            f"llm_fleet_pool_replicas_desired{{{SLEEPER}}}": "1x40",
        },
        then={"30m": NOTHING},
        labels=_WAKES,
    ),
)

SERVING = (*QUEUE, *CACHE, *POOLS, *ERRORS, *DOWN)
