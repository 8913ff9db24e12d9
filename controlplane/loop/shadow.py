"""The shadow record of a role: what would have been done lately, with what really happened."""

from datetime import datetime

from controlplane.decide.guardrails.learning import Learning
from controlplane.loop.ports import Archive
from controlplane.model.keys import RoleName
from controlplane.model.shadow import Shadow
from controlplane.verify.shadow import judge

SPAN = Learning().span
"""As long as a role is watched, unless fleet.yaml says otherwise, before it is changed without asking."""


def shadow_of(archive: Archive, role: RoleName, now: datetime) -> Shadow:
    """Asked for when somebody looks; never by a tick."""
    return judge(archive.witness(role, now - SPAN, now), now)
