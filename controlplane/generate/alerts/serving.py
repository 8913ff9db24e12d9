"""Callers wait, or are turned away: queues, full caches, preemptions, errors, and roles without a replica."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from controlplane.detect.kv_pressure import KvPressure
from controlplane.detect.preemption import PreemptionStorm
from controlplane.detect.prefix import PrefixCollapse
from controlplane.detect.queue import QueueBuildup
from controlplane.generate.alerts.alert import NUMBER, PERCENT, WHO, Alert, both
from controlplane.generate.alerts.limits import settings_of
from controlplane.generate.rules.moved import ours, told
from controlplane.generate.rules.rule import on
from controlplane.model.finding import Severity
from controlplane.promql import exported
from controlplane.promql.expr import aggregate, one_of, select
from controlplane.promql.recorded import MODEL, ROLE, ROLE_MODEL
from controlplane.settings.alerts import AlertName
from controlplane.settings.schema import Settings

_M = timedelta(minutes=1)
ROLE_BOARD = "llm-role"
KV_BOARD = "llm-kv"

WAITING = "llm_role:requests_waiting_per_replica:avg"
FINISHED = "llm_role:requests_finished:rate5m"
HIT_RATIO = "llm_role:prefix_cache_hit:ratio5m"
USUAL_HITS = f"avg_over_time({HIT_RATIO}[1d] offset 15m)"
"""A day's mean that ends before the collapse began: it must not be its own measure."""


def serving_alerts(settings: Settings) -> Iterator[Alert]:
    """Alerts on what callers feel."""
    yield from _queue(settings)
    yield from _cache(settings)
    yield from _preemptions(settings)
    yield from _prefix(settings)
    yield from _imbalance(settings)
    yield _errors(settings)
    yield from _down(settings)


def _queue(settings: Settings) -> Iterator[Alert]:
    queue = settings_of(settings, QueueBuildup)
    if queue is None:
        return
    long = f"{WAITING} > {queue.limit:g}"
    yield Alert(
        name=AlertName.QUEUE_BACKLOG,
        expr=both(long, f"and {on(ROLE_MODEL)} deriv(llm_role:requests_waiting:sum[10m]) >= 0"),
        hold=5 * _M,
        keep=5 * _M,
        severity=Severity.WARNING,
        summary=f"{WHO}: {NUMBER} requests wait per replica and the queue does not drain",
        description=f"More than {queue.limit:g} requests wait per replica, for 5 minutes. A queue that drains by "
        "itself is a queue doing its job; this one does not. First: is a replica already on its way?",
        dashboard=ROLE_BOARD,
    )
    at_most = f"{ours(exported.REPLICAS_DESIRED, 'max', ROLE)} >= {on(ROLE)} {ours(exported.REPLICAS_MAX, 'max', ROLE)}"
    yield Alert(
        name=AlertName.SCALED_TO_MAX,
        expr=both(long, f"and {on(ROLE)} ({at_most})"),
        hold=15 * _M,
        severity=Severity.WARNING,
        summary=f"{WHO}: {NUMBER} requests wait per replica and the role is at its maximum",
        description="The autoscaler may not add replicas: it asks for as many as it is allowed, for 15 minutes, and "
        "requests still wait. First: raise replicas.max, or take load away; nothing will happen by itself.",
        dashboard="llm-scaling",
    )


def _cache(settings: Settings) -> Iterator[Alert]:
    cache = settings_of(settings, KvPressure)
    if cache is None:
        return
    yield Alert(
        name=AlertName.KV_CACHE_PRESSURE,
        expr=f"llm_role:kv_pressured_replicas:ratio >= {settings.alerts.limits.kv_pressured_share:g}",
        hold=5 * _M,
        keep=5 * _M,
        severity=Severity.WARNING,
        summary=f"{WHO}: {PERCENT} of the replicas have no headroom in their KV cache",
        description=f"Their KV cache is over {cache.limit:.0%} full while requests wait or are thrown out, so every "
        "long prompt costs somebody else time. First: add a replica, or lower --max-num-seqs.",
        dashboard=KV_BOARD,
    )


def _preemptions(settings: Settings) -> Iterator[Alert]:
    storm = settings_of(settings, PreemptionStorm)
    if storm is None:
        return
    finished = aggregate("sum", FINISHED, ROLE_MODEL)
    few = f"llm_role:preemptions:rate5m <= {on(ROLE_MODEL)} {storm.share:g} * {finished}"
    yield Alert(
        name=AlertName.PREEMPTION_STORM,
        expr=both(f"llm_role:preemptions:rate5m > {storm.floor:g}", f"unless {on(ROLE_MODEL)} ({few})"),
        hold=5 * _M,
        keep=5 * _M,
        severity=Severity.CRITICAL,
        summary=f'{WHO}: {{{{ printf "%.2f" $value }}}} requests a second are thrown out of the KV cache',
        description=f"More than {storm.share:.0%} as many requests are preempted as finish. Each of them is computed "
        "again from its start: the GPUs are busy and the callers wait. First: lower --max-num-seqs, or add a replica.",
        dashboard=KV_BOARD,
    )


def _prefix(settings: Settings) -> Iterator[Alert]:
    prefix = settings_of(settings, PrefixCollapse)
    if prefix is None:
        return
    yield Alert(
        name=AlertName.PREFIX_CACHE_COLLAPSE,
        expr=both(
            f"{HIT_RATIO} < {prefix.share:g} * {USUAL_HITS}",
            f"and {on(ROLE_MODEL)} llm_role:prefix_cache_queried_tokens:rate5m > {prefix.floor:g}",
            f"and {on(ROLE_MODEL)} {USUAL_HITS} > {prefix.least:g}",
        ),
        hold=15 * _M,
        severity=Severity.WARNING,
        summary=f"{WHO}: only {PERCENT} of prompt tokens are found in the prefix cache",
        description=f"That is under {prefix.share:.0%} of the day's mean. Prompts no longer begin as they did, or no "
        "longer reach the replica that knows them. First: what was deployed, in the agents or in the router?",
        dashboard=KV_BOARD,
    )


def _imbalance(settings: Settings) -> Iterator[Alert]:
    limits = settings.alerts.limits
    for side, other in (("decode", "prefill"), ("prefill", "decode")):
        here, there = (aggregate("max", f'{WAITING}{{phase="{p}"}}', MODEL) for p in (side, other))
        yield Alert(
            name=AlertName.PREFILL_DECODE_IMBALANCE,
            expr=both(
                f"{here} > {limits.imbalance_floor:g}",
                f"and {on(MODEL)} ({here} > {limits.imbalance_factor:g} * {there})",
            ),
            labels={"side": side},
            hold=10 * _M,
            severity=Severity.WARNING,
            summary=f"{{{{ $labels.model }}}}: {NUMBER} requests wait per {side} replica",
            description=f"That is over {limits.imbalance_factor:g} times as many as per {other} replica: one pool "
            f"idles while the other queues. First: move a replica from {other} to {side}.",
            dashboard=ROLE_BOARD,
        )


def _errors(settings: Settings) -> Alert:
    limits = settings.alerts.limits
    failed = aggregate("sum", f'{FINISHED}{{reason=~"abort|error"}}', ROLE_MODEL)
    return Alert(
        name=AlertName.REQUEST_ERRORS,
        expr=f"{failed} / ({aggregate('sum', FINISHED, ROLE_MODEL)} > {limits.error_floor:g}) > {limits.error_share:g}",
        hold=5 * _M,
        keep=5 * _M,
        severity=Severity.CRITICAL,
        summary=f"{WHO}: {PERCENT} of the requests end in an error or are aborted",
        description="Errors are the engine's, aborts are callers who gave up. First: the engine's log, then the "
        "callers' timeouts against the time to first token.",
        dashboard=ROLE_BOARD,
    )


def _down(settings: Settings) -> Iterator[Alert]:
    """No replica serves. Roles that may scale to zero get the time a cold start takes."""
    sleepers = [name for name, role in settings.roles.items() if role.replicas.min == 0]
    awake = sorted(settings.roles.keys() - set(sleepers))
    ready, desired = (ours(m, "max", ROLE) for m in (exported.REPLICAS_READY, exported.REPLICAS_DESIRED))
    if awake:
        answered = f"max_over_time({select('llm_role:replicas:count', (one_of('role', awake),))}[1h])"
        gone = f"0 * {aggregate('group', answered, ROLE)} unless {on(ROLE)} llm_role:replicas:count"
        yield _no_replica(
            expr=both(
                f"({_none_of(awake)} or {on(ROLE)} ({gone}))",
                f"unless {on(ROLE)} {ready} > 0",
                f"unless {on(ROLE)} {desired} == 0",
            ),
            hold=2 * _M,
            description="Every request to it fails or waits in the router. First: the pods' events (image pull, "
            "scheduling, out of memory), then the node's GPU errors.",
        )
    if sleepers:
        yield _no_replica(
            expr=both(_none_of(sleepers), f"and {on(ROLE)} {desired} > 0"),
            hold=settings.alerts.limits.cold_start,
            description="It was woken up and has not come: longer than a cold start takes. First: the pods' events "
            "(image pull, scheduling, weights), then whether the cluster has a free GPU.",
            labels={"wakes": "from zero"},
        )


def _none_of(roles: Sequence[str]) -> str:
    """No replica serves, as the control plane knows."""
    return f"{told(select(exported.REPLICAS_READY.name, (one_of('role', roles),)), 'max', ROLE)} == 0"


def _no_replica(*, expr: str, hold: timedelta, description: str, labels: Mapping[str, str] | None = None) -> Alert:
    return Alert(
        name=AlertName.ENGINE_DOWN,
        expr=expr,
        hold=hold,
        severity=Severity.CRITICAL,
        summary=f"{WHO}: no replica serves",
        description=description,
        dashboard=ROLE_BOARD,
        labels=labels or {},
    )
