"""Runs of multi-agent tasks: who tells us of their calls, and how much one of them may take."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field

from controlplane.settings.names import LocalPath
from controlplane.settings.part import Part
from controlplane.settings.values import Choice, Duration, Number, refuse


class SessionSource(StrEnum):
    """Who hands in calls."""

    LITELLM = "litellm"
    """LiteLLM's ``generic_api`` callback, at ``/ingest/litellm``."""
    OTLP = "otlp"
    """Traces over OTLP/HTTP, at ``/v1/traces``."""


class _Source(Choice):
    """One of the sources; a tracing product is refused with the way round it."""

    def read(self, value: object) -> StrEnum:
        if value == "langfuse":
            fix = "write otlp, and let your exporters send OTLP to Langfuse and to us"
            raise refuse("langfuse tells nobody else of calls", fix)
        return Choice.read(self, value)


class Sessions(Part):
    """Runs of multi-agent tasks: the calls that share a session id."""

    source: Annotated[SessionSource, _Source(SessionSource)] = SessionSource.LITELLM
    """Who hands in calls: ``litellm`` or ``otlp``. LiteLLM by default: the router knows every call."""

    runaway_factor: Annotated[float, Number(at_least=1.5, at_most=1000, words="a factor", example="10")] = 10
    """Tokens of a session over its usual that mean it runs away. 10: retries and long tasks reach 3 to 5."""

    budget_dollars: (
        Annotated[float, Number(at_least=0.01, at_most=1e6, words="an amount in dollars", example="20")] | None
    ) = Field(default=None, examples=["20"])
    """Dollars one session may cost. No limit by default: what a task is worth is yours to say."""

    idle_after: Annotated[timedelta, Duration(timedelta(seconds=10), timedelta(days=1))] = timedelta(minutes=15)
    """A session without a call for this long has finished. 15 m: agents pause for tools and people, seldom longer."""

    token_file: Annotated[Path, LocalPath()] | None = None
    """File with a token that is good for handing in calls and for nothing else. Without it ``serve.token_file``
    counts, and whoever sends us calls could approve changes as well."""
