"""The fleet on one page: what it costs, whether it keeps its promises, what waits for somebody, every role in a row."""

from controlplane.generate.alerts.slo import BUDGET
from controlplane.generate.dashboards.asked import (
    ANNOTATIONS,
    FIRING,
    FLEET_VARIABLES,
    P95,
    address,
    alerts,
    asked,
    by,
    equal,
    or_none,
    other_than,
)
from controlplane.generate.dashboards.charts import (
    BAD,
    DOLLARS,
    FAIR,
    GOOD,
    GPUS,
    MODEL_KEY,
    ROLE_KEY,
    SHARE,
    TOKENS,
    above,
    below,
    number,
    table,
    total,
)
from controlplane.generate.dashboards.panel import NO_TRAFFIC, Board, Key, Kind, Link, Panel, Query, Row, State
from controlplane.generate.rules.roles import limit_of
from controlplane.model.reading import Reading
from controlplane.promql import exported as ours
from controlplane.settings.schema import Settings

BUCKETS = "llm_fleet:cost_dollars_per_hour:sum"
TO_COST = (Link("Cost", address("llm-cost")),)
TO_SCALING = (Link("Autoscaling", address("llm-scaling")),)
BUCKET_COLOURS = (("serving", "green"), ("idle", "orange"), ("other", "purple"), ("unallocated", "red"))


def fleet_board(settings: Settings) -> Board:
    """The page to begin with."""
    return Board(
        uid="llm-fleet",
        title=f"{settings.fleet} · Fleet",
        words="The fleet on one page. Money of the whole fleet does not follow the choices of model and role.",
        rows=(_now(settings), _roles(settings), _over_time(settings)),
        variables=FLEET_VARIABLES,
        annotations=ANNOTATIONS,
    )


def _now(settings: Settings) -> Row:
    open_ = equal("state", "open")
    return Row(
        title="Now",
        panels=(
            number("Spend per hour", total(BUCKETS), DOLLARS, "What all GPUs cost, dollars per hour.", links=TO_COST),
            number(
                "Idle share",
                f"{total(BUCKETS, equal('bucket', 'idle'))} / ({total(BUCKETS)} > 0)",
                SHARE,
                "Share of the bill for GPUs that roles hold while nothing runs on them.",
                most=1,
                links=TO_COST,
            ),
            number(
                "Unallocated per hour",
                total(BUCKETS, equal("bucket", "unallocated")),
                DOLLARS,
                "Dollars per hour of GPUs and MIG slices nobody holds.",
                links=(Link("GPUs", address("llm-gpu")),),
            ),
            number(
                "$ per million tokens, 1 h",
                f"max({asked('llm_fleet:cost_per_million_tokens:dollars1h')})",
                DOLLARS,
                "Money of the last hour by its tokens, cached ones included. Cheap may mean overloaded: look at TTFT.",
                nothing=NO_TRAFFIC,
                links=TO_COST,
            ),
            number(
                "Tokens per dollar, 1 h",
                f"max({asked('llm_fleet:tokens_per_dollar:ratio1h')})",
                "short",
                "Tokens delivered per dollar of the last hour; 0 when idle.",
                links=TO_COST,
            ),
            number(
                "Requests finished",
                total("llm_role:requests_finished:rate5m"),
                "reqps",
                "Requests that ended for any reason, per second, 5 min.",
            ),
            number(
                "TTFT p95, slowest role",
                f"max({asked('llm_role:ttft_seconds:quantile5m', P95, other_than('phase', 'decode'))})",
                "s",
                "95th percentile of the time to first token, 5 min, of the role where it is longest.",
                nothing=NO_TRAFFIC,
            ),
            *([_budget_left()] if settings.promised else []),
            number(
                "Recommendations that wait",
                or_none(total(ours.RECOMMENDATIONS.name, open_)),
                "short",
                "Changes that wait for a person.",
                links=TO_SCALING,
            ),
            number(
                "They would save",
                or_none(total(ours.SAVINGS.name, open_)),
                DOLLARS,
                "Dollars per hour that open recommendations would save.",
                links=TO_SCALING,
            ),
            number(
                "Alerts firing",
                or_none(f"count({alerts('ALERTS', FIRING)})"),
                "short",
                "Our alerts that fire.",
                steps=above(1),
            ),
            number(
                "Open findings",
                or_none(total(ours.FINDINGS.name)),
                "short",
                "What detectors have found and is not over.",
                links=TO_SCALING,
            ),
        ),
    )


def _budget_left() -> Panel:
    return number(
        "Error budget left, least",
        f"min(1 - {asked('llm_slo:error:ratio30d')} / {BUDGET:g})",
        SHARE,
        f"A p95 promise allows {BUDGET:.0%} of requests to be slower. What is left of that for the last 30 days, of "
        "the promise that has least.",
        steps=below(0, 0.25),
        links=(Link("Role", address("llm-role")),),
        nothing=NO_TRAFFIC,
    )


def _by_row(operator: str, expression: str) -> str:
    return by("role model", operator, expression)


def _roles(settings: Settings) -> Row:
    hour = "dollars1h"
    columns = (
        ("Replicas", "sum", asked("llm_role:replicas:count"), "short", ()),
        ("GPUs", "sum", asked("llm_role:gpus_allocated:sum"), GPUS, ()),
        ("GPU busy", "max", asked("llm_role:gpu_engine_active:avg"), SHARE, ()),
        (
            "Waiting per replica",
            "max",
            asked("llm_role:requests_waiting_per_replica:avg"),
            "short",
            above(limit_of(settings, Reading.WAITING_PER_REPLICA)),
        ),
        (
            "KV cache, fullest",
            "max",
            asked("llm_role:kv_cache_usage:max"),
            SHARE,
            above(limit_of(settings, Reading.KV_USAGE_MAX), FAIR),
        ),
        ("TTFT p95", "max", asked("llm_role:ttft_seconds:quantile5m", P95), "s", ()),
        ("Prefix hits", "max", asked("llm_role:prefix_cache_hit:ratio5m"), SHARE, ()),
        ("Prompt", "sum", asked("llm_role:prompt_tokens:rate5m"), TOKENS, ()),
        ("Output", "sum", asked("llm_role:output_tokens:rate5m"), TOKENS, ()),
        ("$/h", "sum", asked("llm_role:cost_dollars_per_hour:sum"), DOLLARS, ()),
        ("Idle $/h", "sum", asked("llm_role:cost_idle_dollars_per_hour:sum"), DOLLARS, ()),
        ("$/Mtok, 1 h", "max", asked(f"llm_role:cost_per_million_tokens:{hour}"), DOLLARS, ()),
        ("Tokens/$, 1 h", "max", asked("llm_role:tokens_per_dollar:ratio1h"), "short", ()),
    )
    return Row(
        title="Roles",
        panels=(
            table(
                "Roles",
                "Every role in a row; a click on it opens its page. An empty cell is unknown, not zero. Colours change "
                "at the detectors' limits. Prefill pools pay per prompt token, all others per output token.",
                (ROLE_KEY, MODEL_KEY),
                [
                    Query(expr=_by_row(how, asked_for), legend=title, unit=unit, steps=steps)
                    for title, how, asked_for, unit, steps in columns
                ],
                height=9,
            ),
        ),
    )


STATES = (
    State(0, "works", GOOD),
    State(1, "idle", "blue"),
    State(2, "under pressure", FAIR),
    State(3, "down", BAD),
)


def _state(settings: Settings) -> str:
    """The worst that is true of a role, as a number of ``STATES``."""
    ready, wanted = (by("role", "max", asked(m.name)) for m in (ours.REPLICAS_READY, ours.REPLICAS_DESIRED))
    down = f"({ready} == 0 and {wanted} > 0)"
    pressed = by("role", "max", asked("llm_role:kv_pressured_replicas:ratio"))
    pressure = f"({pressed} >= {settings.alerts.limits.kv_pressured_share:g})"
    limit = limit_of(settings, Reading.WAITING_PER_REPLICA)
    if limit is not None:
        queue = by("role", "max", asked("llm_role:requests_waiting_per_replica:avg"))
        pressure += f" or ({queue} > {limit:g})"
    busy = by("role", "sum", asked("llm_role:requests_running:sum"))
    asleep = f"({ready} == 0 and {wanted} == 0)"
    return f"{down} * 0 + 3 or ({pressure}) * 0 + 2 or ({busy} == 0 or {asleep}) * 0 + 1 or {busy} * 0"


def _over_time(settings: Settings) -> Row:
    budget = settings.budget.dollars_per_hour if settings.budget else None
    who = "alertname severity namespace role model"
    return Row(
        title="Over time",
        panels=(
            Panel(
                title="State of each role",
                words="Down: replicas are wanted and none is ready. Under pressure: a queue or KV cache over the "
                "detectors' limit. Idle: nothing runs, or no replica is wanted. A gap is "
                "unknown.",
                kind=Kind.STATES,
                queries=(Query(expr=_state(settings), legend="{{role}}"),),
                states=STATES,
                width=12,
            ),
            Panel(
                title="Spend by bucket",
                words="Every dollar in one bucket: serving and idle of roles, other pods with GPUs, GPUs nobody holds. "
                "The line is the budget of fleet.yaml.",
                unit=DOLLARS,
                stacked=True,
                limit=budget,
                colours=BUCKET_COLOURS,
                queries=(Query(expr=by("bucket", "sum", asked(BUCKETS)), legend="{{bucket}}"),),
                width=12,
                links=(Link("Cost", address("llm-cost")),),
            ),
            table(
                "Alerts",
                "Our alerts that fire, or are true but not yet for long enough to fire. Empty: none.",
                (
                    Key(label="alertname", title="Alert"),
                    Key(label="severity", title="Severity"),
                    ROLE_KEY,
                    Key(label="model", title="Model"),
                    Key(label="namespace", title="Namespace"),
                ),
                (
                    Query(
                        expr=by(who, "max", alerts("ALERTS", FIRING))
                        + " or "
                        + by(who, "max", alerts("ALERTS"))
                        + " * 0",
                        legend="Now",
                        states=(State(1, "firing", BAD), State(0, "pending", FAIR)),
                    ),
                    Query(expr=f"time() - {by(who, 'min', alerts('ALERTS_FOR_STATE'))}", legend="True for", unit="s"),
                ),
                nothing="no alerts",
                quiet="no alert is firing or pending",
            ),
        ),
    )
