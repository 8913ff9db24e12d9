"""How fast a role spends its error budget, and pages that follow from it.

A p95 objective allows 5 % of requests to be slower. A burn rate of 1 spends exactly that over 30 days; 14.4 spends
2 % of a month's budget in an hour. Each alert needs a long window (it matters) and a short one (it still goes on),
and enough requests in the long one: three slow requests at night are no incident.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from controlplane.generate.alerts.alert import PERCENT, WHO, Alert, both
from controlplane.generate.alerts.edges import QUANTILE, Promised
from controlplane.generate.rules.rule import INTERVAL, Group, Record, on
from controlplane.model.finding import Severity
from controlplane.promql.buckets import spellings
from controlplane.promql.expr import Match, aggregate, one_of, select
from controlplane.promql.metric import Signal
from controlplane.promql.recorded import BURN_WINDOWS, ROLE
from controlplane.settings.alerts import AlertName
from controlplane.settings.schema import Settings

_M, _H = timedelta(minutes=1), timedelta(hours=1)
GOOD, TOTAL, ERROR = "llm_slo:good:rate5m", "llm_slo:total:rate5m", "llm_slo:error:ratio"
PROMISE = (*ROLE, "model", "slo")
SLOW = ("1d", "3d", "30d")
"""Windows that move so slowly, over so many samples, that they are evaluated less often."""
SLOW_INTERVAL = 2 * _M
"""Under the five minutes after which Prometheus takes a series for gone."""
BUDGET = 1 - QUANTILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """One burn rate worth telling."""

    factor: float
    long: str
    short: str
    hold: timedelta
    severity: Severity


BURNS: tuple[Burn, ...] = (
    Burn(factor=14.4, long="1h", short="5m", hold=2 * _M, severity=Severity.CRITICAL),
    Burn(factor=6, long="6h", short="30m", hold=15 * _M, severity=Severity.CRITICAL),
    Burn(factor=3, long="1d", short="2h", hold=_H, severity=Severity.WARNING),
    Burn(factor=1, long="3d", short="6h", hold=3 * _H, severity=Severity.WARNING),
)
"""2 % of a month's budget in an hour, 5 % in six, 10 % in a day, 10 % in three."""


def slo_groups(promises: Sequence[Promised]) -> tuple[Group, ...]:
    """Recording rules: good and total requests of each promise, and the share that missed it."""
    counted = [rule for promise in promises for rule in _counted(promise)]
    quick = [_ratio(window) for window in BURN_WINDOWS if window not in SLOW]
    slow = [_ratio(window) for window in BURN_WINDOWS if window in SLOW]
    return (
        Group(name="llm-slo", rules=(*counted, *quick)),
        Group(name="llm-slo-long", rules=tuple(slow), interval=SLOW_INTERVAL),
    )


def _counted(promise: Promised) -> Iterator[Record]:
    stem = promise.signal.value
    not_here = "decode" if promise.signal is Signal.TTFT else "prefill"  # the pool that does not serve this part
    whose = (Match("role", promise.role), Match("phase", not_here, "!="))
    for name, edges in ((GOOD, spellings(promise.edge)), (TOTAL, ("+Inf",))):
        buckets = select(f"llm_role:{stem}_seconds_bucket:rate5m", (*whose, one_of("le", edges)))
        labels = {"role": promise.role, "slo": stem}  # the role is there already: it tells rules of one name apart
        yield Record(name=name, expr=aggregate("sum", buckets, (*ROLE, "model")), labels=labels)


def _ratio(window: str) -> Record:
    """From sums over the same window: the interval cancels, and a quiet minute weighs as little as it should."""
    if window == "5m":
        return Record(name=f"{ERROR}{window}", expr=f"1 - {GOOD} / ({TOTAL} > 0)")
    good, total = (f"sum_over_time({name}[{window}])" for name in (GOOD, TOTAL))
    return Record(name=f"{ERROR}{window}", expr=f"1 - {good} / ({total} > 0)")


def slo_alerts(settings: Settings, promises: Sequence[Promised]) -> Iterator[Alert]:
    """One rule per burn rate: every objective is a 95th percentile, so they share a budget."""
    if not promises:
        return
    for burn in BURNS:
        limit = f"{burn.factor * BUDGET:g}"
        yield Alert(
            name=AlertName.LATENCY_BUDGET_BURN,
            expr=both(
                f"{ERROR}{burn.long} > {limit}",
                f"and {ERROR}{burn.short} > {limit}",
                f"and {on(PROMISE)} ({_traffic(settings, burn.long, promises)})",
            ),
            labels={"long": burn.long, "short": burn.short},
            hold=burn.hold,
            severity=burn.severity,
            summary=f"{WHO}: {PERCENT} of the last {burn.long} missed its promise ({{{{ $labels.slo }}}})",
            description=f"{BUDGET:.0%} may. At this pace a month's budget is gone in {30 / burn.factor:.3g} days, and "
            f"the pace holds in the last {burn.short}. First: a queue? a full KV cache? a role at its maximum?",
            dashboard="llm-role",
        )
    yield Alert(
        name=AlertName.OBJECTIVE_NOT_MEASURED,
        expr=both(f"{TOTAL} > 0", f"unless {on(PROMISE)} {GOOD}"),
        hold=15 * _M,
        severity=Severity.WARNING,
        summary=f"{WHO}: its promise ({{{{ $labels.slo }}}}) cannot be counted",
        description="Requests come, but the engine's histogram has no bucket at the promised time, so its burn rate is "
        "silent. First: the engine's version and its histogram options against fleet.yaml.",
        dashboard="llm-role",
    )


def _traffic(settings: Settings, window: str, promises: Sequence[Promised]) -> str:
    """Where enough was asked in the window. Sums are of rates, one each interval: times it, they count requests."""
    limits, seconds = settings.alerts.limits, INTERVAL.total_seconds()
    floors = {s: limits.slo_tokens if s == Signal.ITL.value else limits.slo_requests for s in _kinds(promises)}
    parts = []
    for floor in sorted(set(floors.values())):
        total = select(TOTAL, (one_of("slo", [s for s, f in floors.items() if f == floor]),))
        parts.append(f"sum_over_time({total}[{window}]) * {seconds:g} > {floor:g}")
    return " or ".join(parts)


def _kinds(promises: Sequence[Promised]) -> tuple[str, ...]:
    return tuple(sorted({promise.signal.value for promise in promises}))
