"""Money: where every dollar goes, what a token costs, what is saved, who spends it.

A ratio shown here is a ratio of two sums over the same time, recorded so. Cheaper tokens can mean worse service, so
latency stands beside the price.
"""

from controlplane.generate.dashboards.asked import (
    ANNOTATIONS,
    FLEET_VARIABLES,
    address,
    asked,
    by,
    equal,
    once,
    per_role,
    single,
)
from controlplane.generate.dashboards.charts import (
    DOLLARS,
    FAIR,
    GOOD,
    SERIES_TO_ROLE,
    SHARE,
    above,
    chart,
    number,
    text,
    total,
    unused,
)
from controlplane.generate.dashboards.fleet import BUCKET_COLOURS, BUCKETS
from controlplane.generate.dashboards.panel import NO_TRAFFIC, Board, Kind, Link, Panel, Query, Row, Step
from controlplane.generate.dashboards.prices import price_row
from controlplane.promql import exported as ours
from controlplane.settings.schema import Settings

NO_SESSIONS = (
    "No source of sessions is read: `sessions` in fleet.yaml says who tells of calls, and then this shows them."
)
SPEND = "llm_tenant:session_spend_dollars_per_hour:sum"


def no_sessions(settings: Settings) -> str:
    """Why nothing is shown of sessions."""
    if settings.sessions is None:
        return "no source of sessions is read (fleet.yaml: sessions)"
    return f"{settings.sessions.source} told of no call (docs/sessions.md)"


def cost_board(settings: Settings) -> Board:
    """What the fleet costs."""
    return Board(
        uid="llm-cost",
        title=f"{settings.fleet} · Cost and unit economics",
        words="Where every dollar goes, what a token costs, what is saved and who spends it. Months are in the control "
        "plane's ledger, which integrates every tick at its own price; this page is for days.",
        rows=(_bill(settings), price_row(settings), _savings(), _tenants(settings)),
        variables=FLEET_VARIABLES,
        annotations=ANNOTATIONS,
    )


def _bill(settings: Settings) -> Row:
    drift = settings.alerts.limits.cost_drift
    return Row(
        title="The bill",
        panels=(
            Panel(
                title="Spend by bucket",
                words="Serving and idle are what roles hold, split by how busy their GPUs are; other are pods with "
                "GPUs that are no role's; unallocated are GPUs and slices nobody holds. They add up to the bill "
                "(dashed).",
                unit=DOLLARS,
                stacked=True,
                colours=BUCKET_COLOURS,
                queries=(
                    Query(expr=by("bucket", "sum", asked(BUCKETS)), legend="{{bucket}}"),
                    Query(expr=total("llm_fleet:bill_dollars_per_hour:sum"), legend="bill", promise=True),
                ),
            ),
            chart(
                "Spend by role",
                "llm_role:cost_dollars_per_hour:sum",
                "sum",
                DOLLARS,
                "Dollars per hour of the GPUs a role holds, ready or starting, busy or not.",
                stacked=True,
            ),
            _idle(settings),
            number(
                "Buckets against the bill",
                f"max({asked('llm_fleet:cost_drift:ratio')})",
                SHARE,
                "How far the buckets' sum is from the bill. More than the limit: money is lost or counted twice "
                "(time-slicing, two exporters for one GPU).",
                steps=above(drift),
                decimals=2,
                width=4,
            ),
            number(
                "GPUs without a price",
                total("llm_fleet:gpus_unpriced:sum"),
                "short",
                "What they cost is in no bucket: give their type a price in fleet.yaml.",
                steps=above(0.001, FAIR),
                width=4,
            ),
            number(
                "The bill", total("llm_fleet:bill_dollars_per_hour:sum"), DOLLARS, "All GPUs at their price.", width=4
            ),
            number(
                "Serving share",
                f"{total(BUCKETS, equal('bucket', 'serving'))} / ({total(BUCKETS)} > 0)",
                SHARE,
                "Share of the bill in which GPUs of roles did something.",
                most=1,
                width=4,
            ),
            number(
                "$ per million tokens, 1 d",
                f"max({asked('llm_fleet:cost_per_million_tokens:dollars1d')})",
                DOLLARS,
                "Money of all models in a day by their tokens of that day.",
                nothing=NO_TRAFFIC,
            ),
            number(
                "Tokens per dollar, 1 d",
                f"max({asked('llm_fleet:tokens_per_dollar:ratio1d')})",
                "short",
                "Tokens of all models per dollar of a day; 0 when idle.",
            ),
        ),
    )


def _idle(settings: Settings) -> Panel:
    allowed = any(role.idle_dollars_per_hour is not None for role in settings.roles.values())
    budget = Query(expr=by("role", "max", asked(ours.IDLE_BUDGET.name)), legend="{{role}} allowed", promise=True)
    return Panel(
        title="Idle spend by role",
        words="The part of it in which the GPUs did nothing."
        + (" Dashed is what fleet.yaml allows a role." if allowed else ""),
        unit=DOLLARS,
        stacked=True,
        queries=(per_role("llm_role:cost_idle_dollars_per_hour:sum", "sum"), *([budget] if allowed else [])),
        links=(SERIES_TO_ROLE,),
    )


def _savings() -> Row:
    realised = ours.REALISED_SAVINGS.name
    saved = single(realised, f"rate({asked(realised, window='$__rate_interval')})")
    stranded = (
        f"{asked('llm_node:gpus_unallocated:sum')} * on (cluster, node) group_left () "
        f"{asked('llm_node:gpu_price_dollars_per_hour:max')}"
    )
    return Row(
        title="Savings",
        panels=(
            Panel(
                title="The prefix cache saves",
                words="What cached prompt tokens would have cost more, had they been computed.",
                unit=DOLLARS,
                stacked=True,
                queries=(
                    Query(
                        expr=by("model", "sum", asked("llm_model:prefix_cache_savings_dollars_per_hour:sum")),
                        legend="{{model}}",
                    ),
                ),
                links=(Link("KV cache", address("llm-kv")),),
            ),
            Panel(
                title="Changes: promised and realised savings",
                words="Dollars per hour that recommendations would save, by state; and dollars that applied changes "
                "whose expectation was met have saved since they were judged, per hour.",
                unit=DOLLARS,
                quiet="no recommendation saves anything, and none has",
                queries=(
                    Query(expr=by("state", "sum", once(ours.SAVINGS.name)), legend="{{state}}"),
                    Query(
                        expr=f"sum({saved}) * 3600",
                        legend="realised",
                        promise=True,
                    ),
                ),
            ),
            Panel(
                title="Stranded GPUs by node",
                words="Dollars per hour of GPUs and slices nobody holds, those included that the MIG layout strands.",
                unit=DOLLARS,
                stacked=True,
                queries=(Query(expr=by("node", "sum", stranded), legend="{{node}}"),),
                links=(Link("GPUs", address("llm-gpu")),),
            ),
        ),
    )


def _tenants(settings: Settings) -> Row:
    if settings.sessions is None:
        return unused("Tenants", NO_SESSIONS)
    quiet = no_sessions(settings)
    return Row(
        title="Tenants",
        panels=(
            Panel(
                title="Spend by tenant",
                words="What the tokens of a tenant's sessions cost at their model's weighted price of the last hour.",
                unit=DOLLARS,
                stacked=True,
                quiet=quiet,
                queries=(Query(expr=by("tenant", "sum", asked(SPEND)), legend="{{tenant}}"),),
            ),
            Panel(
                title="Tenants' spend by role",
                words="The same by the role whose GPUs served them: which part of their agents it is.",
                unit=DOLLARS,
                stacked=True,
                quiet=quiet,
                queries=(Query(expr=by("role", "sum", asked(SPEND)), legend="{{role}}"),),
            ),
            Panel(
                title="Dearest tenants",
                words="The ten that spend most, now.",
                unit=DOLLARS,
                kind=Kind.BARGAUGE,
                steps=(Step(GOOD),),
                quiet=quiet,
                queries=(Query(expr=f"topk(10, {by('tenant', 'sum', asked(SPEND))})", legend="{{tenant}}"),),
                links=(Link("Agents", address("llm-agents", tenant="__field.labels.tenant")),),
            ),
            text(
                "What is not here",
                "What these numbers leave out.",
                "Calls that nobody told us of have no tenant; the router's own accounting of teams is on *Agents and "
                "sessions*, at its list prices. Nothing here knows the cost of people, networks or disks.",
                width=24,
                height=3,
            ),
        ),
    )
