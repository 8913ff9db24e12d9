"""The fleet on one page: money, promises, load, KV cache, replicas, and whether we can see at all.

Panels ask recorded names only; limits are the detectors' own, objectives those of fleet.yaml.
"""

from typing import Any

from controlplane.generate.dashboards.grafana import dashboard
from controlplane.generate.dashboards.panel import Panel, Query, Row
from controlplane.generate.rules.roles import OBJECTIVE, limit_of
from controlplane.generate.text import made_by
from controlplane.model.reading import Reading
from controlplane.promql import exported as ours
from controlplane.settings.schema import Settings

ROLE = '{role=~"$role"}'
NONE = f"sum({ours.BUILD_INFO.name}) * 0"
"""Zero while the control plane is there to count, nothing while it is not."""


def fleet_dashboard(settings: Settings, source: str) -> dict[str, Any]:
    """Grafana's JSON of the one dashboard there is so far."""
    return dashboard(
        uid="llm-fleet",
        title=f"LLM fleet · {settings.fleet}",
        description=made_by(source),
        rows=(_now(), _load(settings), _latency(), _kv_cache(settings), _money(), _replicas(), _ourselves()),
        role_metric="llm_role:replicas:count",
    )


def _by_role(operator: str, expression: str) -> str:
    return f"{operator} by (role) ({expression})"


def _now() -> Row:
    stats = (
        (
            "Spend",
            "llm_fleet:cost_dollars_per_hour:sum",
            "currencyUSD",
            "Dollars per hour of all roles. Absent as soon as one role's spend is unknown: half a bill is not a bill.",
        ),
        (
            "Requests finished",
            "sum(llm_role:requests_finished:rate5m)",
            "reqps",
            "Finished requests of any reason per second, 5 min.",
        ),
        ("Tokens", "sum(llm_role:tokens_delivered:rate5m)", "short", "Prompt and output tokens delivered per second."),
        ("Requests waiting", "sum(llm_role:requests_waiting:sum)", "short", "Queued requests of all roles."),
        (
            "Open findings",
            f"sum({ours.FINDINGS.name}) or {NONE}",
            "short",
            "What the control plane has found and is not over.",
        ),
        (
            "Open recommendations",
            f'sum({ours.RECOMMENDATIONS.name}{{state="open"}}) or {NONE}',
            "short",
            "Changes that wait for a person.",
        ),
    )
    panels = tuple(
        Panel(
            title=title,
            description=f"{words} {expr}",
            unit=unit,
            kind="stat",
            width=4,
            height=4,
            queries=(Query(expr=expr),),
        )
        for title, expr, unit, words in stats
    )
    return Row(title="Now", panels=(*panels, _table()))


def _table() -> Panel:
    columns = (
        ("Replicas", "sum", "llm_role:replicas:count", "short"),
        ("Waiting per replica", "max", "llm_role:requests_waiting_per_replica:avg", "short"),
        ("KV cache, fullest", "max", "llm_role:kv_cache_usage:max", "percentunit"),
        ("TTFT p95", "max", 'llm_role:ttft_seconds:quantile5m{quantile="0.95"}', "s"),
        ("ITL p95", "max", 'llm_role:itl_seconds:quantile5m{quantile="0.95"}', "s"),
        ("Prefix hits", "max", "llm_role:prefix_cache_hit:ratio5m", "percentunit"),
        ("Tokens/s", "sum", "llm_role:tokens_delivered:rate5m", "short"),
        ("$/h", "sum", "llm_role:cost_dollars_per_hour:sum", "currencyUSD"),
        ("$/Mtok (1h)", "max", "llm_role:cost_per_million_tokens:dollars1h", "currencyUSD"),
    )
    queries = tuple(
        Query(expr=_by_role(how, _of_role(name)), legend=title, unit=unit) for title, how, name, unit in columns
    )
    words = "Every role at a glance. An empty cell is unknown, not zero."
    return Panel(title="Roles", description=words, unit="short", kind="table", width=24, queries=queries)


def _of_role(name: str) -> str:
    return name.replace("{", '{role=~"$role",', 1) if "{" in name else name + ROLE


def _one(title: str, name: str, how: str, unit: str, words: str, **also: Any) -> Panel:
    """One series per role of one recorded name."""
    query = Query(expr=_by_role(how, _of_role(name)), legend="{{role}}")
    return Panel(title=title, description=f"{words} {name}", unit=unit, queries=(query,), **also)


def _load(settings: Settings) -> Row:
    limit = limit_of(settings, Reading.WAITING_PER_REPLICA)
    return Row(
        title="Load",
        panels=(
            _one(
                "Waiting per replica",
                "llm_role:requests_waiting_per_replica:avg",
                "max",
                "short",
                "Queued requests per replica that answers; the line is the queue detector's limit.",
                limit=limit,
            ),
            _one("Running", "llm_role:requests_running:sum", "sum", "short", "Requests in execution batches."),
            Panel(
                title="Requests finished by reason",
                unit="reqps",
                stacked=True,
                description="Finished requests per second, 5 min. A client's abort never shows here. "
                "llm_role:requests_finished:rate5m",
                queries=(
                    Query(expr=f"sum by (reason) (llm_role:requests_finished:rate5m{ROLE})", legend="{{reason}}"),
                ),
            ),
        ),
    )


def _latency() -> Row:
    def panel(title: str, stem: str, objective: str, words: str) -> Panel:
        name = f'llm_role:{stem}_seconds:quantile5m{{quantile="0.95"}}'
        measured = Query(expr=f"max by (role, runtime) ({_of_role(name)})", legend="{{role}} {{runtime}}")
        promised = f'{OBJECTIVE}{{role=~"$role",objective="{objective}"}}'
        promise = Query(expr=_by_role("max", promised), legend="promised {{role}}", promise=True)
        return Panel(title=title, description=f"{words} {name}", unit="s", queries=(measured, promise))

    return Row(
        title="Latency against its promise",
        panels=(
            panel("TTFT p95", "ttft", "ttft_p95", "Time to first token, 95th percentile of 5 min; dashed is promised."),
            panel("ITL p95", "itl", "itl_p95", "Time between tokens, 95th percentile of 5 min; dashed is promised."),
            panel("Request time p95", "e2e", "e2e_p95", "Arrival to last token, 95th percentile of 5 min."),
        ),
    )


def _kv_cache(settings: Settings) -> Row:
    limit = limit_of(settings, Reading.KV_USAGE_MAX)
    return Row(
        title="KV cache and prefixes",
        panels=(
            _one(
                "KV cache, fullest replica",
                "llm_role:kv_cache_usage:max",
                "max",
                "percentunit",
                "Full alone is good use; full while requests wait is not. The line is the detector's limit.",
                limit=limit,
                most=1,
                width=6,
            ),
            _one(
                "Replicas under KV pressure",
                "llm_role:kv_pressured_replicas:ratio",
                "max",
                "percentunit",
                "Share of replicas that are over the limit while requests wait or are thrown out.",
                most=1,
                width=6,
            ),
            _one(
                "Preemptions",
                "llm_role:preemptions:rate5m",
                "sum",
                "ops",
                "Sequences thrown out of the KV cache per second; each is computed again.",
                width=6,
            ),
            _one(
                "Prefix cache hits",
                "llm_role:prefix_cache_hit:ratio5m",
                "max",
                "percentunit",
                "Prompt tokens found in the prefix cache divided by those looked up.",
                most=1,
                width=6,
            ),
        ),
    )


def _money() -> Row:
    kinds = f"sum by (kind) (llm_role:tokens_delivered:rate5m{ROLE})"
    return Row(
        title="Money",
        panels=(
            _one(
                "Spend by role",
                "llm_role:cost_dollars_per_hour:sum",
                "sum",
                "currencyUSD",
                "Dollars per hour of the GPUs a role holds, ready or starting.",
                stacked=True,
            ),
            _one(
                "Cost per million tokens, 1 h",
                "llm_role:cost_per_million_tokens:dollars1h",
                "max",
                "currencyUSD",
                "Spend of the last hour divided by its tokens; absent without tokens, or when the spend was not "
                "known throughout. Look at latency beside it: an overloaded role is cheap.",
            ),
            Panel(
                title="Tokens delivered by kind",
                unit="short",
                stacked=True,
                queries=(Query(expr=kinds, legend="{{kind}}"),),
                description="Tokens per second: prompt (computed), cached (from the prefix cache), output. "
                "llm_role:tokens_delivered:rate5m",
            ),
        ),
    )


def _replicas() -> Row:
    def counted(metric: ours.Exported, words: str, *, promise: bool = False) -> Query:
        return Query(expr=_by_role("max", f"{metric.name}{ROLE}"), legend=f"{words} {{{{role}}}}", promise=promise)

    return Row(
        title="Replicas",
        panels=(
            Panel(
                title="Replicas",
                unit="short",
                width=12,
                description="Ready, starting, and the most allowed (dashed). " + ours.REPLICAS_READY.name,
                queries=(
                    counted(ours.REPLICAS_READY, "ready"),
                    counted(ours.REPLICAS_PENDING, "starting"),
                    counted(ours.REPLICAS_MAX, "most", promise=True),
                ),
            ),
            Panel(
                title="Changes sent",
                unit="short",
                width=12,
                stacked=True,
                description="Changes the control plane sent, by kind and result. " + ours.ACTIONS.name,
                queries=(
                    Query(
                        expr=f"sum by (kind, result) (increase({ours.ACTIONS.name}[$__rate_interval]))",
                        legend="{{kind}} {{result}}",
                    ),
                ),
            ),
        ),
    )


def _ourselves() -> Row:
    return Row(
        title="Can we see?",
        panels=(
            Panel(
                title="Open findings by detector",
                unit="short",
                stacked=True,
                description="What the control plane has found. " + ours.FINDINGS.name,
                queries=(Query(expr=f"sum by (detector) ({ours.FINDINGS.name}{ROLE})", legend="{{detector}}"),),
            ),
            Panel(
                title="Age of each source",
                unit="s",
                description="Seconds since a source last gave something usable. " + ours.SOURCE_LAST_SUCCESS.name,
                queries=(
                    Query(expr=f"time() - max by (source) ({ours.SOURCE_LAST_SUCCESS.name})", legend="{{source}}"),
                ),
            ),
            Panel(
                title="Walk",
                unit="s",
                stacked=True,
                description="How long each step of the last walk took. " + ours.WALK_SECONDS.name,
                queries=(Query(expr=f"max by (step) ({ours.WALK_SECONDS.name})", legend="{{step}}"),),
            ),
        ),
    )
