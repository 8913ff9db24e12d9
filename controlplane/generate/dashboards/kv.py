"""KV cache and prefixes: whether the memory of running requests has room, and whether prompts find their beginning."""

from controlplane.generate.dashboards.asked import ANNOTATIONS, FLEET_VARIABLES, address, asked, by, other_than, ratio
from controlplane.generate.dashboards.charts import (
    DOLLARS,
    FAIR,
    POD_KEY,
    ROLE_KEY,
    SHARE,
    TO_VLLM_KV,
    TOKENS,
    above,
    chart,
    number,
    table,
    total,
)
from controlplane.generate.dashboards.panel import NO_TRAFFIC, Board, Key, Link, Panel, Query, Row
from controlplane.generate.dashboards.role import POD_OF_ROLE
from controlplane.generate.rules.roles import limit_of
from controlplane.model.reading import Reading
from controlplane.promql import exported as ours
from controlplane.settings.schema import Settings

HIT, QUERIED = "llm_role:prefix_cache_hit_tokens:rate5m", "llm_role:prefix_cache_queried_tokens:rate5m"
USAGE, PRESSED = "llm_role:kv_cache_usage:max", "llm_role:kv_pressured_replicas:ratio"
SAVES = "llm_model:prefix_cache_savings_dollars_per_hour:sum"


def kv_board(settings: Settings) -> Board:
    """Memory of requests."""
    return Board(
        uid="llm-kv",
        title=f"{settings.fleet} · KV cache and prefixes",
        words="Full alone is good use; full while requests wait or are thrown out is not. Block residency, transfer "
        "and offload are on vLLM's own KV cache dashboard, linked from the table.",
        rows=(_now(settings), _pressure(settings), _prefixes(), _replicas(settings)),
        variables=FLEET_VARIABLES,
        annotations=ANNOTATIONS,
    )


def _now(settings: Settings) -> Row:
    return Row(
        title="Now",
        panels=(
            number(
                "Fullest KV cache",
                f"max({asked(USAGE)})",
                SHARE,
                "KV cache in use on the fullest replica; coloured at the detector's limit.",
                steps=above(limit_of(settings, Reading.KV_USAGE_MAX), FAIR),
                width=6,
            ),
            number(
                "Replicas under pressure, most",
                f"max({asked(PRESSED)})",
                SHARE,
                "Largest share of a role's replicas that are full while requests wait or are thrown out; coloured "
                "where the alert fires.",
                steps=above(settings.alerts.limits.kv_pressured_share),
                width=6,
            ),
            number(
                "Prefix hits, all roles",
                ratio(total(HIT), total(QUERIED)),
                SHARE,
                "Tokens found in the prefix cache by tokens looked up, 5 min, over all chosen roles.",
                width=6,
                nothing=NO_TRAFFIC,
            ),
            number(
                "The prefix cache saves",
                total(SAVES),
                DOLLARS,
                "Dollars per hour that cached prompt tokens would have cost more.",
                width=6,
                links=(Link("Cost", address("llm-cost")),),
                nothing=NO_TRAFFIC,
            ),
        ),
    )


def _pressure(settings: Settings) -> Row:
    finished = by("role", "sum", asked("llm_role:requests_finished:rate5m"))
    preempted = by("role", "sum", asked("llm_role:preemptions:rate5m"))
    limit = limit_of(settings, Reading.KV_USAGE_MAX)
    return Row(
        title="Room",
        panels=(
            chart(
                "KV cache, fullest replica",
                USAGE,
                "max",
                SHARE,
                "KV cache in use on the fullest replica; the line is the detector's limit.",
                limit=limit,
                most=1,
            ),
            chart(
                "KV cache, mean",
                "llm_role:kv_cache_usage:avg",
                "max",
                SHARE,
                "Mean over the replicas. Far below the fullest one: the router does not spread the load.",
                limit=limit,
                most=1,
            ),
            chart(
                "Replicas under pressure",
                PRESSED,
                "max",
                SHARE,
                "Share of replicas over the detector's limit while requests wait or are thrown out. The line is where "
                "the alert fires.",
                limit=settings.alerts.limits.kv_pressured_share,
                most=1,
            ),
            Panel(
                title="Preemptions per finished request",
                words="Requests thrown out of the KV cache, per request that finished; each is computed again.",
                queries=(Query(expr=ratio(preempted, finished), legend="{{role}}"),),
                nothing=NO_TRAFFIC,
            ),
            chart(
                "Preemptions",
                "llm_role:preemptions:rate5m",
                "sum",
                "ops",
                "The same per second.",
            ),
            chart("Waiting", "llm_role:requests_waiting:sum", "sum", "short", "Requests that wait for a place."),
        ),
    )


def _prefixes() -> Row:
    delivered = asked("llm_role:tokens_delivered:rate5m", other_than("kind", "output"))
    return Row(
        title="Prefixes",
        panels=(
            chart(
                "Prefix hits",
                "llm_role:prefix_cache_hit:ratio5m",
                "max",
                SHARE,
                "Tokens found by tokens looked up, 5 min. A fall is a changed beginning of prompts, a router that lost "
                "its affinity, or a restart.",
                most=1,
                nothing=NO_TRAFFIC,
            ),
            Panel(
                title="Prompt tokens: cached and computed",
                words="Where prompt tokens come from, per second. A prompt counts once, also where prefill and decode "
                "are split.",
                unit=TOKENS,
                stacked=True,
                colours=(("cached", "green"), ("prompt", "blue")),
                queries=(Query(expr=by("kind", "sum", delivered), legend="{{kind}}"),),
            ),
            Panel(
                title="Tokens looked up and found",
                words="Tokens looked up in the prefix cache per second, and found there. Preempted requests look up "
                "again.",
                unit=TOKENS,
                queries=(
                    Query(expr=by("role", "sum", asked(QUERIED)), legend="{{role}} looked up"),
                    Query(expr=by("role", "sum", asked(HIT)), legend="{{role}} found"),
                ),
            ),
        ),
    )


def _replicas(settings: Settings) -> Row:
    role_of = POD_OF_ROLE + asked("llm_pod:info")
    keys = (ROLE_KEY, POD_KEY, Key(label="model", title="Model", links=(TO_VLLM_KV,)))

    def of_pod(operator: str, expression: str) -> str:
        return by("role pod model", operator, f"{expression} {role_of}")

    capacity = by("cluster namespace pod", "max", asked(ours.KV_CAPACITY.name))
    usage = asked("llm_pod:kv_cache_usage:max")
    held = f"{usage} * on (cluster, namespace, pod) group_left () {capacity}"
    hits = ratio(asked("llm_pod:prefix_cache_hit_tokens:rate5m"), asked("llm_pod:prefix_cache_queried_tokens:rate5m"))
    return Row(
        title="Replicas",
        panels=(
            table(
                "KV cache of each replica",
                "Capacity is what the engine says it holds. Prefix caches of replicas differ: a request sent elsewhere "
                "computes its prompt again.",
                keys,
                (
                    Query(
                        expr=of_pod("max", usage),
                        legend="In use",
                        unit=SHARE,
                        steps=above(limit_of(settings, Reading.KV_USAGE_MAX), FAIR),
                    ),
                    Query(expr=of_pod("max", held), legend="Tokens held"),
                    Query(
                        expr=by("role pod", "max", f"{asked(ours.KV_CAPACITY.name)} {role_of}"),
                        legend="Capacity, tokens",
                    ),
                    Query(expr=of_pod("sum", asked("llm_pod:requests_running:sum")), legend="Running"),
                    Query(expr=of_pod("sum", asked("llm_pod:requests_waiting:sum")), legend="Waiting"),
                    Query(expr=of_pod("sum", asked("llm_pod:preemptions:rate5m")), legend="Preemptions/s", decimals=2),
                    Query(expr=of_pod("max", hits), legend="Prefix hits", unit=SHARE),
                    Query(
                        expr=of_pod("sum", asked("llm_pod:prompt_tokens_cached:rate5m")), legend="Cached", unit=TOKENS
                    ),
                ),
                height=9,
            ),
        ),
    )
