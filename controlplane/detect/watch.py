"""When something has gone on long enough to say so, and when it is over for sure.

Three rules all detectors share. Nothing is said from half a window: at least :data:`COMPLETE` of its ticks
must be known, and the newest one. Not a number is not known. And what was said is taken back only when it
is *known* to be over, below a separate limit, for a settling time.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite

from controlplane.model.finding import Evidence
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView
from controlplane.model.series import GAP_FACTOR

COMPLETE = 0.9
"""Share of a window's ticks that must be known before anything is concluded from it."""

QUORUM = 0.6
"""Share of the replicas that must have answered before trouble is concluded from them."""

APART = 0.1
"""Least distance between the limit at which a finding opens and the one at which it closes, as a share."""

Number = float | None


class Ending(StrEnum):
    """What can be said about the end of an open finding."""

    HOLDS = "still holds"
    UNKNOWN = "data unknown"
    SETTLING = "just went away"
    OVER = "over"


def above(value: Number, limit: float) -> bool:
    """Whether ``value`` is known and over ``limit``."""
    return value is not None and value > limit


def below(value: Number, limit: float) -> bool:
    """Whether ``value`` is known and under ``limit``."""
    return value is not None and value < limit


def sustained(
    role: RoleView,
    span: timedelta,
    holds: Callable[..., bool],
    *needs: Reading,
    also: Sequence[Reading] = (),
) -> datetime | None:
    """Since when ``holds(*needs, *also)`` is true, when that is at least ``span`` long; else ``None``.

    A tick at which one of ``needs`` is unknown counts for nothing; readings in ``also`` may be unknown and
    are passed as ``None``. A known tick that does not hold, or a hole of more than two ticks, is the beginning.
    """
    required = [role.series(reading).values for reading in needs]
    optional = [role.series(reading).values for reading in also]
    ticks, newest, longest = role.ticks, role.at, role.step * GAP_FACTOR
    since: datetime | None = None
    known, complete = 0, False
    for i in range(len(ticks) - 1, -1, -1):
        at = ticks[i]
        if (since or newest) - at > longest:
            break
        row: list[Number] = []
        for column in required:
            value = column[i]
            if value is None or not isfinite(value):
                break
            row.append(value)
        if len(row) < len(required):
            if since is None:
                return None
            continue
        row += [_finite(column[i]) for column in optional]
        if not holds(*row):
            break
        since, known = at, known + 1
        if not complete and newest - at >= span:
            if known < COMPLETE * (round((newest - at) / role.step) + 1):
                return None
            complete = True
    return since if complete else None


def ending(
    role: RoleView,
    settle: timedelta,
    over: Callable[..., bool],
    *needs: Reading,
    also: Sequence[Reading] = (),
) -> Ending:
    """Whether an open finding is over: ``over(*needs, *also)`` known to be true for ``settle``."""
    row = [_finite(role.now(reading)) for reading in needs]
    if None in row:
        return Ending.UNKNOWN
    if not over(*row, *[_finite(role.now(reading)) for reading in also]):
        return Ending.HOLDS
    return Ending.SETTLING if sustained(role, settle, over, *needs, also=also) is None else Ending.OVER


def answered(role: RoleView, share: float) -> bool:
    """Whether at least ``share`` of the replicas answered at this tick, as far as anybody counts them."""
    coverage = role.now(Reading.COVERAGE)
    return coverage is None or coverage >= share


def unasked(role: RoleView, settle: timedelta) -> bool:
    """Whether it is known that nobody has asked this role for anything for ``settle``."""
    return (
        sustained(
            role,
            settle,
            lambda running, waiting, requests: running == 0 and waiting == 0 and not above(requests, 0),
            Reading.RUNNING,
            Reading.WAITING,
            also=(Reading.REQUESTS,),
        )
        is not None
    )


def evidence(
    role: RoleView,
    reading: Reading,
    question: str,
    *,
    limit: float | None = None,
    comparison: str = "",
    since: datetime | None = None,
) -> Evidence:
    """This tick's value of one reading, with the query that gives the same number."""
    return Evidence(
        question=question,
        reading=reading,
        value=_finite(role.now(reading)),
        unit=reading.unit,
        limit=limit,
        comparison=comparison,
        since=since,
        query=role.sources.get(reading, ""),
    )


def require_apart(opens_at: float, closes_at: float) -> None:
    """Refuse settings that would let a finding flap.

    Raises:
        ValueError: the two limits are less than :data:`APART` apart.
    """
    if abs(opens_at - closes_at) < APART * abs(opens_at) - 1e-9:
        raise ValueError(f"a finding that opens at {opens_at:g} must close at least 10 % away, not at {closes_at:g}")


def _finite(value: Number) -> Number:
    return value if value is not None and isfinite(value) else None
