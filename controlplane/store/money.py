"""Money in the ledger: each tick adds its interval, at its own prices, to the row of the hour.

What was added stays: a new price changes nothing that is past. An interval longer than ticks may be apart is cut:
nobody looked then, so its money is unknown rather than zero, and shows as seconds that are not accounted for.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from controlplane.model.cycle import Cycle
from controlplane.model.keys import RoleName
from controlplane.model.money import Bucket, Money, RoleMoney, TokenKind
from controlplane.model.series import GAP_FACTOR
from controlplane.store import tables
from controlplane.store.codec import MICROSECOND, instant, micros
from controlplane.store.records import add_up

HOUR = timedelta(hours=1) // MICROSECOND
SECOND = 1e6


def charge(connection: Connection, cycle: Cycle) -> None:
    """Add the time since the tick before at this tick's rates. Call it before the tick itself is written."""
    steps = {view.step for view in cycle.fleet.roles.values()}
    at = micros(cycle.at)
    before = connection.scalar(select(func.max(tables.cycles.c.at)))
    if before is None or before >= at or not steps:  # the first tick ever, or a clock that went back
        return
    begin = max(before, at - round(max(steps) / MICROSECOND * GAP_FACTOR))
    money, tokens = [], []
    for hour, seconds in _by_hour(begin, at):
        money += [
            {
                "hour": hour,
                "role": c.role or "",
                "bucket": c.bucket,
                "dollars": c.dollars_per_hour * seconds / 3600,
                "seconds": seconds,
            }
            for c in cycle.fleet.bill.charges
        ]
        tokens += [
            {"hour": hour, "role": d.role, "kind": d.kind, "tokens": d.tokens_per_second * seconds, "seconds": seconds}
            for d in cycle.fleet.bill.deliveries
        ]
    for table, kind, rows in ((tables.money, "bucket", money), (tables.tokens, "kind", tokens)):
        if rows:
            connection.execute(add_up(connection, table, key=["hour", "role", kind]), rows)


def money(connection: Connection, since: datetime, until: datetime) -> Money:
    """What the whole hours that touch ``since`` to ``until`` cost, by role; one that cost nothing known is absent."""
    first, last = _floor(micros(since)), _floor(micros(until) + HOUR - 1)
    newest = connection.scalar(select(func.max(tables.cycles.c.at)).where(tables.cycles.c.at >= first))
    dollars: defaultdict[str, dict[Bucket, float]] = defaultdict(dict)
    seconds: defaultdict[str, float] = defaultdict(float)
    m, t = tables.money.c, tables.tokens.c
    for row in connection.execute(
        select(m.role, m.bucket, func.sum(m.dollars).label("dollars"), func.sum(m.seconds).label("seconds"))
        .where(m.hour >= first, m.hour < last)
        .group_by(m.role, m.bucket)
        .order_by(m.role, m.bucket)
    ):
        dollars[row.role][Bucket(row.bucket)] = row.dollars
        seconds[row.role] = max(seconds[row.role], row.seconds)
    delivered: defaultdict[str, dict[TokenKind, float]] = defaultdict(dict)
    for sent in connection.execute(
        select(t.role, t.kind, func.sum(t.tokens).label("tokens"))
        .where(t.hour >= first, t.hour < last)
        .group_by(t.role, t.kind)
        .order_by(t.role, t.kind)
    ):
        delivered[sent.role][TokenKind(sent.kind)] = sent.tokens
    return Money(
        since=instant(first),
        until=instant(min(last, max(first, newest)) if newest is not None else first),
        roles=tuple(
            RoleMoney(role=RoleName(role) or None, seconds=seconds[role], dollars=dollars[role], tokens=delivered[role])
            for role in sorted({*dollars, *delivered})
        ),
    )


def _by_hour(begin: int, end: int) -> Iterator[tuple[int, float]]:
    """The hours an interval touches, each with its seconds."""
    while begin < end:
        upto = min(end, _floor(begin) + HOUR)
        yield _floor(begin), (upto - begin) / SECOND
        begin = upto


def _floor(at: int) -> int:
    return at - at % HOUR
