"""Cost per token, per role: money first, ratio second.

A ratio is the ratio of two sums over the same hour, never a mean of ratios; it has no sample when there
were no tokens, and none when the money of that hour is not fully known: half a bill is not a bill.
"""

from collections.abc import Iterator

from controlplane.generate.rules.rule import ROLE, Group, Record, on, ours
from controlplane.promql import exported
from controlplane.promql.expr import aggregate
from controlplane.settings.schema import Settings

COST = "llm_role:cost_dollars_per_hour:sum"
DELIVERED = "llm_role:tokens_delivered:rate5m"
FLEET_COST = "llm_fleet:cost_dollars_per_hour:sum"
COMPLETE = 0.9
"""Share of the hour for which the cost must be known before a ratio is recorded."""


def cost_group(settings: Settings) -> Group:
    """All rules about money."""
    return Group(name="llm-cost", rules=tuple(_rules(settings)))


def _rules(settings: Settings) -> Iterator[Record]:
    yield Record(name=COST, expr=ours(exported.ROLE_DOLLARS, "max", ROLE))
    prompt = _sum('llm_role:prompt_tokens:rate5m{phase!="decode"}')
    cached = _sum('llm_role:prompt_tokens_cached:rate5m{phase!="decode"}')
    yield Record(name=DELIVERED, expr=cached, labels={"kind": "cached"})
    yield Record(name=DELIVERED, expr=f"clamp_min({prompt} - ({cached} or {prompt} * 0), 0)", labels={"kind": "prompt"})
    yield Record(
        name=DELIVERED, expr=_sum('llm_role:output_tokens:rate5m{phase!="prefill"}'), labels={"kind": "output"}
    )
    yield from _ratios("1h")
    if all(spec.dollars_per_replica is not None for spec in settings.role_specs()):
        known = f"count by (cluster) ({COST}) == {len(settings.roles)}"
        yield Record(name=FLEET_COST, expr=f"sum by (cluster) ({COST}) and on (cluster) ({known})")


def _sum(expression: str) -> str:
    return aggregate("sum", expression, ROLE)


def _ratios(window: str) -> Iterator[Record]:
    money = f"sum_over_time({COST}[{window}])"
    tokens = _sum(f"sum_over_time({DELIVERED}[{window}])")
    ticks = aggregate("max", f"count_over_time({DELIVERED}[{window}])", ROLE)
    whole = f"and {on(ROLE)} (count_over_time({COST}[{window}]) >= {on(ROLE)} {COMPLETE:g} * {ticks})"
    yield Record(
        name=f"llm_role:cost_per_million_tokens:dollars{window}",
        expr=f"({money} / 3600 / {on(ROLE)} ({tokens} > 0) * 1e6) {whole}",
    )
    yield Record(
        name=f"llm_role:tokens_per_dollar:ratio{window}",
        expr=f"({tokens} * 3600 / {on(ROLE)} ({money} > 0)) {whole}",
    )
