"""Who called, in LiteLLM's own words: its ``metadata``, whether it came by callback or as a span's attributes.

LiteLLM keeps what a caller says of itself apart (``requester_metadata``) from what its key proves
(``user_api_key_…``): tenants are taken from the key, sessions and agents from the caller.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from controlplane.collect.told import NotACallError, identity, name, part
from controlplane.model.session import NOBODY

HEALTH_CHECK = "litellm-internal-health-check"
"""Team and key of the calls that LiteLLM makes itself when an admin asks for ``/health``."""
SESSION_HEADER = "x-litellm-session-id"
_NAMED_AGENT = re.compile(r"\S+/\S+ \(([A-Za-z][\w.-]{0,99})\)")
"""``agentkit/0.4 (reviewer)``; what a browser or an SDK writes in parentheses is several words."""


def refuse_health_check(metadata: Mapping[str, Any]) -> None:
    """An admin's ``GET /health`` makes calls that belong to no session."""
    if HEALTH_CHECK in (metadata.get("user_api_key_team_id"), metadata.get("user_api_key_alias")):
        raise NotACallError("a health check of the router")


def tenant(metadata: Mapping[str, Any]) -> str:
    """The team of the key, or the key."""
    keys = ("user_api_key_team_alias", "user_api_key_team_id", "user_api_key_alias")
    return name(*(metadata.get(key) for key in keys)) or NOBODY


def session(metadata: Mapping[str, Any], known: object = None) -> str:
    """The session id the caller gave; empty where it gave none. ``known`` is what LiteLLM made of it.

    The header goes first: next to a trace header LiteLLM drops it, and writes the trace's id wherever a session's
    belongs.
    """
    header = part(metadata, "requester_custom_headers").get(SESSION_HEADER)
    return identity(header, known, part(metadata, "requester_metadata").get("session_id"))


def agent(metadata: Mapping[str, Any], tags: object = None, user_agent: object = None) -> str:
    """Which agent called: by its metadata, by a tag ``agent:x``, or by its user agent."""
    asked = part(metadata, "requester_metadata")
    said = (asked.get(key) for key in ("agent_name", "agent", "agent_id"))
    return name(*said, *_tagged(tags, "agent"), *_tagged(asked.get("tags"), "agent"), _in_parentheses(user_agent))


def parent(metadata: Mapping[str, Any], tags: object = None) -> str:
    """The agent that started that one."""
    asked = part(metadata, "requester_metadata")
    said = (asked.get(key) for key in ("parent_agent", "parent_agent_name", "parent_agent_id"))
    return name(*said, *_tagged(tags, "parent"), *_tagged(asked.get("tags"), "parent"))


def _tagged(tags: object, key: str) -> Iterable[str]:
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, str) and tag.startswith(f"{key}:"):
            yield tag.removeprefix(f"{key}:")


def _in_parentheses(user_agent: object) -> str:
    found = _NAMED_AGENT.fullmatch(user_agent[:300]) if isinstance(user_agent, str) else None
    return found[1] if found else ""
