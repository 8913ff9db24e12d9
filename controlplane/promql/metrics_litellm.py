"""What the LiteLLM router says about teams, tokens and upstreams: panels ask for it, no reading is made of it.

Names as LiteLLM 1.109.1 shows them. It knows teams and keys, but neither sessions nor agents; its dollars are its own
price list times tokens, not what GPUs cost.
"""

from functools import partial

from controlplane.promql.metric import Kind, Metric, Source

_TEAM = ("team", "team_alias", "model", "requested_model", "model_id", "api_provider", "api_key_alias", "user")
_of_team = partial(Metric, source=Source.LITELLM, kind=Kind.COUNTER, labels=_TEAM, scraped=False)
_deployment = partial(
    Metric,
    source=Source.LITELLM,
    labels=("litellm_model_name", "model_id", "api_base", "api_provider"),
    scraped=False,
)

LITELLM: tuple[Metric, ...] = (
    _of_team(name="litellm_spend_metric_total", unit="dollars", note="at LiteLLM's own prices per token"),
    _of_team(name="litellm_input_tokens_metric_total", unit="tokens"),
    _of_team(name="litellm_output_tokens_metric_total", unit="tokens"),
    _of_team(name="litellm_input_cached_tokens_metric_total", unit="tokens", note="absent until an upstream tells it"),
    Metric(
        name="litellm_proxy_total_requests_metric_total",
        source=Source.LITELLM,
        kind=Kind.COUNTER,
        unit="requests",
        labels=(*_TEAM, "status_code", "route"),
        scraped=False,
        note="429 is a limit or a budget of a team, key or session",
    ),
    Metric(name="litellm_in_flight_requests", source=Source.LITELLM, kind=Kind.GAUGE, unit="requests", scraped=False),
    Metric(
        name="litellm_llm_api_time_to_first_token_metric",
        source=Source.LITELLM,
        kind=Kind.HISTOGRAM,
        unit="seconds",
        labels=_TEAM,
        scraped=False,
        note="streamed requests only",
    ),
    _deployment(
        name="litellm_deployment_state", kind=Kind.GAUGE, unit="0, 1 or 2", note="healthy, partial outage, outage"
    ),
    _deployment(name="litellm_deployment_failure_responses_total", kind=Kind.COUNTER, unit="answers"),
)
