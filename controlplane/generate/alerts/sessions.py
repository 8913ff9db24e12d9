"""Agents run away: one session fans out, one tenant spends. Quiet until a source of sessions is read."""

from collections.abc import Iterator
from datetime import timedelta

from controlplane.detect.runaway import RunawaySession
from controlplane.generate.alerts.alert import DOLLARS, Alert, both
from controlplane.generate.alerts.births import grew
from controlplane.generate.alerts.limits import settings_of
from controlplane.model.finding import Severity
from controlplane.promql import exported
from controlplane.promql.expr import aggregate
from controlplane.settings.alerts import AlertName
from controlplane.settings.schema import Settings

_M = timedelta(minutes=1)
AGENTS_BOARD = "llm-agents"
SPEND = "llm_tenant:session_spend_dollars_per_hour:sum"

BEGAN = "{{ if $labels.role }}{{ $labels.role }}{{ else }}no role of ours{{ end }}"
"""Where a session began; its calls may go elsewhere, and to what none of our roles serves."""


def session_alerts(settings: Settings) -> Iterator[Alert]:
    """Alerts on what agents do. No session is ever named: ids are labels without end; the page lists them."""
    yield from _wide(settings)
    yield _dear(settings)
    yield _over(settings)


def _page(settings: Settings, query: str) -> str:
    """Where a tenant's sessions are listed: the whole address where it is known."""
    where = (settings.serve.public_url or "").rstrip("/")
    return f"{where}/sessions?tenant={{{{ $labels.tenant | urlquery }}}}&{query}"


def _wide(settings: Settings) -> Iterator[Alert]:
    runaway = settings_of(settings, RunawaySession)
    if runaway is None:
        return
    widest = aggregate("max", exported.SESSION_FANOUT_MAX.name, ("cluster", "tenant", "role"))
    yield Alert(
        name=AlertName.RUNAWAY_FANOUT,
        expr=f"{widest} > {runaway.fanout:g}",
        hold=2 * _M,
        keep=10 * _M,
        severity=Severity.CRITICAL,
        summary=f"{{{{ $labels.tenant }}}}: a session begun at {BEGAN} has {{{{ $value }}}} calls in flight at once",
        description=f"Over {runaway.fanout:g} is no planned fan-out: an agent calls itself, or retries without end. "
        f"First: which session, and which agent of it: {_page(settings, 'state=active&order=fanout')}. Then have its "
        "owner stop it, or block its key in the router; more replicas only feed it.",
        dashboard=AGENTS_BOARD,
    )


def _dear(settings: Settings) -> Alert:
    limits = settings.alerts.limits
    return Alert(
        name=AlertName.TENANT_SPEND_SPIKE,
        expr=both(
            f"{SPEND} > {limits.spend_factor:g} * avg_over_time({SPEND}[1d] offset 1h)",
            f"and {SPEND} > {limits.spend_floor:g}",
        ),
        hold=10 * _M,
        keep=10 * _M,
        severity=Severity.WARNING,
        summary=f"{{{{ $labels.tenant }}}}: {DOLLARS} an hour on {{{{ $labels.role }}}}",
        description=f"That is over {limits.spend_factor:g} times its daily mean. First: the tenant's dearest sessions: "
        f"{_page(settings, 'order=spend')}. A new job that is meant to run needs a budget, not an alert.",
        dashboard=AGENTS_BOARD,
    )


def _over(settings: Settings) -> Alert:
    return Alert(
        name=AlertName.SESSION_BUDGET_EXCEEDED,
        expr=grew(exported.SESSION_BUDGET_EXCEEDED, 10 * _M, ("cluster", "tenant")),
        severity=Severity.WARNING,
        summary="{{ $labels.tenant }}: a session spent more than it was allowed",
        description=f"Nothing has stopped it: the control plane only watches. First: which one, and does it go on: "
        f"{_page(settings, 'state=over')}. What it may take is sessions.runaway_factor and sessions.budget_dollars.",
        dashboard=AGENTS_BOARD,
    )
