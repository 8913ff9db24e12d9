"""The price of a token: by kind, model and role, an hour and a day, beside the latency that it buys.

Prices of kinds are one weighted price times the kind's weight in fleet.yaml, so that they add back to the money spent.
"""

from controlplane.generate.dashboards.asked import P95, asked, by, equal
from controlplane.generate.dashboards.charts import DOLLARS, MODEL_KEY, ROLE_KEY, TOKENS, chart, table
from controlplane.generate.dashboards.panel import NO_TRAFFIC, Panel, Query, Row
from controlplane.promql.recorded import MONEY_WINDOWS
from controlplane.settings.schema import Settings


def price_row(settings: Settings) -> Row:
    """Prices per token and tokens per dollar, with latency beside them."""
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
                quiet="nothing was measured a week ago",
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
            _roles(),
            Panel(
                title="Tokens delivered by kind",
                width=12,
                height=7,
                words="Tokens per second: prompt (computed), cached (from the prefix cache), output. Prompts count "
                "once, also where prefill and decode are split.",
                unit=TOKENS,
                stacked=True,
                queries=(
                    Query(
                        expr=by("kind", "sum", asked("llm_model:tokens_delivered:rate5m")),
                        legend="{{kind}}",
                    ),
                ),
            ),
            chart(
                "$ per million tokens by role, 1 h",
                "llm_role:cost_per_million_tokens:dollars1h",
                "max",
                DOLLARS,
                "Of prefill pools per prompt token, of all others per output token: exact where both are split.",
                nothing=NO_TRAFFIC,
                width=12,
            ),
            chart(
                "TTFT p95",
                "llm_role:ttft_seconds:quantile5m",
                "max",
                "s",
                "Look here before being glad about a falling price: an overloaded role is cheap.",
                P95,
                nothing=NO_TRAFFIC,
                width=12,
            ),
        ),
    )


def _roles() -> Panel:
    price, per_dollar = "llm_role:cost_per_million_tokens:dollars", "llm_role:tokens_per_dollar:ratio"
    columns = [
        Query(expr=by("role model", "max", asked(f"{name}{window}")), legend=f"{words}, {window}", unit=unit)
        for name, words, unit in ((price, "$/Mtok", DOLLARS), (per_dollar, "Tokens/$", "short"))
        for window in MONEY_WINDOWS
    ]
    return table(
        "Roles, an hour and a day",
        "Prefill pools pay per prompt token, all others per output token. Months are in the ledger.",
        (ROLE_KEY, MODEL_KEY),
        columns,
        width=12,
        height=7,
        nothing=NO_TRAFFIC,
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
        *(
            Query(
                expr=by("model", "max", asked(f"llm_model:tokens_per_dollar:ratio{window}")),
                legend=f"Tokens/$, {window}",
            )
            for window in MONEY_WINDOWS
        ),
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
