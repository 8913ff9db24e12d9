"""Money: where every dollar goes, what a token costs, what is saved, who spends it.

A ratio shown here is a ratio of two sums over the same time, recorded so. Cheaper tokens can mean worse service, so
latency stands beside the price.
"""

from controlplane.generate.dashboards.asked import ANNOTATIONS, FLEET_VARIABLES, P95, address, asked, by, equal
from controlplane.generate.dashboards.charts import (
    DOLLARS,
    FAIR,
    GOOD,
    MODEL_KEY,
    SHARE,
    above,
    chart,
    number,
    table,
    text,
    total,
)
from controlplane.generate.dashboards.fleet import BUCKET_COLOURS, BUCKETS
from controlplane.generate.dashboards.panel import NO_TRAFFIC, Board, Kind, Link, Panel, Query, Row, Step
from controlplane.promql import exported as ours
from controlplane.settings.schema import Settings

SPEND = "llm_tenant:session_spend_dollars_per_hour:sum"
NO_SESSIONS = "no source of sessions is read (fleet.yaml: sessions)"


def cost_board(settings: Settings) -> Board:
    """What the fleet costs."""
    return Board(
        uid="llm-cost",
        title=f"{settings.fleet} · Cost and unit economics",
        words="Where every dollar goes, what a token costs, what is saved and who spends it. Months are in the control "
        "plane's ledger, which integrates every tick at its own price; this page is for days.",
        rows=(_bill(settings), _unit(settings), _savings(), _tenants()),
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
            chart(
                "Idle spend by role",
                "llm_role:cost_idle_dollars_per_hour:sum",
                "sum",
                DOLLARS,
                "The part of it in which the GPUs did nothing.",
                stacked=True,
            ),
            number(
                "Buckets against the bill",
                f"max({asked('llm_fleet:cost_drift:ratio')})",
                SHARE,
                "How far the buckets' sum is from the bill. More than the limit: money is lost or counted twice "
                "(time-slicing, two exporters for one GPU).",
                steps=above(drift),
                decimals=2,
                width=6,
            ),
            number(
                "GPUs without a price",
                total("llm_fleet:gpus_unpriced:sum"),
                "short",
                "What they cost is in no bucket: give their type a price in fleet.yaml.",
                steps=above(0.001, FAIR),
                width=6,
            ),
            number(
                "The bill", total("llm_fleet:bill_dollars_per_hour:sum"), DOLLARS, "All GPUs at their price.", width=6
            ),
            number(
                "Serving share",
                f"{total(BUCKETS, equal('bucket', 'serving'))} / ({total(BUCKETS)} > 0)",
                SHARE,
                "Share of the bill in which GPUs of roles did something.",
                most=1,
                width=6,
            ),
        ),
    )


def _unit(settings: Settings) -> Row:
    weights = settings.cost.weights
    said = f"prompt {weights.prompt:g}, cached {weights.cached:g}, output {weights.output:g}"

    def price(window: str) -> Panel:
        name = f"llm_model:cost_per_million_tokens:dollars{window}"
        return Panel(
            title=f"$ per million tokens by kind, {window}",
            words=f"Money of {window} by the tokens of the same {window}; blended over all tokens, else by weight "
            f"({said}), so that the kinds add back to the bill. No sample without tokens.",
            unit=DOLLARS,
            queries=(Query(expr=by("model kind", "max", asked(name)), legend="{{kind}} {{model}}"),),
            nothing=NO_TRAFFIC,
        )

    per_dollar = "llm_model:tokens_per_dollar:ratio1h"
    return Row(
        title="The price of a token",
        panels=(
            price("1h"),
            price("1d"),
            Panel(
                title="Tokens per dollar, now and a week ago",
                words="Tokens delivered per dollar of the last hour; dashed is the same hour a week before. 0 when "
                "idle.",
                queries=(
                    Query(expr=by("model", "max", asked(per_dollar)), legend="{{model}}"),
                    Query(
                        expr=by("model", "max", f"{asked(per_dollar)} offset 1w"),
                        legend="{{model}}, a week ago",
                        promise=True,
                    ),
                ),
            ),
            _models(said),
            chart(
                "$ per million tokens by role, 1 h",
                "llm_role:cost_per_million_tokens:dollars1h",
                "max",
                DOLLARS,
                "Of prefill pools per prompt token, of all others per output token: exact where both are split.",
                nothing=NO_TRAFFIC,
            ),
            chart(
                "TTFT p95",
                "llm_role:ttft_seconds:quantile5m",
                "max",
                "s",
                "Look here before being glad about a falling price: an overloaded role is cheap.",
                P95,
                nothing=NO_TRAFFIC,
            ),
            Panel(
                title="Tokens delivered by kind",
                words="Tokens per second: prompt (computed), cached (from the prefix cache), output. Prompts count "
                "once, also where prefill and decode are split.",
                unit="short",
                stacked=True,
                queries=(
                    Query(
                        expr=by("kind", "sum", asked("llm_model:tokens_delivered:rate5m")),
                        legend="{{kind}}",
                    ),
                ),
            ),
        ),
    )


def _models(weights: str) -> Panel:
    def at(kind: str) -> str:
        return by("model", "max", asked("llm_model:cost_per_million_tokens:dollars1h", equal("kind", kind)))

    cost, idle = "llm_role:cost_dollars_per_hour:sum", "llm_role:cost_idle_dollars_per_hour:sum"
    serving = f"{by('model', 'sum', asked(cost))} - {by('model', 'sum', asked(idle))}"
    columns = (
        ("Serving $/h", serving),
        ("Idle $/h", by("model", "sum", asked(idle))),
        ("Blended $/Mtok", at("blended")),
        ("Prompt $/Mtok", at("prompt")),
        ("Cached $/Mtok", at("cached")),
        ("Output $/Mtok", at("output")),
        (
            "Weighted $/Mtok",
            by("model", "max", asked("llm_model:cost_per_million_weighted_tokens:dollars1h")),
        ),
        ("Cache saves $/h", by("model", "sum", asked("llm_model:prefix_cache_savings_dollars_per_hour:sum"))),
    )
    rates = (
        Query(
            expr=by("model", "max", asked("llm_model:tokens_weighted:rate5m")),
            legend="Weighted tok/s",
            decimals=1,
        ),
    )
    return table(
        f"Models, 1 h (weights: {weights})",
        "Prices of kinds are the weighted price times the kind's weight in fleet.yaml (cost.weights): the measured "
        "money divided as an API would bill it, not a list price.",
        (MODEL_KEY,),
        (*(Query(expr=expr, legend=title, unit=DOLLARS) for title, expr in columns), *rates),
        height=7,
        nothing=NO_TRAFFIC,
    )


def _savings() -> Row:
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
                    Query(expr=by("state", "sum", asked(ours.SAVINGS.name)), legend="{{state}}"),
                    Query(
                        expr=f"sum(rate({asked(ours.REALISED_SAVINGS.name, window='$__rate_interval')})) * 3600",
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


def _tenants() -> Row:
    return Row(
        title="Tenants",
        panels=(
            Panel(
                title="Spend by tenant",
                words="What the tokens of a tenant's sessions cost at their model's weighted price of the last hour.",
                unit=DOLLARS,
                stacked=True,
                quiet=NO_SESSIONS,
                queries=(Query(expr=by("tenant", "sum", asked(SPEND)), legend="{{tenant}}"),),
            ),
            Panel(
                title="Tenants' spend by role",
                words="The same by role: which part of their agents it is.",
                unit=DOLLARS,
                stacked=True,
                quiet=NO_SESSIONS,
                queries=(Query(expr=by("role", "sum", asked(SPEND)), legend="{{role}}"),),
            ),
            Panel(
                title="Dearest tenants",
                words="The ten that spend most, now.",
                unit=DOLLARS,
                kind=Kind.BARGAUGE,
                steps=(Step(GOOD),),
                quiet=NO_SESSIONS,
                queries=(Query(expr=f"topk(10, {by('tenant', 'sum', asked(SPEND))})", legend="{{tenant}}"),),
                links=(Link("Agents", address("llm-agents", tenant="${__field.labels.tenant}")),),
            ),
            text(
                "What is not here",
                "What these numbers leave out.",
                "Tokens outside sessions have no tenant; the router's own accounting of teams is on *Agents and "
                "sessions*, at its list prices. Nothing here knows the cost of people, networks or disks.",
                width=24,
                height=3,
            ),
        ),
    )
