"""Agents run away: one session fans out, one tenant spends. Quiet until a source of sessions is read."""

from collections.abc import Iterator
from datetime import timedelta

from controlplane.generate.alerts.alert import DOLLARS, Alert, both
from controlplane.generate.alerts.births import grew
from controlplane.model.finding import Severity
from controlplane.promql import exported
from controlplane.promql.expr import aggregate
from controlplane.settings.alerts import AlertName
from controlplane.settings.schema import Settings

_M = timedelta(minutes=1)
AGENTS_BOARD = "llm-agents"
SPEND = "llm_tenant:session_spend_dollars_per_hour:sum"


def session_alerts(settings: Settings) -> Iterator[Alert]:
    """Alerts on what agents do. No session is ever named: ids are labels without end; the page lists them."""
    limits = settings.alerts.limits
    widest = aggregate("max", exported.SESSION_FANOUT_MAX.name, ("cluster", "tenant", "role"))
    yield Alert(
        name=AlertName.RUNAWAY_FANOUT,
        expr=f"{widest} > {limits.fanout:g}",
        hold=2 * _M,
        keep=10 * _M,
        severity=Severity.CRITICAL,
        summary="{{ $labels.tenant }}: a session has {{ $value }} calls in flight to {{ $labels.role }}",
        description=f"Over {limits.fanout:g} is no planned fan-out: an agent calls itself, or retries without end. "
        "First: its session page; cap it or stop it there.",
        dashboard=AGENTS_BOARD,
    )
    yield Alert(
        name=AlertName.TENANT_SPEND_SPIKE,
        expr=both(
            f"{SPEND} > {limits.spend_factor:g} * avg_over_time({SPEND}[1d] offset 1h)",
            f"and {SPEND} > {limits.spend_floor:g}",
        ),
        hold=10 * _M,
        keep=10 * _M,
        severity=Severity.WARNING,
        summary=f"{{{{ $labels.tenant }}}}: {DOLLARS} an hour on {{{{ $labels.role }}}}",
        description=f"That is over {limits.spend_factor:g} times its daily mean. First: the tenant's dearest "
        "sessions; a new job that is meant to run needs a budget, not an alert.",
        dashboard=AGENTS_BOARD,
    )
    yield Alert(
        name=AlertName.SESSION_BUDGET_EXCEEDED,
        expr=grew(exported.SESSION_BUDGET_EXCEEDED, 10 * _M, ("cluster", "tenant")),
        severity=Severity.WARNING,
        summary="{{ $labels.tenant }}: a session spent more than it was allowed",
        description="First: did the breaker stop it? The session page says what was done, and what it cost until then.",
        dashboard=AGENTS_BOARD,
    )
