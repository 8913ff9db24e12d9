"""Control plane and data: whether what the other dashboards show can be believed."""

from collections.abc import Iterator

from controlplane.generate.dashboards.asked import (
    ANNOTATIONS,
    FLEET_VARIABLES,
    asked,
    by,
    equal,
    foreign,
    once,
)
from controlplane.generate.dashboards.charts import BAD, FAIR, GOOD, above, number, table
from controlplane.generate.dashboards.cost import no_sessions
from controlplane.generate.dashboards.panel import Board, Key, Kind, Panel, Query, Row, State
from controlplane.generate.dashboards.scaling import of_ours, scaled_objects
from controlplane.promql import exported as ours
from controlplane.promql import metrics_keda as keda
from controlplane.promql.catalogue import metrics
from controlplane.promql.dialects import dialects
from controlplane.promql.expr import Match, call, quote, select
from controlplane.promql.metric import Signal
from controlplane.promql.recorded import LEVELS
from controlplane.settings.schema import Settings

OUR_GROUPS = Match("rule_group", ".*;llm-.*", "=~")
"""Our groups of rules, whatever file the server keeps them in."""
RATE = "$__rate_interval"
NO_SERVER = "Prometheus does not scrape itself"

NEEDED = (
    ("control plane", "llm_fleet_pod_info", "roles, prices, replicas"),
    ("vLLM", "vllm:num_requests_running", "load of vLLM engines"),
    ("vLLM under Ray", "ray_vllm_num_requests_running", "load of Ray Serve LLM"),
    ("SGLang", "sglang:num_running_reqs", "load of SGLang engines"),
    ("DCGM", "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "busy time, idle money, until 4.8"),
    ("DCGM 4.9", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", "busy time, idle money, since 4.9"),
    ("kube-state-metrics", "kube_pod_container_resource_requests", "GPUs of pods that are no role's"),
    ("OpenCost", "node_gpu_hourly_cost", "prices where fleet.yaml has none"),
    ("LiteLLM", "litellm_in_flight_requests", "teams"),
)
"""Whose metrics rules and panels are made of: who, one name of theirs, what is empty without it."""

RENAMED = (
    ("vllm:kv_cache_usage_perc", "vLLM: KV cache, today's name"),
    ("vllm:gpu_cache_usage_perc", "vLLM: KV cache, name until 0.10"),
    ("vllm:inter_token_latency_seconds_count", "vLLM: token latency, today's name"),
    ("vllm:time_per_output_token_seconds_count", "vLLM: token latency, name until 0.12"),
    ("sglang:realtime_tokens_total", "SGLang: tokens as they are made"),
    ("sglang:prompt_tokens_total", "SGLang: tokens when a request ends"),
)


def selfcheck_board(settings: Settings) -> Board:
    """Look here first when a number looks wrong."""
    return Board(
        uid="llm-selfcheck",
        title=f"{settings.fleet} · Control plane and data",
        words="Look here first when a number looks wrong: how old data is, whether rules are evaluated, what is "
        "missing.",
        rows=(_now(settings), _sources(settings), _rules(), _coverage(settings)),
        variables=FLEET_VARIABLES,
        annotations=ANNOTATIONS,
    )


def _age(name: str, labels: str) -> str:
    return f"time() - {by(labels, 'max', asked(name))}"


def _of_groups(name: str, window: str = "") -> str:
    return foreign(name, OUR_GROUPS, labels=(), window=window)


def _now(settings: Settings) -> Row:
    old = settings.alerts.limits.source_age.total_seconds()
    return Row(
        title="Now",
        panels=(
            number(
                "Oldest source",
                f"max({_age(ours.SOURCE_LAST_SUCCESS.name, 'source')})",
                "s",
                "Seconds since the source that is worst off last gave something usable; coloured where the alert "
                "fires.",
                steps=above(old),
            ),
            number(
                "Last tick",
                f"max({_age(ours.LOOP_LAST_SUCCESS.name, 'loop')})",
                "s",
                "Seconds since the loop that is worst off last succeeded. Some run by the hour.",
            ),
            number(
                "Messages waiting",
                f"max({asked(ours.OLDEST_UNDELIVERED.name)})",
                "s",
                "Age of the oldest message that still waits to be sent; 0 when none waits.",
                steps=above(600, FAIR),
            ),
            number(
                "Rules that failed",
                f"sum(increase({_of_groups('prometheus_rule_evaluation_failures_total', '$__range')}))",
                "short",
                "Evaluations of our rules that failed in the chosen time. Usually two exporters for one thing.",
                steps=above(1),
                decimals=0,
                quiet=NO_SERVER,
            ),
            number(
                "Pods without a role",
                f"count({asked('llm_pod:info', equal('role', 'unassigned'), only=('cluster', 'namespace'))}) "
                f"or count({asked('llm_pod:info', only=('cluster', 'namespace'))}) * 0",
                "short",
                "Engines that answer and belong to no role of fleet.yaml.",
                steps=above(1, FAIR),
            ),
            number(
                "GPUs without a price",
                f"sum({asked('llm_fleet:gpus_unpriced:sum')})",
                "short",
                "What they cost is in no bucket.",
                steps=above(0.001, FAIR),
            ),
        ),
    )


def _sources(settings: Settings) -> Row:
    return Row(
        title="The control plane",
        panels=(
            Panel(
                title="Age of each source",
                words="Seconds since a source last gave something usable. The line is where the alert fires.",
                unit="s",
                limit=settings.alerts.limits.source_age.total_seconds(),
                queries=(Query(expr=_age(ours.SOURCE_LAST_SUCCESS.name, "source"), legend="{{source}}"),),
            ),
            Panel(
                title="Sources that answer",
                words="Whether a source's last answer could be used.",
                kind=Kind.STATES,
                states=(State(1, "usable", GOOD), State(0, "not usable", BAD)),
                queries=(Query(expr=by("source", "min", asked(ours.SOURCE_UP.name, only=())), legend="{{source}}"),),
            ),
            Panel(
                title="How long sources take",
                words="Seconds a source took to answer last time.",
                unit="s",
                queries=(
                    Query(expr=by("source", "max", asked(ours.SOURCE_SECONDS.name, only=())), legend="{{source}}"),
                ),
            ),
            Panel(
                title="The walk",
                words="How long each step of the last walk took.",
                unit="s",
                stacked=True,
                queries=(Query(expr=by("step", "max", asked(ours.WALK_SECONDS.name)), legend="{{step}}"),),
            ),
            Panel(
                title="Loops",
                words="Seconds since each loop of the service last succeeded.",
                unit="s",
                queries=(Query(expr=_age(ours.LOOP_LAST_SUCCESS.name, "loop"), legend="{{loop}}"),),
            ),
            Panel(
                title="Runs that did not happen",
                words="Runs of a loop that were left out because the one before was still busy.",
                decimals=0,
                quiet="no loop was ever too busy",
                queries=(
                    Query(
                        expr=by("loop", "sum", f"increase({asked(ours.LOOP_DROPPED.name, window=RATE)})"),
                        legend="{{loop}}",
                    ),
                ),
            ),
            table(
                "What runs",
                "Versions of the control plane. Two: an update is under way, or a second one runs.",
                (Key(label="version", title="Version"), Key(label="instance", title="Instance")),
                (Query(expr=by("version instance", "max", asked(ours.BUILD_INFO.name)), legend="Runs"),),
                width=12,
                height=6,
            ),
            table(
                "What it read of each role",
                "Readings of the last tick in their base unit, as detectors see them. A reading that is not here is "
                "unknown.",
                (
                    Key(label="role", title="Role"),
                    Key(label="reading", title="Reading"),
                    Key(label="unit", title="Unit"),
                ),
                (
                    Query(
                        expr=by("role reading unit", "max", asked(ours.ROLE_READING.name)), legend="Value", decimals=3
                    ),
                ),
                width=12,
                height=6,
            ),
            table(
                "Rights it lacks",
                "What the API server refused, by the right that was missing; gone once a change is let through. "
                "`controlplane doctor` has the Role that gives it.",
                (
                    Key(label="verb", title="May not"),
                    Key(label="resource", title="Resource"),
                    Key(label="namespace", title="Namespace"),
                    Key(label="name", title="Name"),
                ),
                (
                    Query(
                        expr=by("verb resource namespace name", "max", asked(ours.MISSING_RIGHTS.name)),
                        legend="Missing",
                        hidden=True,
                    ),
                ),
                height=5,
                nothing="none",
                quiet="no right is missing",
            ),
        ),
    )


def _rules() -> Row:
    def grouped(operator: str, expression: str) -> str:
        """By group, without the folder the server keeps its file in."""
        bare = call("label_replace", expression, quote("group"), quote("$1"), quote("rule_group"), quote(".*;(.+)"))
        return by("group", operator, bare)

    def of_group(operator: str, name: str) -> str:
        return grouped(operator, _of_groups(name))

    failures = _of_groups("prometheus_rule_evaluation_failures_total", RATE)
    missed = _of_groups("prometheus_rule_group_iterations_missed_total", RATE)
    last = "prometheus_rule_group_last_evaluation_timestamp_seconds"
    return Row(
        title="Rules in Prometheus",
        panels=(
            Panel(
                title="Failures",
                words="Evaluations of our rules that fail, or are left out because the server is too busy, per second.",
                unit="ops",
                queries=(
                    Query(expr=grouped("sum", call("rate", failures)), legend="{{group}} failed"),
                    Query(expr=grouped("sum", call("rate", missed)), legend="{{group}} left out"),
                ),
                quiet=NO_SERVER,
            ),
            Panel(
                title="How long they take",
                words="Seconds the last evaluation of each group took. The interval (dashed) is the end: beyond it "
                "samples are missing.",
                unit="s",
                queries=(
                    Query(expr=of_group("max", "prometheus_rule_group_last_duration_seconds"), legend="{{group}}"),
                    Query(
                        expr=f"min({_of_groups('prometheus_rule_group_interval_seconds')})",
                        legend="shortest interval",
                        promise=True,
                    ),
                ),
                quiet=NO_SERVER,
            ),
            table(
                "Groups",
                "Our groups as this server has loaded them. One that is not here is not loaded: ask `controlplane "
                "doctor`.",
                (Key(label="group", title="Group"),),
                (
                    Query(expr=of_group("max", "prometheus_rule_group_rules"), legend="Rules"),
                    Query(
                        expr=of_group("max", "prometheus_rule_group_last_evaluation_samples"), legend="Samples recorded"
                    ),
                    Query(expr=f"time() - {of_group('max', last)}", legend="Evaluated", unit="s"),
                    Query(expr=of_group("max", "prometheus_rule_group_last_duration_seconds"), legend="Took", unit="s"),
                ),
                width=8,
                quiet=NO_SERVER,
            ),
        ),
    )


def _spelled_otherwise(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Spellings that only some fleets' rules read."""
    engines = sorted({role.engine for role in settings.roles.values()})
    for engine in engines:
        _, *others = dialects(engine, rewritten=settings.rules.rewritten_names)
        for dialect in others:
            name = dialect.names(metrics(dialect.source, Signal.RUNNING)[0])[0]
            yield f"{name.partition('_num_')[0]}_…", name, "load of engines whose names are spelled so"


def _needed(settings: Settings) -> Iterator[tuple[str, str, str]]:
    for who, name, words in (*NEEDED, *_spelled_otherwise(settings)):
        yield who, foreign(name, labels=()), words
    objects = scaled_objects(settings)
    if objects:
        yield "KEDA", foreign(keda.VALUE.name, *of_ours(objects)), "what triggers measure"
    yield "Prometheus", _of_groups("prometheus_rule_group_rules"), "health of rules"


def _coverage(settings: Settings) -> Row:
    def known(who: str, selector: str, words: str) -> str:
        seen = f"count({selector}) or vector(0)"
        marked = call("label_replace", seen, quote("who"), quote(who), quote(""), quote(""))
        return call("label_replace", marked, quote("words"), quote(words), quote(""), quote(""))

    def series(level: str) -> str:
        return f"count({select('', (Match('__name__', f'{level}:.+', '=~'), Match('cluster', '$cluster', '=~')))})"

    named = tuple(Query(expr=f"count({foreign(name, labels=('namespace',))})", legend=words) for name, words in RENAMED)
    return Row(
        title="What is there",
        panels=(
            table(
                "Whose metrics are here",
                "Series of one typical name of each source. None is fine where you do not run it; else whatever is "
                "made of it is empty.",
                (Key(label="who", title="Source"), Key(label="words", title="What it is for")),
                (
                    Query(
                        expr=" or ".join(known(*needed) for needed in _needed(settings)),
                        legend="Series",
                        states=(State(0, "none", FAIR),),
                    ),
                ),
                width=12,
                height=9,
            ),
            Panel(
                title="Names that engines use",
                words="Engines by the names they show: old names mean old versions. Rules understand all of these.",
                kind=Kind.BARGAUGE,
                width=12,
                height=9,
                quiet="no engine shows this name",
                queries=named,
            ),
            Panel(
                title="Recorded series by level",
                quiet=no_sessions(settings),
                words="How many series our rules record: what they cost Prometheus. Histograms are most of them "
                "(fleet.yaml: rules.pod_buckets).",
                stacked=True,
                width=12,
                queries=tuple(Query(expr=series(level), legend=level) for level in LEVELS),
            ),
            Panel(
                title="Replicas that answer, by engine",
                words="Pods whose engine Prometheus reads, by role. Fewer than the replicas that are ready: one is not "
                "scraped.",
                width=12,
                queries=(
                    Query(expr=by("role", "sum", asked("llm_role:replicas:count")), legend="{{role}} scraped"),
                    Query(
                        expr=by("role", "sum", once(ours.REPLICAS_READY.name)), legend="{{role}} ready", promise=True
                    ),
                ),
            ),
        ),
    )
