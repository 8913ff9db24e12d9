"""What is kept for how long: every tick for days, means for months, and a disk that does not fill up."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Column, Connection, Table, delete, func, select, tuple_

from controlplane.observe.sessions import REST
from controlplane.store import tables
from controlplane.store.codec import MICROSECOND, instant, micros
from controlplane.store.history import COARSE, FINE, one_each
from controlplane.store.outbox import WAITING
from controlplane.store.packing import Means, Packing, mean_of
from controlplane.store.records import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long the ledger keeps what."""

    ticks: timedelta = timedelta(days=2)
    """Every tick of every role: about 300 bytes each, 3.5 MB a day for a role at 15 s."""

    fine: timedelta = timedelta(days=35)
    """Five-minute means: a month to compare with; never longer than ``rollups``."""

    rollups: timedelta = timedelta(days=400)
    """Hourly means and money, findings, decisions, changes and their outcomes: a year and the month before it."""

    cycles: timedelta = timedelta(days=30)
    """What decisions were made from, so that they can be replayed: the largest rows."""

    inputs_bytes: int = 2 * 2**30
    """The same, in bytes: a fleet of 200 roles writes megabytes with each new decision, and a disk has an end."""

    notes: timedelta = timedelta(days=7)
    """Notes that were told or dropped; their keys must outlive any retry."""

    sessions: timedelta = timedelta(days=14)
    """Sessions that finished, by their newest call: two weeks to compare with. About 1 kB each."""

    most_sessions: int = 200_000
    """The same, in number: whoever makes up session ids must not fill the disk."""

    calls: timedelta = timedelta(days=1)
    """Which calls were told: a delivery is tried again for hours at most."""

    most_calls: int = 2_000_000
    """The same, in number: about 60 MB."""


class Writes(Protocol):
    """What a job needs of the database: many small transactions, so that no tick waits for it."""

    def write(self) -> AbstractContextManager[Connection]:
        """One transaction."""
        ...


BATCH = 2000
"""Rows deleted in one transaction: a few milliseconds."""


def rollup(database: Writes, packing: Packing, now: datetime) -> int:
    """Means over every stretch that has ended and is not rolled up yet; returns how many rows were written."""
    return _roll(database, packing, now, FINE) + _roll(database, packing, now, COARSE)


def _roll(database: Writes, packing: Packing, now: datetime, step: timedelta) -> int:
    width, written = step // MICROSECOND, 0
    end = micros(now) - micros(now) % width
    source = tables.role_points if step == FINE else tables.rollups
    while True:
        with database.write() as connection:
            name = f"rollup {step.seconds}"
            done = connection.scalar(select(tables.marks.c.at).where(tables.marks.c.name == name)) or 0
            first = connection.scalar(_from(source, step, done).with_only_columns(func.min(source.c.at)))
            if first is None or (start := first - first % width) >= end:
                return written
            rows = connection.execute(
                _from(source, step, start).where(source.c.at < start + width).order_by(source.c.role, source.c.at)
            )
            parts: defaultdict[str, list[Means]] = defaultdict(list)
            for row in rows:
                parts[row.role].append(
                    one_each(packing.unpack(row.body)) if step == FINE else packing.unpack_means(row.body)
                )
            new = [
                {"role": role, "span": step.seconds, "at": start, "body": packing.pack_means(mean_of(means))}
                for role, means in parts.items()
            ]
            connection.execute(upsert(connection, tables.rollups, key=["role", "span", "at"]), new)
            connection.execute(upsert(connection, tables.marks, key=["name"]).values(name=name, at=start + width))
            written += len(new)


def _from(source: Table, step: timedelta, start: int) -> Any:
    chosen = select(source).where(source.c.at >= start)
    return chosen if step == FINE else chosen.where(source.c.span == FINE.seconds)


def prune(database: Writes, keep: Retention, now: datetime) -> int:
    """Delete what is past its time, in small bites; returns how many rows went."""
    gone = 0
    for table, clause in _past(database, keep, now):
        key = tuple_(*table.primary_key.columns)
        while True:
            with database.write() as connection:
                old = select(*table.primary_key.columns).where(clause).limit(BATCH)
                found = connection.execute(old).all()
                if found:
                    connection.execute(delete(table).where(key.in_([tuple(row) for row in found])))
            gone += len(found)
            if len(found) < BATCH:
                break
    return gone


def _past(database: Writes, keep: Retention, now: datetime) -> Iterator[tuple[Table, Any]]:
    """Tables and the rows in them that are past their time; rows that others point at go last."""
    with database.write() as connection:
        marks = tables.marks.c
        rolled = connection.scalar(select(func.min(marks.at)).where(marks.name.startswith("rollup ")))
    ticks = min(now - keep.ticks, instant(rolled)) if rolled is not None else now - keep.ticks
    points, means = tables.role_points.c, tables.rollups.c
    yield tables.role_points, points.at < micros(ticks)
    yield tables.rollups, (means.span == FINE.seconds) & (means.at < micros(now - min(keep.fine, keep.rollups)))
    long_ago = micros(now - keep.rollups)
    yield tables.rollups, means.at < long_ago
    yield tables.money, tables.money.c.hour < long_ago
    yield tables.tokens, tables.tokens.c.hour < long_ago
    yield tables.cycles, tables.cycles.c.at < micros(now - keep.cycles)
    yield tables.inputs, tables.inputs.c.at < max(micros(now - keep.cycles), _too_much(database, keep.inputs_bytes))
    yield tables.policies, tables.policies.c.digest.not_in(select(tables.inputs.c.policy))
    yield tables.outbox, (tables.outbox.c.state != WAITING) & (tables.outbox.c.told < micros(now - keep.notes))
    yield tables.decisions, tables.decisions.c.at < long_ago
    yield tables.outcomes, tables.outcomes.c.at < long_ago
    unjudged = tables.changes.c.id.not_in(select(tables.outcomes.c.change))
    yield tables.changes, (tables.changes.c.at < long_ago) & unjudged
    yield tables.findings, tables.findings.c.closed < long_ago
    yield tables.recommendations, (tables.recommendations.c.seen < long_ago)
    yield from _past_sessions(database, keep, now)


def _past_sessions(database: Writes, keep: Retention, now: datetime) -> Iterator[tuple[Table, Any]]:
    """Sessions that finished long ago, ids of calls, and at last the counters of tenants without a session."""
    sessions, calls = tables.sessions.c, tables.session_calls.c
    old = max(micros(now - keep.sessions), _too_many(database, sessions.last, keep.most_sessions))
    yield tables.sessions, sessions.ended.is_not(None) & (sessions.last < old)
    old = max(micros(now - keep.calls), _too_many(database, calls.at, keep.most_calls))
    yield tables.session_calls, calls.at < old
    tenant = tables.session_counters.c.tenant
    yield tables.session_counters, (tenant != REST) & tenant.not_in(select(sessions.tenant))


def _too_many(database: Writes, instants: Column[int], most: int) -> int:
    """Rows before this instant are more than ``most``, counted from the newest."""
    with database.write() as connection:
        newest = select(instants).order_by(instants.desc()).offset(most).limit(1)
        last = connection.scalar(newest)
    return 0 if last is None else last + 1


def _too_much(database: Writes, most: int) -> int:
    """Inputs before this instant no longer fit into ``most`` bytes, counted from the newest."""
    c, total, begins = tables.inputs.c, 0, 0
    with database.write() as connection:
        for at, size in connection.execute(select(c.at, func.length(c.body)).order_by(c.at.desc())).all():
            total += size
            if total > most:
                break
            begins = at
    return begins if total > most else 0
