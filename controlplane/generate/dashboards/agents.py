"""Agents and sessions: how wide they fan out, what a session costs, and what each team asks of the router.

Session ids never become labels: they are unbounded. The sessions themselves are on the control plane's own pages.
"""

from controlplane.generate.dashboards.asked import (
    ANNOTATIONS,
    FLEET_VARIABLES,
    asked,
    by,
    ratio,
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
)
from controlplane.generate.dashboards.cost import NO_SESSIONS, SPEND
from controlplane.generate.dashboards.panel import NO_TRAFFIC, Board, Key, Panel, Query, Row, State, Variable
from controlplane.promql import exported as ours
from controlplane.promql.expr import Match, call, select
from controlplane.settings.schema import Settings

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
        variables=(*FLEET_VARIABLES, TENANT, ROUTER),
        annotations=ANNOTATIONS,
    )


def _of_tenant(name: str, *matches: Match, window: str = "") -> str:
    return asked(name, *matches, also=("tenant",), window=window)


def _quantile(q: str, metric: ours.Exported) -> str:
    buckets = f"rate({_of_tenant(f'{metric.name}_bucket', window=RATE)})"
    return f"histogram_quantile({q}, {by('le role', 'sum', buckets)})"


def _sessions(settings: Settings) -> Row:
    fanout = settings.alerts.limits.fanout
    breaches = f"increase({_of_tenant(ours.SESSION_BUDGET_EXCEEDED.name, window='$__range')})"
    finished = f"sum(rate({_of_tenant(f'{ours.SESSION_SPEND.name}_count', window=RATE)}))"
    tokens = f"sum(rate({_of_tenant(ours.SESSION_TOKENS.name, window=RATE)}))"
    spent = f"sum(rate({_of_tenant(f'{ours.SESSION_SPEND.name}_sum', window=RATE)}))"
    return Row(
        title="Sessions",
        panels=(
            number(
                "Active sessions",
                f"sum({_of_tenant(ours.SESSIONS_ACTIVE.name)})",
                "short",
                "Sessions that made a call lately.",
                width=6,
                quiet=NO_SESSIONS,
            ),
            number(
                "Widest fan-out",
                f"max({_of_tenant(ours.SESSION_FANOUT_MAX.name)})",
                "short",
                "Calls in flight at once of the widest active session; coloured where the alert fires.",
                steps=above(fanout),
                width=6,
                quiet=NO_SESSIONS,
            ),
            number(
                "Tokens per session",
                ratio(tokens, finished),
                "short",
                "Tokens used by sessions per session that finished.",
                width=6,
                nothing=NO_TRAFFIC,
                quiet=NO_SESSIONS,
            ),
            number(
                "Over their budget",
                f"sum({breaches})",
                "short",
                "Sessions in the chosen time that spent more than they were allowed.",
                steps=above(1, FAIR),
                decimals=0,
                width=6,
                quiet=NO_SESSIONS,
            ),
            Panel(
                title="Active sessions by role",
                words="Sessions that made a call lately.",
                stacked=True,
                queries=(Query(expr=by("role", "sum", _of_tenant(ours.SESSIONS_ACTIVE.name)), legend="{{role}}"),),
                quiet=NO_SESSIONS,
            ),
            Panel(
                title="Fan-out",
                words="Most calls in flight at once: half and nearly all of the finished sessions, and the widest "
                "active one. The line is where the alert fires.",
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
                quiet=NO_SESSIONS,
            ),
            Panel(
                title="Dollars per session",
                words="Of half, of nearly all, and the mean of the sessions that finished.",
                unit=DOLLARS,
                queries=(
                    Query(expr=_quantile("0.5", ours.SESSION_SPEND), legend="{{role}} p50"),
                    Query(expr=_quantile("0.99", ours.SESSION_SPEND), legend="{{role}} p99"),
                    Query(expr=ratio(spent, finished), legend="mean", promise=True),
                ),
                nothing=NO_TRAFFIC,
                quiet=NO_SESSIONS,
            ),
        ),
    )


def _tenants(settings: Settings) -> Row:
    breaches = f"increase({_of_tenant(ours.SESSION_BUDGET_EXCEEDED.name, window=RATE)})"
    pages = settings.serve.public_url
    where = f"[sessions over their limits]({pages}/sessions)" if pages else "the control plane's page *Sessions*"
    return Row(
        title="Tenants",
        panels=(
            Panel(
                title="Spend by tenant and role",
                words="What their tokens cost at the model's weighted price of the last hour.",
                unit=DOLLARS,
                stacked=True,
                queries=(Query(expr=by("tenant role", "sum", _of_tenant(SPEND)), legend="{{tenant}} {{role}}"),),
                quiet=NO_SESSIONS,
            ),
            Panel(
                title="Tokens by kind",
                words="Tokens sessions used per second: prompt without the cached ones, cached, output.",
                unit=TOKENS,
                stacked=True,
                queries=(Query(expr=by("kind", "sum", _of_tenant("llm_tenant:tokens:rate5m")), legend="{{kind}}"),),
                quiet=NO_SESSIONS,
            ),
            Panel(
                title="Sessions over their budget",
                words="Sessions that spent more than they were allowed.",
                stacked=True,
                queries=(Query(expr=by("tenant", "sum", breaches), legend="{{tenant}}"),),
                quiet=NO_SESSIONS,
            ),
            text(
                "Which sessions",
                "Where single sessions are shown.",
                f"One session by name, its tree of calls and what stopped it: {where}. Session ids never become labels "
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
