"""Which attributes of a span are read, under all the names they have had; everything else is dropped on receipt.

Names are in the order in which they count, the newest convention first: OpenTelemetry GenAI (new and old),
OpenInference, OpenLLMetry, LiteLLM.
"""

OPERATION = ("gen_ai.operation.name",)
KIND = ("openinference.span.kind", "traceloop.span.kind")
REQUEST_TYPE = ("llm.request.type",)

CALLS = frozenset(
    {"chat", "completion", "text_completion", "generate_content", "embeddings", "embedding", "rerank"}
    | {"llm", "reranker"}
)
"""Operations that ask a model; LiteLLM's are ``acompletion`` and the like."""
NOT_CALLS = frozenset({"execute_tool", "retrieval", "plan", "task", "tool", "chain", "retriever"})
AGENTS = frozenset({"invoke_agent", "create_agent", "invoke_workflow", "agent", "workflow"})
"""Operations whose usage is the sum of the calls below them."""

GROUP = ("litellm.model_group",)
MODEL = ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "embedding.model_name")
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider")

PROMPT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
"""All prompt tokens, cached ones too."""
OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
CACHED = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)
COST = ("gen_ai.cost.total_cost", "llm.cost.total")

CALL_ID = ("gen_ai.response.id", "litellm.call_id")
"""A router's and an SDK's span of one call share the response's id."""
ERROR = ("error.type",)

SESSION = (
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    *(
        f"{prefix}.{key}"
        for prefix in ("traceloop.association.properties", "langsmith.metadata")
        for key in ("session_id", "thread_id", "conversation_id")
    ),
)
TENANT = ("tenant.id", "tenant")
"""On a span, or on its resource."""
RESOURCE_TENANT = (*TENANT, "team", "service.namespace")
AGENT = ("gen_ai.agent.name", "agent.name", "traceloop.entity.name")

ENGINE = ("gen_ai.latency.time_in_queue", "gen_ai.latency.e2e", "gen_ai.latency.time_to_first_token")
"""Only an inference server writes these: its view of a call that its caller tells as well."""

LITELLM = "metadata."
LITELLM_TEXT = tuple(
    LITELLM + key for key in ("user_api_key_team_alias", "user_api_key_team_id", "user_api_key_alias", "user_agent")
)
LITELLM_LITERALS = tuple(LITELLM + key for key in ("requester_metadata", "requester_custom_headers", "usage_object"))
"""Dictionaries, written the way Python prints them."""

WANTED = frozenset(
    name
    for names in (
        *(OPERATION, KIND, REQUEST_TYPE, GROUP, MODEL, PROVIDER, PROMPT, OUTPUT, CACHED, COST, CALL_ID, ERROR),
        *(SESSION, RESOURCE_TENANT, AGENT, ENGINE, LITELLM_TEXT, LITELLM_LITERALS),
    )
    for name in names
)
