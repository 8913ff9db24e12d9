"""The past of one role as the ledger kept it, for charts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleHistory:
    """Readings of a role over a stretch of time. A gap is ``None``; a column as long as ``at``."""

    role: RoleName
    step: timedelta
    """Width of one point: a tick, or a rollup of several (the mean of the known values)."""
    at: tuple[datetime, ...]
    columns: Mapping[Reading, tuple[float | None, ...]]
