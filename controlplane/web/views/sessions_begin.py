"""Before anybody told of a session: what is missing, and the exact lines to add."""

from dataclasses import dataclass

from controlplane.loop.sessions import SessionRules
from controlplane.model.fleet import SourceHealth
from controlplane.settings.sessions import SessionSource

LITELLM = """\
litellm_settings:
  callbacks: ["fleet"]
  turn_off_message_logging: true
callback_settings:
  fleet:
    callback_type: generic_api
    endpoint: http://HOST:PORT/ingest/litellm
    headers: {Authorization: Bearer TOKEN}
    event_types: [llm_api_success, llm_api_failure]
    log_format: json_array
    max_retries: 6
    retry_delay: 1"""

OTLP = """\
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://HOST:PORT/v1/traces
OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf
OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20TOKEN"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do or to check."""

    words: str
    lines: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The page while there is nothing to list."""

    title: str
    words: str
    steps: tuple[Step, ...]


def nobody_tells() -> Begin:
    """fleet.yaml names no source of sessions."""
    return Begin(
        title="Nobody tells of sessions",
        words="Engines do not know which calls belong together; the router does. Two files say so:",
        steps=(
            Step(words="fleet.yaml, then restart the control plane:", lines="sessions:\n  source: litellm"),
            Step(words="LiteLLM's configuration (or source: otlp, for traces of any agent runtime):", lines=LITELLM),
        ),
    )


def silent(health: SourceHealth, rules: SessionRules) -> Begin:
    """The source has never said anything."""
    litellm = rules.source == SessionSource.LITELLM
    path, lines = ("/ingest/litellm", LITELLM) if litellm else ("/v1/traces", OTLP)
    who = "LiteLLM" if litellm else "The tracer or its collector"
    return Begin(
        title="No call was ever told",
        words=health.detail if health.fault else f"fleet.yaml says that {rules.source} tells of calls, at POST {path}.",
        steps=(
            Step(words=f"{who} is told where to send them:", lines=lines),
            Step(words="Does that address answer from where it runs? Its log says what came back; 401 is the token."),
            Step(
                words="A call is told when it has ended, in batches every few seconds. Has one been made since?"
                if litellm
                else "Spans are exported in batches, once they have ended. Has a call been made since?"
            ),
            Step(
                words="Do agents send a session id (header x-litellm-session-id, or metadata.session_id)? Without one "
                "every call is a session of its own, or of none."
                if litellm
                else "Do spans carry gen_ai.conversation.id or session.id? A call without one is of no session."
            ),
        ),
    )
