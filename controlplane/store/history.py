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
    tick = _tick(connection, role)
    span = max(until - since, timedelta(0))
    oldest = connection.scalar(select(func.min(role_points.c.at)).where(role_points.c.role == role))
    ticks_reach = oldest is not None and oldest <= micros(since + FINE)
    points = max(points, 1)
    if span / tick <= points * 1.1 and (ticks_reach or not _any_rollup(connection, role, since)):
        step, found = tick, _ticks(connection, packing, role, micros(since), micros(until))
    else:
        step = FINE if span / FINE <= points * 1.1 else COARSE
        found = _rolled(connection, packing, role, step=step, since=micros(since), until=micros(until))
        factor = -(-(span // step) // points) if step == COARSE else 1
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


def _any_rollup(connection: Connection, role: RoleName, since: datetime) -> bool:
    c = rollups.c
    chosen = select(c.at).where(c.role == role, c.span == FINE.seconds, c.at >= micros(since)).limit(1)
    return connection.execute(chosen).first() is not None


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
