"""Agents and sessions: how wide they fan out, what a session costs, and what each team asks of the router.

A session belongs to the role it began at, its tokens and dollars to the roles that served them. Session ids never
become labels: they are unbounded. The sessions themselves are on the control plane's own pages.
"""

from dataclasses import replace

from controlplane.detect.runaway import RunawaySession
from controlplane.generate.alerts.limits import settings_of
from controlplane.generate.dashboards.asked import (
    ANNOTATIONS,
    FLEET_VARIABLES,
    asked,
    by,
    grown,
    once,
    ratio,
    single,
)
from controlplane.generate.dashboards.charts import (
    DOLLARS,
    FAIR,
    GOOD,
    TOKENS,
    above,
    number,
    table,
    text,
    unused,
)
from controlplane.generate.dashboards.cost import NO_SESSIONS, SPEND, no_sessions
from controlplane.generate.dashboards.panel import NO_TRAFFIC, Board, Key, Panel, Query, Row, State, Variable
from controlplane.promql import exported as ours
from controlplane.promql.expr import Match, call, select
from controlplane.settings.schema import Settings

ANY = ".*"
VARIABLES = tuple(replace(v, all_of=ANY) if v.label in ("model", "role") else v for v in FLEET_VARIABLES)
"""What none of our roles serves has neither role nor model, and is meant by "All" too."""
TENANT = Variable(label="tenant", title="Tenant", query=ours.SESSIONS_ACTIVE.name)
ROUTER = Variable(label="job", name="router", title="Router's scrape job", query="litellm_in_flight_requests")
"""LiteLLM's series carry teams and models, but nothing of this fleet: which router is meant is for a person to say."""
NO_ROUTER = "no LiteLLM router is scraped"
RATE = "$__rate_interval"


def agents_board(settings: Settings) -> Board:
    """Who uses the fleet, and how."""
    return Board(
        uid="llm-agents",
        title=f"{settings.fleet} · Agents and sessions",
        words="Agents use many times the tokens of a chat, and one that runs away uses many times that. Sums over "
        "sessions come from the control plane, teams' accounts from the LiteLLM router.",
        rows=(_sessions(settings), _tenants(settings), _router()),
        variables=(*VARIABLES, TENANT, ROUTER),
        annotations=ANNOTATIONS,
    )


def _of_tenant(name: str, *matches: Match, window: str = "") -> str:
    return asked(name, *matches, also=("tenant",), window=window)


def _of_anyone(name: str) -> str:
    """Of a tenant, whichever roles are chosen: where a session began and who served its tokens are two things."""
    return asked(name, only=(), also=("tenant",), window=RATE)


def _over(window: str) -> str:
    """Sessions that went over their allowance in the window."""
    name = ours.SESSION_BUDGET_EXCEEDED.name
    return single(name, grown(name, window=window, also=("tenant",)))


def _quantile(q: str, metric: ours.Exported) -> str:
    buckets = f"rate({_of_tenant(f'{metric.name}_bucket', window=RATE)})"
    return f"histogram_quantile({q}, {by('le role', 'sum', buckets)})"


def _sessions(settings: Settings) -> Row:
    runaway, quiet = settings_of(settings, RunawaySession), no_sessions(settings)
    fanout = runaway.fanout if runaway else None
    breaches = _over(window="$__range")
    finished = f"sum(rate({_of_anyone(f'{ours.SESSION_FANOUT.name}_count')}))"
    tokens = f"sum(rate({_of_anyone(ours.SESSION_TOKENS.name)}))"
    priced = f"sum(rate({_of_tenant(f'{ours.SESSION_SPEND.name}_count', window=RATE)}))"
    spent = f"sum(rate({_of_tenant(f'{ours.SESSION_SPEND.name}_sum', window=RATE)}))"
    if settings.sessions is None:
        return unused("Sessions", NO_SESSIONS)
    return Row(
        title="Sessions",
        panels=(
            number(
                "Active sessions",
                f"sum({once(ours.SESSIONS_ACTIVE.name, also=('tenant',))})",
                "short",
                "Sessions that have not finished: they made a call lately (fleet.yaml: sessions.idle_after).",
                width=6,
                quiet=quiet,
            ),
            number(
                "Widest fan-out",
                f"max({_of_tenant(ours.SESSION_FANOUT_MAX.name)})",
                "short",
                "Most calls in flight at once, in two minutes, of any active session; coloured where the alert fires.",
                steps=above(fanout),
                width=6,
                quiet=quiet,
            ),
            number(
                "Tokens per session",
                ratio(tokens, finished),
                "short",
                "Tokens that sessions used, of all roles, per session that finished.",
                width=6,
                nothing=NO_TRAFFIC,
                quiet=quiet,
            ),
            number(
                "Over their allowance",
                f"sum({breaches})",
                "short",
                f"Sessions in the chosen time that spent {_allowed(settings)}.",
                steps=above(1, FAIR),
                decimals=0,
                width=6,
                quiet=quiet,
            ),
            Panel(
                title="Active sessions by role",
                words="Sessions that made a call lately, by the role they began at: they add up to all of them.",
                stacked=True,
                queries=(
                    Query(expr=by("role", "sum", once(ours.SESSIONS_ACTIVE.name, also=("tenant",))), legend="{{role}}"),
                ),
                quiet=quiet,
            ),
            Panel(
                title="Fan-out",
                words="Most calls in flight at once, to whichever roles: half and nearly all of the finished sessions "
                "that began at a role, and the widest active one. The line is where the alert fires.",
                limit=fanout,
                queries=(
                    Query(expr=_quantile("0.5", ours.SESSION_FANOUT), legend="{{role}} p50"),
                    Query(expr=_quantile("0.99", ours.SESSION_FANOUT), legend="{{role}} p99"),
                    Query(
                        expr=by("role", "max", _of_tenant(ours.SESSION_FANOUT_MAX.name)),
                        legend="{{role}} widest",
                        promise=True,
                    ),
                ),
                nothing=NO_TRAFFIC,
                quiet=quiet,
            ),
            Panel(
                title="Dollars per session",
                words="What sessions that finished cost at all the roles they used, by the role they began at: half "
                "of them, nearly all, and the mean. Without those whose price was not known when they finished.",
                unit=DOLLARS,
                queries=(
                    Query(expr=_quantile("0.5", ours.SESSION_SPEND), legend="{{role}} p50"),
                    Query(expr=_quantile("0.99", ours.SESSION_SPEND), legend="{{role}} p99"),
                    Query(expr=ratio(spent, priced), legend="mean", promise=True),
                ),
                nothing=NO_TRAFFIC,
                quiet=quiet,
            ),
        ),
    )


def _allowed(settings: Settings) -> str:
    """What a session may take, in words."""
    if settings.sessions is None:
        return "more than they were allowed"
    dollars = settings.sessions.budget_dollars
    limit = "" if dollars is None else f"more than ${dollars:g}, or "
    return f"{limit}more than {settings.sessions.runaway_factor:g} times the tokens that are usual where they began"


def _tenants(settings: Settings) -> Row:
    quiet = no_sessions(settings)
    breaches = _over(window=RATE)
    pages = settings.serve.public_url
    where = f"[sessions]({pages}/sessions)" if pages else "the control plane's page *Sessions*"
    if settings.sessions is None:
        return unused("Tenants", NO_SESSIONS)
    return Row(
        title="Tenants",
        panels=(
            Panel(
                title="Spend by tenant and role",
                words="What their tokens cost at the model's weighted price of the last hour; the role is whose "
                "GPUs served them.",
                unit=DOLLARS,
                stacked=True,
                queries=(Query(expr=by("tenant role", "sum", _of_tenant(SPEND)), legend="{{tenant}} {{role}}"),),
                quiet=quiet,
            ),
            Panel(
                title="Tokens by kind",
                words="Tokens sessions used per second: prompt without the cached ones, cached, output.",
                unit=TOKENS,
                stacked=True,
                queries=(Query(expr=by("kind", "sum", _of_tenant("llm_tenant:tokens:rate5m")), legend="{{kind}}"),),
                quiet=quiet,
            ),
            Panel(
                title="Sessions over their allowance",
                words=f"Sessions that spent {_allowed(settings)}.",
                stacked=True,
                queries=(Query(expr=by("tenant", "sum", breaches), legend="{{tenant}}"),),
                quiet=quiet,
            ),
            text(
                "Which sessions",
                "Where single sessions are shown.",
                f"One session by name, its agents and what each of them took: {where}. Session ids never become labels "
                "in Prometheus.",
                width=24,
                height=3,
            ),
        ),
    )


def _of_router(name: str, *matches: Match, window: str = "") -> str:
    held = (Match("cluster", "$cluster", "=~"), Match("job", "$router", "=~"))
    return select(name, (*held, *matches)) + (f"[{window}]" if window else "")


def _rate(name: str, labels: str) -> str:
    return by(labels, "sum", call("rate", _of_router(name, window=RATE)))


HEALTH = (State(0, "healthy", GOOD), State(1, "partial outage", FAIR), State(2, "outage", "red"))


def _router() -> Row:
    first = _of_router("litellm_llm_api_time_to_first_token_metric_bucket", window=RATE)
    return Row(
        title="LiteLLM's own account",
        panels=(
            Panel(
                title="Teams' spend at list prices",
                words="Dollars per hour as LiteLLM counts them: its price list times tokens. Not what GPUs cost; "
                "compare with the spend by tenant to see what self-hosting saves.",
                unit=DOLLARS,
                stacked=True,
                queries=(
                    Query(expr=f"{_rate('litellm_spend_metric_total', 'team_alias')} * 3600", legend="{{team_alias}}"),
                ),
                quiet=NO_ROUTER,
            ),
            Panel(
                title="Teams' tokens",
                words="Prompt and output tokens per second, as the router counts them.",
                unit=TOKENS,
                stacked=True,
                queries=(
                    Query(
                        expr=_rate("litellm_input_tokens_metric_total", "team_alias"), legend="{{team_alias}} prompt"
                    ),
                    Query(
                        expr=_rate("litellm_output_tokens_metric_total", "team_alias"), legend="{{team_alias}} output"
                    ),
                ),
                quiet=NO_ROUTER,
            ),
            Panel(
                title="Cached prompt tokens by team",
                words="Prompt tokens that upstreams took from a cache. Absent until one tells the router.",
                unit=TOKENS,
                stacked=True,
                queries=(
                    Query(
                        expr=_rate("litellm_input_cached_tokens_metric_total", "team_alias"), legend="{{team_alias}}"
                    ),
                ),
                quiet="no upstream tells LiteLLM of cached tokens",
            ),
            Panel(
                title="Requests by status",
                words="Answers of the router per second. 429 is a limit or a budget of a team, key or session.",
                unit="reqps",
                stacked=True,
                queries=(
                    Query(
                        expr=_rate("litellm_proxy_total_requests_metric_total", "status_code"), legend="{{status_code}}"
                    ),
                ),
                quiet=NO_ROUTER,
            ),
            Panel(
                title="In flight",
                words="Requests open at the router, of all teams.",
                queries=(Query(expr=by("job", "sum", _of_router("litellm_in_flight_requests")), legend="{{job}}"),),
                quiet=NO_ROUTER,
            ),
            Panel(
                title="Time to first token at the router, p95",
                words="Of streamed requests, by the model asked for. Above the engine's own: the way there is slow.",
                unit="s",
                queries=(
                    Query(
                        expr=f"histogram_quantile(0.95, {by('le requested_model', 'sum', call('rate', first))})",
                        legend="{{requested_model}}",
                    ),
                ),
                nothing=NO_TRAFFIC,
                quiet=NO_ROUTER,
            ),
            table(
                "Upstreams",
                "Each deployment the router sends to, and its failed answers per second.",
                (
                    Key(label="litellm_model_name", title="Model"),
                    Key(label="model_id", title="Deployment"),
                    Key(label="api_base", title="Address"),
                ),
                (
                    Query(
                        expr=by("litellm_model_name model_id api_base", "max", _of_router("litellm_deployment_state")),
                        legend="State",
                        states=HEALTH,
                    ),
                    Query(
                        expr=_rate(
                            "litellm_deployment_failure_responses_total", "litellm_model_name model_id api_base"
                        ),
                        legend="Failures/s",
                        unit="ops",
                        decimals=2,
                    ),
                ),
                height=7,
                quiet=NO_ROUTER,
            ),
        ),
    )
