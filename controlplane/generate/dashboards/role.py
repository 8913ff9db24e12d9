"""One role: how fast it answers, whether it keeps its promise, what it has to do and what it has to do it with."""

from controlplane.generate.alerts.slo import BUDGET, BURNS
from controlplane.generate.dashboards.asked import (
    ANNOTATIONS,
    FLEET_VARIABLES,
    asked,
    by,
    equal,
    once,
    per_role,
)
from controlplane.generate.dashboards.charts import (
    DOLLARS,
    FAIR,
    GPUS,
    POD_KEY,
    ROLE_KEY,
    SHARE,
    TOKENS,
    above,
    chart,
    table,
    unused,
)
from controlplane.generate.dashboards.panel import NO_TRAFFIC, Board, Key, Kind, Panel, Query, Row, Variable
from controlplane.generate.rules.roles import OBJECTIVE, limit_of
from controlplane.model.reading import Reading
from controlplane.promql import exported as ours
from controlplane.settings.schema import Settings

RUNTIME = Variable(label="runtime", title="Engine", query="llm_role:ttft_seconds_bucket:rate5m")
POD_OF_ROLE = "* on (cluster, namespace, pod) group_left (role) "
LATENCIES = (
    ("ttft", "Time to first token", "ttft_p95", "From arrival to the first token: queue, prefill, first step."),
    ("itl", "Time between tokens", "itl_p95", "Between two tokens of an answer; grows with the batch."),
    ("e2e", "Whole request", "e2e_p95", "From arrival to the last token."),
    ("queue_time", "Queue", "", "From arrival to a place in the batch."),
)
QUANTILE_COLOURS = (("0.5", "light-blue"), ("0.95", "blue"), ("0.99", "dark-purple"))


def role_board(settings: Settings) -> Board:
    """Choose one role, or compare several."""
    return Board(
        uid="llm-role",
        title=f"{settings.fleet} · Role",
        words="One role, or several beside each other: latency against its promise, load, replicas. What happens "
        "inside an engine is on vLLM's own dashboards, linked from the tables.",
        rows=(_latency(settings), _promises(settings), _load(settings), _capacity(settings)),
        variables=(*FLEET_VARIABLES, RUNTIME),
        annotations=ANNOTATIONS,
    )


def _latency(settings: Settings) -> Row:
    panels = []
    for stem, title, objective, words in LATENCIES:
        name = f"llm_role:{stem}_seconds:quantile5m"
        measured = Query(
            expr=by("role runtime quantile", "max", asked(name, also=("runtime",))),
            legend="{{role}} p{{quantile}} {{runtime}}",
        )
        promised = Query(
            expr=by("role", "max", asked(OBJECTIVE, equal("objective", objective))),
            legend="promised {{role}} p95",
            promise=True,
        )
        panels.append(
            Panel(
                title=title,
                words=f"{words} Median, 95th and 99th percentile of 5 min, by engine: bucket edges differ."
                + (" Dashed is what fleet.yaml promises for the 95th." if objective in settings.promised else ""),
                unit="s",
                width=12,
                queries=(measured, promised) if objective in settings.promised else (measured,),
                nothing=NO_TRAFFIC,
            )
        )
    buckets = asked("llm_role:ttft_seconds_bucket:rate5m", also=("runtime",))
    panels.append(
        Panel(
            title="Time to first token, all of it",
            words="Requests per second by how long they waited for their first token. Two bands are two kinds of "
            "requests. Choose one engine: edges of different engines do not fit into one picture.",
            unit="s",
            kind=Kind.HEATMAP,
            width=24,
            queries=(Query(expr=by("le", "sum", buckets), legend="{{le}}"),),
            nothing=NO_TRAFFIC,
        )
    )
    return Row(title="Latency", panels=tuple(panels))


def _promises(settings: Settings) -> Row:
    if not settings.promised:
        return unused("Promises", "No role in fleet.yaml promises anything under `slo`, so there is nothing to keep.")

    def missed(window: str) -> str:
        return asked(f"llm_slo:error:ratio{window}")

    legend = "{{role}} {{slo}}"
    page = BURNS[0]
    return Row(
        title="Promises",
        panels=(
            Panel(
                title="Kept, 1 h",
                words=f"Share of requests (of itl: tokens) of the last hour as fast as promised; {1 - BUDGET:.0%} is "
                "promised. Absent where nothing is promised, or where the engine has no bucket edge at the promise.",
                unit=SHARE,
                most=1,
                queries=(Query(expr=f"1 - {by('role slo', 'max', missed('1h'))}", legend=legend),),
                nothing=NO_TRAFFIC,
            ),
            Panel(
                title="Burn rate",
                words="How many times faster than allowed the error budget is spent: 1 uses up a month's in a month. "
                f"The line is where a page goes out, if the last {page.long} are over it, too.",
                queries=tuple(
                    Query(
                        expr=f"{by('role slo', 'max', missed(window))} / {BUDGET:g}",
                        legend=f"{legend}, {window}",
                        promise=window == "6h",
                    )
                    for window in ("1h", "6h")
                ),
                limit=page.factor,
                nothing=NO_TRAFFIC,
            ),
            Panel(
                title="Budget left, 30 d",
                least=None,
                words="What is left of the requests that may be slower than promised, over 30 days. Below 0: the "
                "promise is broken.",
                unit=SHARE,
                most=1,
                queries=(Query(expr=f"1 - {by('role slo', 'max', missed('30d'))} / {BUDGET:g}", legend=legend),),
                nothing=NO_TRAFFIC,
            ),
            Panel(
                title="Judged",
                words="Requests (of itl: tokens) per second that a promise covers, and those of them that kept it. A "
                "burn rate of a handful of requests is chance.",
                width=24,
                height=6,
                queries=(
                    Query(expr=by("role slo", "sum", asked("llm_slo:total:rate5m")), legend=f"{legend}: all"),
                    Query(expr=by("role slo", "sum", asked("llm_slo:good:rate5m")), legend=f"{legend}: in time"),
                ),
                nothing=NO_TRAFFIC,
            ),
        ),
    )


def _load(settings: Settings) -> Row:
    return Row(
        title="Load",
        panels=(
            Panel(
                title="Running and waiting",
                words="Requests in the batch, and those that wait for a place in it.",
                queries=(
                    per_role("llm_role:requests_running:sum", "sum", legend="{{role}} running"),
                    per_role("llm_role:requests_waiting:sum", "sum", legend="{{role}} waiting"),
                ),
            ),
            chart(
                "Waiting per replica",
                "llm_role:requests_waiting_per_replica:avg",
                "max",
                "short",
                "Waiting requests per replica that answers; the line is the queue detector's limit.",
                limit=limit_of(settings, Reading.WAITING_PER_REPLICA),
            ),
            Panel(
                title="Requests finished by reason",
                words="Requests that ended, per second, 5 min. SGLang only tells finished and abort.",
                unit="reqps",
                stacked=True,
                queries=(
                    Query(
                        expr=by("role reason", "sum", asked("llm_role:requests_finished:rate5m")),
                        legend="{{role}} {{reason}}",
                    ),
                ),
            ),
            chart(
                "Prompt tokens", "llm_role:prompt_tokens:rate5m", "sum", TOKENS, "Cached and transferred ones included."
            ),
            chart("Output tokens", "llm_role:output_tokens:rate5m", "sum", TOKENS, "Tokens generated per second."),
            Panel(
                title="Tokens delivered by kind",
                words="Tokens per second by kind; a prompt counts once, at prefill.",
                unit=TOKENS,
                stacked=True,
                queries=(
                    Query(
                        expr=by("role kind", "sum", asked("llm_role:tokens_delivered:rate5m")),
                        legend="{{role}} {{kind}}",
                    ),
                ),
            ),
        ),
    )


def _capacity(settings: Settings) -> Row:
    return Row(
        title="Capacity",
        panels=(
            Panel(
                title="Replicas",
                words="Ready, and what the autoscaler asks for; dashed is the most allowed.",
                queries=(
                    per_role(ours.REPLICAS_READY.name, "sum", legend="{{role}} ready"),
                    per_role(ours.REPLICAS_DESIRED.name, "sum", legend="{{role}} wanted"),
                    Query(expr=by("role", "sum", once(ours.REPLICAS_MAX.name)), legend="{{role}} most", promise=True),
                ),
            ),
            chart(
                "GPUs busy",
                "llm_role:gpu_engine_active:avg",
                "max",
                SHARE,
                "Share of the time the role's GPUs and slices did anything, by their size. One small kernel at a time "
                "is busy, too: this tells idle, not efficient.",
                most=1,
            ),
            Panel(
                title="Spend",
                words="Dollars per hour of the role's GPUs, and the part in which they did nothing (dashed).",
                unit=DOLLARS,
                queries=(
                    per_role("llm_role:cost_dollars_per_hour:sum", "sum"),
                    Query(
                        expr=by("role", "sum", asked("llm_role:cost_idle_dollars_per_hour:sum")),
                        legend="{{role}} idle",
                        promise=True,
                    ),
                ),
            ),
            _pods(settings),
        ),
    )


def _pods(settings: Settings) -> Panel:
    role_of = POD_OF_ROLE + asked("llm_pod:info")

    def of_pod(operator: str, name: str) -> str:
        return by("role pod model", operator, f"{asked(name)} {role_of}")

    def without_model(operator: str, name: str) -> str:
        return by("role pod", operator, f"{asked(name)} {role_of}")

    kv = limit_of(settings, Reading.KV_USAGE_MAX)
    return table(
        "Each replica",
        "Every pod that answers or costs money. An engine's inside (steps, process, configuration) is on vLLM's own "
        "dashboard of instances, one click away.",
        (ROLE_KEY, POD_KEY, Key(label="model", title="Model")),
        (
            Query(expr=of_pod("sum", "llm_pod:requests_running:sum"), legend="Running"),
            Query(expr=of_pod("sum", "llm_pod:requests_waiting:sum"), legend="Waiting"),
            Query(
                expr=of_pod("max", "llm_pod:kv_cache_usage:max"), legend="KV cache", unit=SHARE, steps=above(kv, FAIR)
            ),
            Query(expr=of_pod("sum", "llm_pod:prompt_tokens:rate5m"), legend="Prompt", unit=TOKENS),
            Query(expr=of_pod("sum", "llm_pod:output_tokens:rate5m"), legend="Output", unit=TOKENS),
            Query(expr=without_model("max", "llm_pod:gpu_engine_active:avg"), legend="GPU busy", unit=SHARE),
            Query(expr=without_model("sum", "llm_pod:gpus_allocated:sum"), legend="GPUs", unit=GPUS, decimals=2),
            Query(expr=without_model("sum", "llm_pod:cost_dollars_per_hour:sum"), legend="$/h", unit=DOLLARS),
            Query(expr=without_model("sum", "llm_pod:cost_idle_dollars_per_hour:sum"), legend="Idle $/h", unit=DOLLARS),
        ),
        height=9,
    )
