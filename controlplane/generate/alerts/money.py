"""GPUs are paid for and give little or nothing, or the money does not add up."""

from collections.abc import Iterator
from datetime import timedelta

from controlplane.detect.utilisation import LowUtilisation
from controlplane.generate.alerts.alert import DOLLARS, NUMBER, PERCENT, WHO, Alert, both
from controlplane.generate.alerts.limits import settings_of
from controlplane.generate.rules.moved import ours
from controlplane.generate.rules.rule import on
from controlplane.model.finding import Severity
from controlplane.promql import exported
from controlplane.promql.expr import aggregate
from controlplane.promql.recorded import MODEL, NODE, ROLE
from controlplane.settings.alerts import AlertName
from controlplane.settings.schema import Settings

_M, _H = timedelta(minutes=1), timedelta(hours=1)
COST_BOARD = "llm-cost"
GPU_BOARD = "llm-gpu"
POOL = (*ROLE, "phase")
"""A role's prefill and decode pools apart: one may idle while the other works."""
MODEL_WHO = "{{ $labels.namespace }}/{{ $labels.model }}"
NODE_WHO = "{{ $labels.node }}"


def money_alerts(settings: Settings) -> Iterator[Alert]:
    """Alerts on what the fleet costs."""
    yield from _idle(settings)
    yield from _efficiency(settings)
    yield from _bill(settings)


def _idle(settings: Settings) -> Iterator[Alert]:
    idle = settings_of(settings, LowUtilisation)
    if idle is not None:
        queued = aggregate("sum", "max_over_time(llm_role:requests_waiting:sum[1h])", POOL)
        yield Alert(
            name=AlertName.ROLE_UNDERUTILISED,
            expr=both(
                f"avg_over_time(llm_role:gpu_engine_active:avg[1h]) < {idle.limit:g}",
                f"and {on(POOL)} ({queued} == 0)",
            ),
            hold=_H,
            keep=_H,
            severity=Severity.INFO,
            summary=f"{WHO}: its GPUs were busy {PERCENT} of the last hour",
            description="And nothing waited in it. First: open the recommendation on the control plane's page; it "
            "knows the day's peaks. Fewer replicas, MIG slices, or an API for the rare calls.",
            dashboard="llm-role",
        )
    tokens = aggregate("sum", "sum_over_time(llm_model:tokens_delivered:rate5m[30m])", MODEL)
    yield Alert(
        name=AlertName.GPUS_WITHOUT_TOKENS,
        expr=both("llm_model:cost_dollars_per_hour:sum > 0", f"unless {on(MODEL)} ({tokens} > 0)"),
        hold=30 * _M,
        severity=Severity.WARNING,
        summary=f"{MODEL_WHO}: {DOLLARS} an hour and not one token in half an hour",
        description="GPUs are held and no token was delivered, or the engines' pages are not scraped. First: does "
        "anybody still use it? Then: is it up in Prometheus?",
        dashboard=COST_BOARD,
    )
    spent = aggregate("sum", "llm_role:cost_idle_dollars_per_hour:sum", ROLE)
    yield Alert(
        name=AlertName.IDLE_SPEND_HIGH,
        expr=f"{spent} > {on(ROLE)} {ours(exported.IDLE_BUDGET, 'max', ROLE)}",
        hold=_H,
        keep=30 * _M,
        severity=Severity.WARNING,
        summary=f"{WHO}: {DOLLARS} an hour for GPUs that do nothing",
        description="That is more idle money than fleet.yaml allows the role. First: its least replicas, then a "
        "schedule for the hours in which nobody asks.",
        dashboard=COST_BOARD,
    )


def _efficiency(settings: Settings) -> Iterator[Alert]:
    limits = settings.alerts.limits
    ratio = "llm_model:tokens_per_dollar:ratio1h"
    flowing = aggregate("sum", "llm_model:tokens_delivered:rate5m", MODEL)
    yield Alert(
        name=AlertName.TOKENS_PER_DOLLAR_DROP,
        expr=both(
            f"{ratio} < {limits.tokens_per_dollar_share:g} * ({ratio} offset 1w)",
            f"and {on(MODEL)} {flowing} > {limits.tokens_per_dollar_floor:g}",
        ),
        hold=_H,
        severity=Severity.WARNING,
        summary=f"{MODEL_WHO}: {{{{ $value | humanize }}}} tokens per dollar",
        description=f"That is under {limits.tokens_per_dollar_share:.0%} of the same hour a week ago. First: what "
        "changed? Engine version, prompt length, cache hits, replicas that idle, or the price.",
        dashboard=COST_BOARD,
    )
    yield Alert(
        name=AlertName.STRANDED_GPUS,
        expr=f"llm_node:gpus_unallocated:sum >= {limits.stranded_gpus:g}",
        hold=6 * _H,
        severity=Severity.INFO,
        summary=f"{NODE_WHO}: {NUMBER} GPUs that no pod holds",
        description="For six hours. Free for somebody, or cut into MIG slices that nobody asks for. First: is the node "
        "meant to be spare? Else consolidate, or give it back.",
        dashboard=GPU_BOARD,
    )


def _bill(settings: Settings) -> Iterator[Alert]:
    limits = settings.alerts.limits
    yield Alert(
        name=AlertName.PRICE_MISSING,
        expr=both(
            "llm_node:gpus_allocated:sum > 0",
            f"unless {on(NODE)} llm_node:gpu_price_dollars_per_hour:max",
        ),
        hold=15 * _M,
        severity=Severity.WARNING,
        summary=f"{NODE_WHO}: {NUMBER} GPUs in use without a price",
        description="What they cost is unknown, so the money of every role on the node is. First: add the GPU's type "
        "to prices in fleet.yaml.",
        dashboard=COST_BOARD,
    )
    strangers = aggregate("count", 'llm_pod:info{role="unassigned"}', ("cluster", "namespace"))
    yield Alert(
        name=AlertName.ROLE_UNASSIGNED,
        expr=f"{strangers} > 0",
        hold=15 * _M,
        severity=Severity.INFO,
        summary="{{ $labels.namespace }}: {{ $value }} pods serve a model for no role",
        description="They have no promise, no budget and no autoscaling by us. "
        "First: which fleet.yaml should name them?",
        dashboard="llm-selfcheck",
    )
    yield Alert(
        name=AlertName.COST_DRIFT,
        expr=f"llm_fleet:cost_drift:ratio > {limits.cost_drift:g}",
        hold=30 * _M,
        severity=Severity.WARNING,
        summary=f"The buckets of GPU money miss the bill by {PERCENT}",
        description="A dollar is counted twice or not at all, so no cost is to be trusted to the cent. First: "
        "time-sliced GPUs, two GPU exporters on one node, pods that hold GPUs through DRA.",
        dashboard=COST_BOARD,
    )
