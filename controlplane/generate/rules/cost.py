"""Cost per token, per role and per model: money first, ratio second.

A ratio is the ratio of two sums over the same window, never a mean of ratios; it has no sample when there were no
tokens, and none when the money of that window is not fully known: half a bill is not a bill. The price of a kind of
token is the weighted price times the kind's weight, so that tokens times prices add back to the money.
"""

from collections.abc import Iterator

from controlplane.generate.rules.info import JOIN, per_role
from controlplane.generate.rules.moved import ours
from controlplane.generate.rules.nodes import ON_A_NODE, POD_COST, POD_GPUS, POD_IDLE
from controlplane.generate.rules.roles import REPLICAS
from controlplane.generate.rules.rule import Record, labelled, on
from controlplane.promql import exported
from controlplane.promql.expr import aggregate, select
from controlplane.promql.recorded import MODEL, MONEY_WINDOWS, POD, ROLE, ROLE_MODEL
from controlplane.settings.rules import Weights

ROLE_COST = "llm_role:cost_dollars_per_hour:sum"
ROLE_IDLE = "llm_role:cost_idle_dollars_per_hour:sum"
ROLE_TOKENS = "llm_role:tokens_delivered:rate5m"
MODEL_COST = "llm_model:cost_dollars_per_hour:sum"
MODEL_TOKENS = "llm_model:tokens_delivered:rate5m"
WEIGHTED = "llm_model:tokens_weighted:rate5m"
PRICE_OF_KIND = "llm_model:cost_per_million_tokens:dollars"
WEIGHTED_PRICE = "llm_model:cost_per_million_weighted_tokens:dollars"
COMPLETE = 0.9
"""Share of the window's ticks with tokens for which the money must be known before a ratio is recorded."""


def role_rules() -> Iterator[Record]:
    """Money and tokens of each role."""
    yield Record(name="llm_role:gpus_allocated:sum", expr=per_role(f"sum by ({', '.join(POD)}) ({POD_GPUS})"))
    yield Record(name=ROLE_COST, expr=_role_cost())
    quiet = f"({aggregate('sum', 'avg_over_time(llm_role:requests_running:sum[5m])', ROLE_MODEL)} == bool 0)"
    yield Record(
        name=ROLE_IDLE, expr=f"{per_role(POD_IDLE)} or {on(ROLE_MODEL)} {ROLE_COST} * {on(ROLE_MODEL)} {quiet}"
    )
    prompt, cached = (
        f'llm_role:{name}:rate5m{{phase!="decode"}}' for name in ("prompt_tokens", "prompt_tokens_cached")
    )
    yield Record(name=ROLE_TOKENS, expr=cached, labels={"kind": "cached"})
    computed = f"clamp_min({prompt} - ({cached} or {prompt} * 0), 0)"
    yield Record(name=ROLE_TOKENS, expr=computed, labels={"kind": "prompt"})
    yield Record(name=ROLE_TOKENS, expr='llm_role:output_tokens:rate5m{phase!="prefill"}', labels={"kind": "output"})
    for window in MONEY_WINDOWS:
        price, bought = ratios(ROLE_COST, ROLE_TOKENS, ROLE_MODEL, window)
        yield Record(name=f"llm_role:cost_per_million_tokens:dollars{window}", expr=price)
        yield Record(name=f"llm_role:tokens_per_dollar:ratio{window}", expr=bought)


def model_rules(weights: Weights) -> Iterator[Record]:
    """Money, tokens and prices of each model."""
    kinds = {kind: getattr(weights, kind) for kind in ("cached", "output", "prompt")}
    unknown = f"{REPLICAS} unless {on(ROLE)} {ROLE_COST}"
    yield Record(name=MODEL_COST, expr=f"{aggregate('sum', ROLE_COST, MODEL)} unless {on(MODEL)} ({unknown})")
    yield Record(name=MODEL_TOKENS, expr=aggregate("sum", ROLE_TOKENS, (*MODEL, "kind")))
    weighed = " or ".join(f'{MODEL_TOKENS}{{kind="{kind}"}} * {weight:g}' for kind, weight in kinds.items())
    yield Record(name=WEIGHTED, expr=aggregate("sum", weighed, MODEL))
    for window in MONEY_WINDOWS:
        price, bought = ratios(MODEL_COST, MODEL_TOKENS, MODEL, window)
        yield Record(name=f"{PRICE_OF_KIND}{window}", expr=price, labels={"kind": "blended"})
        yield Record(name=f"{WEIGHTED_PRICE}{window}", expr=ratios(MODEL_COST, WEIGHTED, MODEL, window)[0])
        for kind, weight in kinds.items():
            expr = f"{WEIGHTED_PRICE}{window} * {weight:g}"
            yield Record(name=f"{PRICE_OF_KIND}{window}", expr=expr, labels={"kind": kind})
        yield Record(name=f"llm_model:tokens_per_dollar:ratio{window}", expr=bought)
    saved = f"{weights.prompt - weights.cached:.15g} * {on(MODEL)} {WEIGHTED_PRICE}1h * 3600 / 1e6"
    yield Record(
        name="llm_model:prefix_cache_savings_dollars_per_hour:sum",
        expr=f"{aggregate('sum', select(MODEL_TOKENS, (('kind', 'cached'),)), MODEL)} * {saved}",
    )


def _role_cost() -> str:
    """From the GPUs its pods hold; of a role on no node we know, what the control plane reckons.

    That is one sum per role: it goes to the role's models and phases by their replicas.
    """
    unpriced = f"({select(POD_GPUS, (ON_A_NODE,))} unless {on(POD)} {POD_COST}) {JOIN}"
    reckoned = ours(exported.ROLE_DOLLARS, "max", ROLE)
    share = f"{REPLICAS} / {on(ROLE)} group_left () {aggregate('sum', REPLICAS, ROLE)}"
    empty = labelled(ours(exported.ROLE_DOLLARS, "max", (*ROLE, "model")), phase="both")
    return (
        f"({per_role(POD_COST)} unless {on(ROLE)} {unpriced})"
        f" or {on(ROLE)} ({share} * {on(ROLE)} group_left () {reckoned})"
        f" or {on(ROLE)} {empty}"
    )


def ratios(cost: str, tokens: str, level: tuple[str, ...], window: str) -> tuple[str, str]:
    """Dollars per million tokens, and tokens per dollar."""
    money = aggregate("sum", f"sum_over_time({cost}[{window}])", level)
    many = aggregate("sum", f"sum_over_time({tokens}[{window}])", level)
    known = f"unless {on(level)} {incomplete(cost, tokens, level, window)}"
    return (
        f"({money} / 3600 / {on(level)} ({many} > 0) * 1e6) {known}",
        f"(({many} or {money} * 0) * 3600 / {on(level)} ({money} > 0)) {known}",
    )


def incomplete(cost: str, tokens: str, level: tuple[str, ...], window: str) -> str:
    """Where tokens were delivered at more ticks of the window than the money is known for."""
    ticks = aggregate("max", f"count_over_time({tokens}[{window}])", level)
    priced = aggregate("max", f"count_over_time({cost}[{window}])", level)
    return f"({ticks} unless {on(level)} ({priced} >= {on(level)} {COMPLETE:g} * {ticks}))"
