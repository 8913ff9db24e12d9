"""The past of a role for a chart: ticks while they fit, then five-minute means, then hours, then more hours at once.

A stretch without rows is a gap and is drawn as one: a point without values is put where the rows stop.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import Connection, func, select

from controlplane.model.history import RoleHistory
from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading
from controlplane.model.series import GAP_FACTOR
from controlplane.store.codec import MICROSECOND, instant, micros
from controlplane.store.packing import Means, Packing, mean_of
from controlplane.store.tables import role_points, rollups

FINE = timedelta(minutes=5)
COARSE = timedelta(hours=1)
TICK = timedelta(seconds=15)
"""Taken for the distance of ticks while fewer than two are stored."""

Points = dict[int, Means]
"""Means by the start of their stretch, in microseconds."""


def history(
    connection: Connection,
    packing: Packing,
    *,
    role: RoleName,
    readings: Sequence[Reading],
    since: datetime,
    until: datetime,
    points: int,
) -> RoleHistory:
    """Readings of a role from ``since`` to ``until``, at the finest kept resolution of about ``points`` points."""
    step = _resolution(connection, role, since, until, max(points, 1))
    start, end = micros(since), micros(until)
    if step < FINE:
        return _columns(role, step, _ticks(connection, packing, role, start, end), readings)
    found = _rolled(connection, packing, role, step=step, since=start, until=end)
    factor = -(-(max(end - start, 0) * MICROSECOND // step) // max(points, 1)) if step == COARSE else 1
    if factor > 1:
        step *= factor
        found = regroup(found, step)
    return _columns(role, step, found, readings)


def regroup(points: Mapping[int, Means], step: timedelta) -> Points:
    """Means over stretches of ``step``, from means over shorter ones."""
    width = step // MICROSECOND
    groups: defaultdict[int, list[Means]] = defaultdict(list)
    for at, means in points.items():
        groups[at - at % width].append(means)
    return {at: mean_of(parts) for at, parts in groups.items()}


def _tick(connection: Connection, role: RoleName) -> timedelta:
    """Distance of the newest ticks: the smallest of the last few, so that one missed tick does not widen it."""
    c = role_points.c
    newest = connection.scalars(select(c.at).where(c.role == role).order_by(c.at.desc()).limit(10)).all()
    gaps = [later - earlier for later, earlier in pairwise(newest)]
    return timedelta(microseconds=min(gaps)) if gaps else TICK


def _resolution(connection: Connection, role: RoleName, since: datetime, until: datetime, points: int) -> timedelta:
    """The finest step that needs few enough points and still reaches back as far as a coarser one does."""
    c, width = rollups.c, micros(until) - micros(since)
    oldest = select(func.min(c.at)).where(c.role == role)
    ticks = select(func.min(role_points.c.at)).where(role_points.c.role == role)
    reach = [
        (_tick(connection, role), connection.scalar(ticks)),
        (FINE, connection.scalar(oldest.where(c.span == FINE.seconds))),
        (COARSE, connection.scalar(oldest.where(c.span == COARSE.seconds))),
    ]
    fitting = [r for r in reach if width * MICROSECOND / r[0] <= points * 1.1] or reach[-1:]
    chosen, begins = fitting[0]
    for step, at in fitting[1:]:
        if at is not None and (
            begins is None or max(begins, micros(since)) > max(at, micros(since)) + step // MICROSECOND
        ):
            chosen, begins = step, at
    return chosen


def _ticks(connection: Connection, packing: Packing, role: RoleName, since: int, until: int) -> Points:
    c = role_points.c
    chosen = select(c.at, c.body).where(c.role == role, c.at >= since, c.at <= until).order_by(c.at)
    return {row.at: one_each(packing.unpack(row.body)) for row in connection.execute(chosen)}


def one_each(values: Mapping[Reading, float]) -> Means:
    """A point as a mean of itself."""
    return {reading: (value, 1) for reading, value in values.items()}


def _rolled(
    connection: Connection, packing: Packing, role: RoleName, *, step: timedelta, since: int, until: int
) -> Points:
    """Stored means, and those of the stretches that have not been rolled up yet."""
    c = rollups.c
    width = step // MICROSECOND
    chosen = (
        select(c.at, c.body)
        .where(c.role == role, c.span == step.seconds, c.at >= since - since % width, c.at <= until)
        .order_by(c.at)
    )
    found: Points = {row.at: packing.unpack_means(row.body) for row in connection.execute(chosen)}
    rest = max(found, default=since - since % width - width) + width
    if rest <= until:
        tail: Points = (
            _rolled(connection, packing, role, step=FINE, since=rest, until=until)
            if step > FINE
            else _ticks(connection, packing, role, rest, until)
        )
        found.update(regroup(tail, step))
    return found


def _columns(role: RoleName, step: timedelta, found: Points, readings: Iterable[Reading]) -> RoleHistory:
    longest = step * GAP_FACTOR // MICROSECOND
    ats: list[int] = []
    for at in sorted(found):
        if ats and at - ats[-1] > longest:
            ats.append(ats[-1] + step // MICROSECOND)
        ats.append(at)
    nothing: Means = {}
    columns: dict[Reading, tuple[float | None, ...]] = {}
    for reading in readings:
        values = (found.get(at, nothing).get(reading) for at in ats)
        columns[reading] = tuple(None if v is None else v[0] for v in values)
    return RoleHistory(role=role, step=step, at=tuple(map(instant, ats)), columns=columns)
