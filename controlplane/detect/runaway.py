"""A session runs away: it takes many times what sessions take, or has more calls in flight than any plan needs.

More replicas would feed it: it takes what it gets. What helps is to stop it, or to cap it in the router. What is usual
is learned of sessions that finished (:mod:`controlplane.estimate.sessions`); the book of sessions judges the spending.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from controlplane.detect.watch import Ending, require_apart
from controlplane.estimate.sessions import LEAST
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Evidence, Finding, Severity
from controlplane.model.keys import RoleName
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.session import RoleSessions, Session, Usual
from controlplane.model.units import Unit
from controlplane.promql.exported import SESSION_FANOUT_MAX

RUNAWAY = "runaway"
"""Detectors of runaway agents have ids that begin so: replicas for a runaway are money thrown after it."""

ADVICE = "stop it or cap it in the router: more replicas only feed it"

NAME = 40
"""Characters of a session's or an agent's name that are said: enough to find it on its page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunawaySession:
    """Raised when an active session is over its allowance, or has more than ``fanout`` calls in flight.

    What a session may take is ``sessions.runaway_factor`` times the usual, and ``sessions.budget_dollars``. The finding
    is at the role where the session began; ``sessions`` in fleet.yaml says who tells of calls. Its alert compares with
    the same ``fanout``, and goes when this is switched off.
    """

    id: ClassVar[str] = "runaway-session"
    needs: ClassVar[tuple[Reading, ...]] = ()

    fanout: float = 50.0
    """Calls of one session in flight at once that are still a plan: fan-outs seen in practice stay under 20."""

    leave: float = 0.8
    """A fan-out is over below this share of ``fanout``; at most 0.9, or one around the limit would flap."""

    settle: timedelta = timedelta(minutes=5)
    """How long a wide session must be silent to be taken for over: calls are told when they end, and seldom take
    longer. One that spent too much stays found until it has finished (``sessions.idle_after``)."""

    def __post_init__(self) -> None:
        require_apart(self.fanout, self.fanout * self.leave)

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        wide, over = self._wide(role, self.fanout), _over(role.sessions)
        began = [*(session.last for session in wide), *(session.over for session in over if session.over)]
        return self.describe(role, beliefs, min([role.at, *began])) if began else None

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:  # noqa: ARG002  as seen
        over = _over(role.sessions)
        wide = self._wide(role, self.fanout if over else self.fanout * self.leave)
        usual = role.sessions.usual if role.sessions else None
        worst = (*wide, *over)
        return Finding(
            detector=self.id,
            role=role.name,
            severity=Severity.CRITICAL if wide else Severity.WARNING,
            since=since,
            summary=f"{_said(worst, usual, wide=bool(wide))} ({ADVICE})" if worst else "a session ran away",
            evidence=self._evidence(role, worst[0], usual, since, wide=bool(wide)) if worst else (),
        )

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:  # noqa: ARG002  as seen
        if role.sessions is None:
            return Ending.UNKNOWN
        return Ending.HOLDS if _over(role.sessions) or self._wide(role, self.fanout * self.leave) else Ending.OVER

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:  # noqa: ARG002  no reading of a role is behind it
        return ()

    def _wide(self, role: RoleView, limit: float) -> tuple[Session, ...]:
        """Sessions that are too wide and not silent, the widest first; a fan-out looks back two minutes by itself."""
        if role.sessions is None:
            return ()
        seen = {s.key: s for s in (*role.sessions.dearest, role.sessions.widest) if s is not None}
        wide = [s for s in seen.values() if s.lately > limit and role.at - s.last <= self.settle]
        return tuple(sorted(wide, key=lambda s: (-s.lately, s.key)))

    def _evidence(
        self, role: RoleView, session: Session, usual: Usual | None, since: datetime, *, wide: bool
    ) -> tuple[Evidence, ...]:
        def answer(question: str, value: float | None, unit: Unit = Unit.COUNT) -> Evidence:
            return Evidence(question=question, reading=None, value=value, unit=unit)

        at_once = Evidence(
            question="How many of its calls are in flight at once?",
            reading=None,
            value=session.lately,
            unit=Unit.COUNT,
            limit=self.fanout,
            comparison=">",
            since=since if wide else None,
            query=f'max({SESSION_FANOUT_MAX.name}{{role="{role.name}"}})',
        )
        rests_on = f"median of {usual.sessions}" if usual else f"not known until {LEAST} have finished"
        spent = (
            answer("How much did it take, in weighted tokens?", session.weighted, Unit.TOKENS),
            answer(
                f"What do sessions take that begin here ({rests_on})?", usual.weighted if usual else None, Unit.TOKENS
            ),
            answer("What did it cost?", session.dollars, Unit.DOLLARS),
            answer("How many calls did it make?", session.calls),
            answer("How many of them failed?", session.failed),
            *(
                answer(f"How much of it did {name} take, its busiest agent?", share, Unit.RATIO)
                for name, share in _busiest(session)
            ),
        )
        return (at_once, *spent) if wide else (*spent, at_once)


def feeding(roles: Mapping[RoleName, RoleView], findings: Iterable[Finding]) -> Mapping[RoleName, Finding]:
    """Roles whose tokens a runaway session takes, where it began and wherever it calls; and what was found."""
    fed: dict[RoleName, Finding] = {}
    for finding in findings:
        if not finding.detector.startswith(RUNAWAY):
            continue
        began = roles.get(finding.role)
        seen = began.sessions if began else None
        widest = (seen.widest,) if seen and seen.widest and finding.severity is Severity.CRITICAL else ()
        used = [use.role for session in (*widest, *_over(seen)) for use in session.uses if use.role is not None]
        for role in (finding.role, *used):
            fed.setdefault(role, finding)
    return fed


def _over(sessions: RoleSessions | None) -> tuple[Session, ...]:
    """Those that took more than they were allowed, of those that took most."""
    return tuple(session for session in sessions.dearest if session.over is not None) if sessions else ()


def _said(worst: Sequence[Session], usual: Usual | None, *, wide: bool) -> str:
    """The worst session in a sentence; how many others there are."""
    first, others = worst[0], len({session.key for session in worst}) - 1
    said = [f"has {first.lately} calls in flight at once"] * wide
    if first.over is not None:
        said.append(_spending(first, usual))
    more = f"; {others} more {'runs' if others == 1 else 'run'} away" if others else ""
    return f"session “{_short(first.key.id)}” of {_short(first.key.tenant)} {' and '.join(said)}{more}"


def _spending(session: Session, usual: Usual | None) -> str:
    cost = "" if session.dollars is None else f"${session.dollars:,.2f} "
    calls = f"{cost}in {session.calls:,} calls"
    if usual is None or usual.weighted <= 0:
        return f"spent more than it was allowed, {calls}"
    return f"took {session.weighted / usual.weighted:,.1f} times the usual tokens, {calls}"


def _busiest(session: Session) -> Iterator[tuple[str, float]]:
    """The agent that took most, and its share; nobody where agents are not told."""
    named = [agent for agent in session.agents if agent.agent]
    if named and session.weighted > 0:
        busiest = max(named, key=lambda agent: agent.weighted)
        yield f"“{_short(busiest.agent)}”", busiest.weighted / session.weighted


def _short(name: str) -> str:
    """A name from outside: bounded, and nothing in it but what can be printed."""
    shown = "".join(character if character.isprintable() else "�" for character in name)
    return shown if len(shown) <= NAME else f"{shown[: NAME - 1]}…"
