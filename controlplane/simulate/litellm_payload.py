"""What LiteLLM 1.109 tells of one call: its StandardLoggingPayload, key by key as captured from a real one.

As with ``turn_off_message_logging``: prompts and answers are ``redacted-by-litellm``. The session's id arrived in the
header ``x-litellm-session-id``, so it is the ``trace_id``; ``session_id`` stays empty by default. Cached tokens are
told as OpenAI-compatible servers do (vLLM with ``--enable-prompt-tokens-details``). Calls for embeddings and scores
follow LiteLLM's types; none was captured.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from controlplane.simulate.answer import Answer

INPUT_PRICE, OUTPUT_PRICE = 0.6e-6, 2.4e-6
"""Dollars per token on its list."""
REDACTED = "redacted-by-litellm"
ROUTES = {"embedder": ("aembedding", "/v1/embeddings"), "reranker": ("arerank", "/v1/rerank")}
CHAT = ("acompletion", "/v1/chat/completions")
SERVICE = "orchestrator-svc"
"""The user in whose name agents call."""
NO_ERROR = {
    "error_code": "",
    "error_class": "",
    "llm_provider": "",
    "traceback": "",
    "error_message": "",
    "error_provider_request_id": None,
    "error_rate_limit_category": None,
    "error_rate_limit_type": None,
    "error_budget_entity_type": None,
    "error_budget_entity_id": None,
    "error_budget_limit": None,
    "error_budget_spend": None,
    "error_cooldown_deployments": None,
    "normalized_error": None,
}


def payload(answer: Answer, start: datetime, here: str = "http://127.0.0.1") -> dict[str, Any]:
    """The payload of a call. ``start``: of the simulation; ``here``: where the simulated engines are."""
    call_type, route = ROUTES.get(answer.asked, CHAT)
    chat = call_type == CHAT[0]
    digest = sha256(f"{start.isoformat()} {answer.number}".encode()).digest()
    identity, call_id = f"chatcmpl-{digest[:8].hex()}", str(UUID(bytes=digest[16:], version=4))
    began, first, ended = (start.timestamp() + at for at in (answer.begun, answer.first_token, answer.ended))
    who = f"agentkit/0.4 ({answer.agent})"
    tags = [f"agent:{answer.agent}", "env:simulated", "User-Agent: agentkit", f"User-Agent: {who}"]
    cost = _cost(answer)
    base, deployment = f"{here}/{answer.asked}/v1", f"{answer.asked}-1"
    return {
        "id": identity,
        "litellm_call_id": call_id,
        "trace_id": answer.session,
        "session_id": "",
        "call_type": call_type,
        "cache_hit": None,
        "stream": True if chat else None,
        "status": "success",
        "status_fields": {"llm_api_status": "success", "guardrail_status": "not_run"},
        "custom_llm_provider": "openai",
        "saved_cache_cost": 0.0,
        "startTime": began,
        "endTime": ended,
        "completionStartTime": first,
        "response_time": (first if chat else ended) - began,
        "model": f"openai/{answer.asked}",
        "metadata": _metadata(answer, route, who, tags[:2]),
        "cache_key": None,
        "cost_finalized": True,
        "response_cost": cost["total_cost"],
        "cost_breakdown": cost,
        "autorouter_savings": None,
        "autorouter_savings_estimate": None,
        "autorouter_baseline_observation": None,
        "total_tokens": answer.prompt + answer.output,
        "prompt_tokens": answer.prompt,
        "completion_tokens": answer.output,
        "request_tags": tags,
        "request_model_access_groups": [],
        "end_user": None,
        "api_base": base,
        "model_group": answer.asked,
        "model_id": deployment,
        "requester_ip_address": "127.0.0.1",
        "user_agent": who,
        "messages": [{"role": "user", "content": REDACTED}],
        "response": _response(answer, identity, int(first)) if chat else {"text": REDACTED},
        "model_parameters": {"stream": True, "stream_options": {"include_usage": True}} if chat else {},
        "hidden_params": {
            "model_id": deployment,
            "cache_key": None,
            "api_base": base,
            "response_cost": cost["total_cost"],
            "additional_headers": {"llm_provider-server": "uvicorn"},
            "litellm_overhead_time_ms": None,
            "batch_models": None,
            "batch_successful_requests": None,
            "batch_failed_requests": None,
            "litellm_model_name": None,
            "usage_object": None,
        },
        "model_map_information": {
            "model_map_key": f"openai/{answer.asked}",
            "model_map_value": {
                "key": deployment,
                "input_cost_per_token": INPUT_PRICE,
                "output_cost_per_token": OUTPUT_PRICE,
                "litellm_provider": "openai",
            },
        },
        "error_str": None,
        "error_information": NO_ERROR,
        "response_cost_failure_debug_info": None,
        "zero_cost_diagnostic": None,
        "guardrail_information": None,
        "standard_built_in_tools_params": {"web_search_options": None, "file_search": None},
    }


def _metadata(answer: Answer, route: str, who: str, tags: list[str]) -> dict[str, Any]:
    return {
        "user_api_key_hash": sha256(answer.team.encode()).hexdigest(),
        "user_api_key_alias": f"{answer.team}-agents",
        "user_api_key_spend": 0.0,
        "user_api_key_max_budget": None,
        "user_api_key_budget_reset_at": None,
        "user_api_key_user_spend": None,
        "user_api_key_user_max_budget": None,
        "user_api_key_team_spend": None,
        "user_api_key_team_max_budget": None,
        "user_api_key_team_id": answer.team,
        "user_api_key_org_id": None,
        "user_api_key_org_alias": None,
        "user_api_key_project_id": None,
        "user_api_key_project_alias": None,
        "user_api_key_user_id": SERVICE,
        "user_api_key_team_alias": answer.team_alias,
        "user_api_key_user_email": None,
        "user_api_key_end_user_id": None,
        "user_api_key_request_route": route,
        "spend_logs_metadata": None,
        "requester_ip_address": "127.0.0.1",
        "user_agent": who,
        "requester_metadata": {
            "agent_name": answer.agent,
            "parent_agent": answer.parent or None,
            "tags": tags,
            "headers": {"host": "127.0.0.1:4000", "user-agent": who, "x-litellm-session-id": answer.session},
            "used_client_oauth_token": False,
        },
        "prompt_management_metadata": None,
        "applied_guardrails": [],
        "mcp_tool_call_metadata": None,
        "vector_store_request_metadata": None,
        "routing_decision": None,
        "usage_object": _usage(answer),
        "requester_custom_headers": {},
        "cold_storage_object_key": None,
        "user_api_key_auth_metadata": {},
        "team_alias": None,
        "team_id": None,
        "kubernetes_pod_routing": None,
        "used_client_oauth_token": False,
    }


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "completion_tokens": answer.output,
        "prompt_tokens": answer.prompt,
        "total_tokens": answer.prompt + answer.output,
        "completion_tokens_details": None,
        "prompt_tokens_details": {"audio_tokens": None, "cached_tokens": answer.cached},
    }


def _cost(answer: Answer) -> dict[str, Any]:
    input_cost, output_cost = answer.prompt * INPUT_PRICE, answer.output * OUTPUT_PRICE
    return {
        "service_tier": None,
        "data_residency": None,
        "vertex_location": None,
        "input_cost": input_cost,
        "output_cost": output_cost,
        "total_cost": input_cost + output_cost,
        "tool_usage_cost": 0.0,
        "original_cost": input_cost + output_cost,
        "discount_percent": 0.0,
        "discount_amount": 0.0,
        "margin_percent": 0.0,
        "margin_fixed_amount": 0.0,
        "margin_total_amount": 0.0,
    }


def _response(answer: Answer, identity: str, created: int) -> dict[str, Any]:
    message = {"content": REDACTED, "role": "assistant", "tool_calls": None, "function_call": None}
    return {
        "id": identity,
        "created": created,
        "model": answer.asked,
        "object": "chat.completion",
        "system_fingerprint": None,
        "choices": [{"finish_reason": "stop", "index": 0, "message": message}],
        "usage": _usage(answer),
    }
