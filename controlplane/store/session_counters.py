"""Counters and gauges of sessions for a page that must stay small whoever calls: at most 500 tenants are told apart."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, select

from controlplane.model.keys import RoleName
from controlplane.model.session import ActiveSessions, Counted, SessionNumbers
from controlplane.observe.sessions import REST
from controlplane.promql.exported import SESSION_BUDGET_EXCEEDED, SESSION_FANOUT, SESSIONS
from controlplane.store import tables
from controlplane.store.records import add_up

MOST_TENANTS = 500
"""Tenants with series of their own; later ones share those of ``…``. One has about 35 series per role."""

ORDER = {series: place for place, series in enumerate(name for metric in SESSIONS for name in metric.series)}


def add(connection: Connection, grown: Iterable[Counted]) -> None:
    """Let counters grow; one that is not there yet begins."""
    tenants = _tenants(connection)
    sums: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    for counted in grown:
        tenant, *labels = counted.labels
        if len(tenants) < MOST_TENANTS:
            tenants.add(tenant)
        sums[tenant if tenant in tenants else REST, counted.name, _text(labels)] += counted.value
    rows = [{"tenant": t, "name": n, "labels": labels, "value": v} for (t, n, labels), v in sorted(sums.items())]
    if rows:
        connection.execute(add_up(connection, tables.session_counters, key=["tenant", "name", "labels"]), rows)


def numbers(connection: Connection) -> SessionNumbers:
    """Gauges and counters, as a transaction sees them."""
    return SessionNumbers(active=active(connection), counted=_counted(connection))


def _counted(connection: Connection) -> tuple[Counted, ...]:
    """Every counter, in the order of the page: the steps of a histogram from the least to the most."""
    c = tables.session_counters.c
    rows = connection.execute(select(c.tenant, c.name, c.labels, c.value))
    return tuple(
        sorted((Counted(row.name, (row.tenant, *json.loads(row.labels)), row.value) for row in rows), key=_place)
    )


def active(connection: Connection) -> tuple[ActiveSessions, ...]:
    """Active sessions by tenant and role; 0 for those whose sessions have all ended."""
    s, c = tables.sessions.c, tables.session_counters.c
    tenants = _tenants(connection)
    met = connection.execute(select(c.tenant, c.labels).where(c.name == SESSION_FANOUT.series[1]))
    found = {(row.tenant, json.loads(row.labels)[0]): (0, 0) for row in met}
    running = connection.execute(
        select(s.tenant, s.role, func.count().label("sessions"), func.max(s.lately).label("lately"))
        .where(s.ended.is_(None))
        .group_by(s.tenant, s.role)
    )
    for row in running:
        key = (row.tenant if row.tenant in tenants else REST, row.role)
        sessions, widest = found.get(key, (0, 0))
        found[key] = (sessions + row.sessions, max(widest, row.lately))
    return tuple(
        ActiveSessions(tenant=tenant, role=RoleName(role) or None, sessions=sessions, fanout_max=widest)
        for (tenant, role), (sessions, widest) in sorted(found.items())
    )


def _tenants(connection: Connection) -> set[str]:
    """Tenants that are told apart."""
    c = tables.session_counters.c
    every = select(c.tenant).where(c.name == SESSION_BUDGET_EXCEEDED.name, c.tenant != REST)
    return set(connection.scalars(every))


def _text(labels: Sequence[str]) -> str:
    return json.dumps(labels, ensure_ascii=False, separators=(",", ":"))


def _place(counted: Counted) -> tuple[int, tuple[str, ...], float]:
    if counted.name.endswith("_bucket"):
        return ORDER[counted.name], counted.labels[:-1], float(counted.labels[-1])
    return ORDER[counted.name], counted.labels, 0.0
