"""Rights that the hands lack now, as the ledger tells: the same for a page, the API and every process."""

from datetime import datetime

from controlplane.loop.ports import Archive
from controlplane.verify.rights import REMEMBERED, Lacking, lacking

MOST_CHANGES = 200
"""Changes of the last week that are looked through, newest first."""


def rights_lacking(archive: Archive, now: datetime) -> tuple[Lacking, ...]:
    """Asked for when somebody looks; never by a tick."""
    return lacking(archive.changes(since=now - REMEMBERED, limit=MOST_CHANGES), now)
