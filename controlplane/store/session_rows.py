"""Sessions as rows of the ledger and back; and as people and the walk ask for them.

What is read to be shown comes without the spans of its calls: a wide session has 16 kB of them.
"""

import sys
from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select, tuple_

from controlplane.model.keys import RoleName
from controlplane.model.session import Order, RoleSessions, Session, SessionKey, SessionQuery, Toll
from controlplane.observe.fanout import Spans
from controlplane.observe.sessions import fewer
from controlplane.store import tables
from controlplane.store.archive import MOST
from controlplane.store.codec import Codec, instant, micros

SESSION = Codec(Session)

DEAREST = 5
"""Sessions of a role that are shown to the walk, besides the widest."""

AGENTS_SEEN = 8
"""Agents of each: the walk's tick is kept, and 64 names in each of six sessions of each role would be most of it."""


def row_of(session: Session) -> dict[str, Any]:
    """The row of a session."""
    return {
        "tenant": session.key.tenant,
        "id": session.key.id,
        "role": session.role or "",
        "last": micros(session.last),
        "ended": None if session.ended is None else micros(session.ended),
        "over": None if session.over is None else micros(session.over),
        "calls": session.calls,
        "weighted": session.weighted,
        "dollars": session.dollars,
        "fanout": session.fanout,
        "lately": session.lately,
        "body": SESSION.text(replace(session, spans=())),
        "spans": _packed(session.spans),
    }


def session_of(row: Row[Any]) -> Session:
    """The session of a whole row."""
    return replace(SESSION.value(row.body), spans=_unpacked(row.spans))


def sessions(connection: Connection, asked: SessionQuery) -> tuple[Session, ...]:
    """Sessions in an order, the most first."""
    s = tables.sessions.c
    chosen = select(s.body).limit(min(asked.limit, MOST))
    if asked.role is not None:
        chosen = chosen.where(s.role == asked.role)
    if asked.tenant is not None:
        chosen = chosen.where(s.tenant == asked.tenant)
    if asked.active is not None:
        chosen = chosen.where(s.ended.is_(None) if asked.active else s.ended.is_not(None))
    if asked.over is not None:
        chosen = chosen.where(s.over.is_not(None) if asked.over else s.over.is_(None))
    if asked.since is not None:
        chosen = chosen.where(s.last >= micros(asked.since))
    return tuple(SESSION.value(body) for body in connection.scalars(_ordered(chosen, asked.order)))


def session(connection: Connection, key: SessionKey) -> Session | None:
    """One session."""
    s = tables.sessions.c
    body = connection.scalar(select(s.body).where(s.tenant == key.tenant, s.id == key.id))
    return None if body is None else SESSION.value(body)


def tolls(connection: Connection, role: RoleName | None, limit: int) -> tuple[Toll, ...]:
    """What those that finished last without being over took."""
    s = tables.sessions.c
    chosen = select(s.weighted, s.calls).where(s.role == (role or ""), s.ended.is_not(None), s.over.is_(None))
    rows = connection.execute(chosen.order_by(s.ended.desc(), s.tenant, s.id).limit(limit))
    return tuple(Toll(row.weighted, row.calls) for row in rows)


def spent(connection: Connection, role: RoleName | None, since: datetime, limit: int) -> tuple[float, ...]:
    """Weighted tokens of those that finished since, newest first."""
    s = tables.sessions.c
    chosen = select(s.weighted).where(s.role == (role or ""), s.ended >= micros(since))
    return tuple(connection.scalars(chosen.order_by(s.ended.desc(), s.tenant, s.id).limit(limit)))


def busy_roles(connection: Connection) -> Mapping[RoleName | None, RoleSessions]:
    """The active sessions of each role that has any: how many, the widest, the dearest."""
    s = tables.sessions.c
    ranked = (
        select(
            s.tenant,
            s.id,
            s.role,
            func.count().over(partition_by=s.role).label("active"),
            func.row_number()
            .over(partition_by=s.role, order_by=(s.over.is_(None), s.weighted.desc(), s.tenant, s.id))
            .label("dear"),
            func.row_number()
            .over(partition_by=s.role, order_by=(s.lately.desc(), s.last.desc(), s.tenant, s.id))
            .label("wide"),
        )
        .where(s.ended.is_(None))
        .subquery()
    )
    r = ranked.c
    rows = connection.execute(select(ranked).where(or_(r.dear <= DEAREST, r.wide == 1)).order_by(r.role, r.dear)).all()
    keys = [(row.tenant, row.id) for row in rows]
    bodies = connection.scalars(select(s.body).where(tuple_(s.tenant, s.id).in_(keys)))
    found = {(one.key.tenant, one.key.id): one for one in map(_seen, bodies)}
    by_role: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_role[row.role].append(row)
    return {
        RoleName(role) or None: RoleSessions(
            active=mine[0].active,
            fanout_max=(widest := next(found[row.tenant, row.id] for row in mine if row.wide == 1)).lately,
            widest=widest,
            dearest=tuple(found[row.tenant, row.id] for row in mine if row.dear <= DEAREST),
        )
        for role, mine in by_role.items()
    }


def _seen(body: str) -> Session:
    session = SESSION.value(body)
    return replace(session, agents=fewer(session.agents, AGENTS_SEEN))


def _ordered(chosen: Select[Any], order: Order) -> Select[Any]:
    s = tables.sessions.c
    by = {
        Order.SPEND: (s.dollars.is_(None), s.dollars.desc(), s.weighted.desc()),
        Order.TOKENS: (s.weighted.desc(),),
        Order.CALLS: (s.calls.desc(),),
        Order.FANOUT: (s.fanout.desc(), s.weighted.desc()),
        Order.RECENT: (s.last.desc(),),
    }
    return chosen.order_by(*by[order], s.tenant, s.id)


def _packed(spans: Spans) -> bytes:
    words = array("q", [micros(at) for span in spans for at in span])
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def _unpacked(stored: bytes) -> Spans:
    words = array("q", stored)
    if sys.byteorder == "big":
        words.byteswap()
    instants = [instant(word) for word in words]
    return tuple(zip(instants[::2], instants[1::2], strict=True))
