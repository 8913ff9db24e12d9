"""The whole bill: every dollar in exactly one bucket, and the distance from what the GPUs really cost."""

from collections.abc import Iterator

from controlplane.generate.rules.cost import (
    MODEL_COST,
    MODEL_TOKENS,
    ROLE_COST,
    ROLE_IDLE,
    incomplete,
)
from controlplane.generate.rules.gpus import PHYSICAL
from controlplane.generate.rules.info import INFO, JOIN
from controlplane.generate.rules.nodes import ALLOCATED, POD_COST, PRICE, UNALLOCATED
from controlplane.generate.rules.roles import REPLICAS
from controlplane.generate.rules.rule import Record, on
from controlplane.promql.expr import aggregate
from controlplane.promql.recorded import MODEL, MONEY_WINDOWS, NODE, POD, ROLE

BUCKETS = "llm_fleet:cost_dollars_per_hour:sum"
BILL = "llm_fleet:bill_dollars_per_hour:sum"
CLUSTER = ("cluster",)


def fleet_rules() -> Iterator[Record]:
    """Buckets, bill, drift, and the prices over all models."""
    yield from _buckets()
    yield from _bill()
    yield from _prices()


def _sum(expression: str) -> str:
    return aggregate("sum", expression, CLUSTER)


def _buckets() -> Iterator[Record]:
    unknown = f'unless {on(CLUSTER)} ({REPLICAS}{{role!="unassigned"}} unless {on(ROLE)} {ROLE_COST})'
    roles, none = _sum(ROLE_COST), _sum(f"{ROLE_COST} * 0")
    idle = f"({_sum(ROLE_IDLE)} or {none})"
    others = f"({_sum(f'{POD_COST} unless {on(POD)} {INFO}')} or {_sum(f'{POD_COST} * 0')})"
    free = _sum(f"{UNALLOCATED} * {on(NODE)} {PRICE}")
    for bucket, money in (
        ("serving", f"({roles} - {idle})"),
        ("idle", idle),
        ("other", others),
        ("unallocated", free),
    ):
        yield Record(name=BUCKETS, expr=f"{money} {unknown}", labels={"bucket": bucket})


def _bill() -> Iterator[Record]:
    nodes = f"{PHYSICAL} * {on(NODE)} {PRICE}"
    elsewhere = f"{ROLE_COST} unless {on(ROLE)} ({POD_COST} {JOIN})"
    uncounted = f"({ALLOCATED} * {on(NODE)} {PRICE} unless {on(NODE)} {PHYSICAL})"
    yield Record(name=BILL, expr=f"{_sum(f'{nodes} or {elsewhere}')} unless {on(CLUSTER)} {uncounted}")
    yield Record(name="llm_fleet:cost_drift:ratio", expr=f"abs({_sum(BUCKETS)} - {BILL}) / ({BILL} > 0)")
    gpus = f"({PHYSICAL} or {on(NODE)} {ALLOCATED})"
    yield Record(
        name="llm_fleet:gpus_unpriced:sum",
        expr=f"{_sum(f'{gpus} unless {on(NODE)} {PRICE}')} or {_sum(f'{gpus} * 0')}",
    )


def _prices() -> Iterator[Record]:
    for window in MONEY_WINDOWS:
        money, many = (_sum(f"sum_over_time({name}[{window}])") for name in (MODEL_COST, MODEL_TOKENS))
        known = f"unless {on(CLUSTER)} {incomplete(MODEL_COST, MODEL_TOKENS, MODEL, window)}"
        yield Record(
            name=f"llm_fleet:cost_per_million_tokens:dollars{window}",
            expr=f"({money} / 3600 / {on(CLUSTER)} ({many} > 0) * 1e6) {known}",
        )
        yield Record(
            name=f"llm_fleet:tokens_per_dollar:ratio{window}",
            expr=f"(({many} or {money} * 0) * 3600 / {on(CLUSTER)} ({money} > 0)) {known}",
        )
