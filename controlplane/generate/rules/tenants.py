"""Per tenant: what their sessions' tokens cost, at what the model's tokens really cost in the last hour."""

from collections.abc import Iterator

from controlplane.generate.rules.cost import WEIGHTED_PRICE
from controlplane.generate.rules.moved import told
from controlplane.generate.rules.rule import WINDOW, Record, on
from controlplane.promql import exported
from controlplane.promql.expr import aggregate, call, select
from controlplane.promql.recorded import MODEL, TENANT
from controlplane.settings.rules import Weights

TOKENS = "llm_tenant:tokens:rate5m"


def tenant_rules(weights: Weights) -> Iterator[Record]:
    """Tokens and money. Replicas of the control plane read the same ledger, so one of them is enough: ``max``."""
    grown = call("rate", select(exported.SESSION_TOKENS.name, window=WINDOW))
    yield Record(name=TOKENS, expr=told(grown, "max", (*TENANT, "kind")))
    weighed = " or ".join(
        f'{TOKENS}{{kind="{kind}"}} * {weight:g}'
        for kind, weight in (("cached", weights.cached), ("output", weights.output), ("prompt", weights.prompt))
    )
    yield Record(
        name="llm_tenant:session_spend_dollars_per_hour:sum",
        expr=f"{aggregate('sum', weighed, TENANT)} * {on(MODEL)} group_left () {WEIGHTED_PRICE}1h * 3600 / 1e6",
    )
