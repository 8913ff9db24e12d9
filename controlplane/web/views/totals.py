"""The strip of big numbers above the roles: money, promises, tokens, replicas, sessions. Half a bill is not a bill."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from controlplane.model.cycle import Cycle
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, RoleView
from controlplane.model.session import SOURCE
from controlplane.model.units import text
from controlplane.web import links
from controlplane.web.views import wording
from controlplane.web.views.fleet import tokens_per_second
from controlplane.web.views.quantity import short

WINDOW = timedelta(minutes=30)
"""Over which "objectives met" is counted."""

HOURS_A_MONTH = 730

MOST_OVER = 20
"""Active sessions over their allowance that are counted one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """One big number."""

    label: str
    value: str
    unit: str
    note: str
    how: str
    """How it is put together, for those who ask."""
    known: bool = True
    href: str = ""
    """Where the note leads; empty: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """Sessions that run now."""

    active: int
    over: int
    """Of them, those over their allowance: counted up to :data:`MOST_OVER` and one."""


def totals(cycle: Cycle, sessions: AtWork | None = None) -> tuple[Total, ...]:
    """The numbers of the Fleet page; ``sessions`` are ``None`` where nobody tells of calls."""
    roles = tuple(cycle.fleet.roles.values())
    return (
        _spend(cycle, roles),
        _blended(cycle, roles),
        _promises(roles),
        _idle(cycle),
        _tokens(roles),
        _replicas(roles),
        *((_sessions(cycle, sessions),) if sessions else ()),
    )


def _unknown(label: str, note: str, how: str) -> Total:
    return Total(label=label, value="unknown", unit="", note=note, how=how, known=False)


def _without(roles: Iterable[RoleView], what: str) -> str:
    names = [r.name for r in roles]
    return f"{what} of {', '.join(names[:2])}{' …' if len(names) > 2 else ''} unknown"


def _spend(cycle: Cycle, roles: tuple[RoleView, ...]) -> Total:
    label, how = "Spend now", "sum of the roles' $/h: GPUs held, ready or starting, times their price"
    spend, budget = cycle.fleet.dollars_per_hour, cycle.fleet.budget_dollars_per_hour
    if spend is None:
        return _unknown(label, _without((r for r in roles if r.now(Reading.DOLLARS_PER_HOUR) is None), "spend"), how)
    note = "no budget set" if not budget else f"budget ${budget:,.2f} · {spend / budget * 100:.0f} %"
    return Total(label=label, value=f"${spend:,.2f}", unit="/h", note=note, how=how)


def _blended(cycle: Cycle, roles: tuple[RoleView, ...]) -> Total:
    label, how = "Blended cost", "spend divided by prompt and output tokens of all roles, 1 min rates"
    spend = cycle.fleet.dollars_per_hour
    blind = [r for r in roles if tokens_per_second(r) is None]
    if spend is None or blind:
        return _unknown(label, _without(blind, "tokens") if blind else "spend unknown", how)
    tokens = sum(tokens_per_second(r) or 0.0 for r in roles)
    if tokens <= 0:
        return _unknown(label, "no tokens flow", how)
    by_role = [(r, r.now(Reading.DOLLARS_PER_MTOK)) for r in roles]
    dearest = max(((c, r.name) for r, c in by_role if c is not None), default=None)
    note = f"dearest: {dearest[1]} ${dearest[0]:,.2f}" if dearest else ""
    return Total(label=label, value=f"${spend / (tokens * 3600 / 1e6):,.2f}", unit="per M tokens", note=note, how=how)


def _promises(roles: tuple[RoleView, ...]) -> Total:
    label = "Objectives met, 30 min"
    how = "share of ticks at which every known latency was within its role's objective; unknown ticks do not count"
    met = known = promised = 0
    breaches: list[tuple[float, str]] = []
    for role in roles:
        held = {
            Reading.TTFT_P95: role.spec.slo.ttft_p95,
            Reading.ITL_P95: role.spec.slo.itl_p95,
            Reading.E2E_P95: role.spec.slo.e2e_p95,
        }
        pairs = [(r, limit) for r, limit in held.items() if limit is not None]
        promised += bool(pairs)
        for r, limit in pairs:
            value = role.now(r)
            if value is not None and value > limit:
                said = f"{role.name} {r.about.words} {text(value, r.unit)} against {text(limit, r.unit)}"
                breaches.append((value / limit, said))
        columns = [(role.series(r).last(WINDOW).values, limit) for r, limit in pairs]
        for i in range(len(columns[0][0]) if columns else 0):
            seen = [(v, limit) for values, limit in columns if (v := values[i]) is not None]
            known += bool(seen)
            met += bool(seen) and all(v <= limit for v, limit in seen)
    if not known:
        return _unknown(label, "no latency is known" if promised else "no role has an objective", how)
    note = max(breaches)[1] if breaches else f"{promised} {'role is' if promised == 1 else 'roles are'} within now"
    share = met / known * 100
    return Total(label=label, value=f"{share:.2f}" if share < 100 else "100", unit="%", note=note, how=how)


def _idle(cycle: Cycle) -> Total:
    label, how = "Idle money", "what the findings of low utilisation would save, together"
    found = [f for f in cycle.findings if f.detector in wording.IDLE]
    if any(f.dollars_per_hour is None for f in found):
        return _unknown(label, f"{len(found)} idle, price unknown", how)
    idle, spend = sum(f.dollars_per_hour or 0.0 for f in found), cycle.fleet.dollars_per_hour
    note = "nothing idles" if not found else f"${idle * HOURS_A_MONTH:,.0f} a month"
    if found and spend:
        note = f"{idle / spend * 100:.1f} % of spend · {note}"
    return Total(label=label, value=f"${idle:,.2f}", unit="/h", note=note, how=how)


def _tokens(roles: tuple[RoleView, ...]) -> Total:
    label, how = "Tokens", "prompt (cached ones included) and output tokens of all roles, 1 min rates"
    by_role = [(r, tokens_per_second(r)) for r in roles]
    if all(t is None for _, t in by_role):
        return _unknown(label, "no role's tokens are known", how)
    prompt = sum(r.now(Reading.PROMPT_TOKENS) or 0.0 for r in roles)
    cached = [r.now(Reading.CACHED_TOKENS) for r in roles]
    note = f"{sum(c or 0.0 for c in cached) / prompt * 100:.0f} % from the prefix cache" if prompt > 0 else ""
    if all(c is None for c in cached):
        note = "cached share unknown"
    blind = [r for r, t in by_role if t is None]
    if blind:
        note = _without(blind, "those")
    return Total(label=label, value=short(sum(t or 0.0 for _, t in by_role)), unit="/s", note=note, how=how)


def _replicas(roles: tuple[RoleView, ...]) -> Total:
    label, how = "Replicas ready", "sum over the roles; starting ones are not in it"
    blind = [r for r in roles if r.now(Reading.REPLICAS_READY) is None]
    if blind:
        return _unknown(label, _without(blind, "replicas"), how)
    ready = sum(r.now(Reading.REPLICAS_READY) or 0.0 for r in roles)
    starting = sum(r.now(Reading.REPLICAS_PENDING) or 0.0 for r in roles)
    lost = sum(x.state is ReplicaState.LOST for r in roles for x in r.replicas)
    most = sum(r.in_force.max for r in roles)
    note = " · ".join([*([f"{starting:g} starting"] if starting else []), *([f"{lost} not answering"] if lost else [])])
    return Total(label=label, value=f"{ready:g}", unit=f"of {most}", note=note or "none starting", how=how)


def _sessions(cycle: Cycle, sessions: AtWork) -> Total:
    label, how = "Sessions", "sessions that made a call within sessions.idle_after, as far as calls have been told"
    source = next((s for s in cycle.fleet.sources if s.name == SOURCE), None)
    if source is not None and not source.ok:
        return _unknown(label, source.detail or "no call was told", how)
    over = f"more than {MOST_OVER}" if sessions.over > MOST_OVER else f"{sessions.over}"
    note = (
        f"{over} over {'its' if sessions.over == 1 else 'their'} allowance"
        if sessions.over
        else "none over its allowance"
    )
    href = links.sessions(state="over") if sessions.over else links.sessions(state="active")
    return Total(label=label, value=f"{sessions.active:,}", unit="active", note=note, how=how, href=href)
