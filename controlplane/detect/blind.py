"""We cannot see what we promised to watch.

Silence is not health. When a reading an objective needs stays unknown, or replicas do not answer, this
says which, why as far as it is known, and what to do. A percentile without any requests is not blindness.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar

from controlplane.detect.watch import COMPLETE, Ending, above, below, evidence, sustained
from controlplane.estimate.starts import help_is_coming
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Evidence, Finding, Severity
from controlplane.model.limit import Limit
from controlplane.model.page import Fault
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, RoleSpec, RoleView

_FIXES: Mapping[str, str] = MappingProxyType(
    {
        Fault.REFUSED: "is the engine running, and is the port right?",
        Fault.UNREACHABLE: "check the address and network policies",
        Fault.NAME: "check the host name in the role's targets",
        Fault.TIMEOUT: "the page takes too long: is the engine overloaded or stuck?",
        Fault.UNAUTHORISED: "give a bearer token for this target",
        Fault.STATUS: "does the engine serve /metrics there?",
        Fault.REDIRECT: "write the address it redirects to",
        Fault.MALFORMED: "this is not a metrics page: check port and path",
        Fault.EMPTY: "start the engine without --disable-log-stats",
        Fault.TOO_MANY: "raise sources.limits.samples, or drop series at the source",
        Fault.TOO_LARGE: "raise sources.limits.body, or drop series at the source",
    }
)
_FIX_OTHERWISE = "look at the page with `controlplane inspect`"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindSpot:
    """Raised when readings the objectives need stay unknown, or replicas stay silent, for ``patience``."""

    id: ClassVar[str] = "blind-spot"
    needs: ClassVar[tuple[Reading, ...]] = ()

    patience: timedelta = timedelta(minutes=3)
    """How long it must be unseen: restarts and single lost scrapes are ordinary."""

    settle: timedelta = timedelta(minutes=1)
    """How long everything must be seen again."""

    coverage: float = COMPLETE
    """Share of the replicas (0..1) that must answer."""

    def detect(self, role: RoleView, beliefs: RoleBeliefs) -> Finding | None:
        unseen = [since for r in _wanted(role.spec) if (since := self._unseen_since(role, r)) is not None]
        silent = self._silent_since(role, beliefs)
        if silent is not None:
            unseen.append(silent)
        return self.describe(role, beliefs, min(unseen)) if unseen else None

    def describe(self, role: RoleView, beliefs: RoleBeliefs, since: datetime) -> Finding:  # noqa: ARG002  as seen
        blind = [r for r in _wanted(role.spec) if self._blind_now(role, r)]
        lost = [r for r in role.replicas if r.state is ReplicaState.LOST]
        faults = sorted({r.fault for r in lost if r.fault})
        parts = []
        if blind:
            parts.append("cannot see " + ", ".join(r.about.words for r in blind))
        if lost:
            names = ", ".join(r.key.name for r in lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
            parts.append(f"{len(lost)} of {len(role.replicas)} replicas not answering: {names}")
        elif below(role.now(Reading.COVERAGE), self.coverage):
            parts.append("not all replicas answer")
        summary = "; ".join(parts) or "some readings were not seen"
        return Finding(
            detector=self.id,
            role=role.name,
            severity=Severity.WARNING,
            since=since,
            summary=f"{summary} ({self._advice(role, blind, faults)})",
            evidence=(
                *(_why(role, reading, since) for reading in blind),
                evidence(
                    role, Reading.COVERAGE, "What share of the replicas answered?", comparison="<", limit=self.coverage
                ),
            ),
        )

    def ending(self, role: RoleView, beliefs: RoleBeliefs) -> Ending:
        wanted = _wanted(role.spec)
        if any(self._blind_now(role, reading) for reading in wanted):
            return Ending.HOLDS
        coverage = role.now(Reading.COVERAGE)
        if below(coverage, self.coverage) and not help_is_coming(role, beliefs):
            return Ending.HOLDS
        seen = sustained(role, self.settle, lambda *_: True, *(r for r in wanted if r in _ALWAYS))
        return Ending.SETTLING if seen is None else Ending.OVER

    def limits(self, spec: RoleSpec) -> tuple[Limit, ...]:  # noqa: ARG002  the same for every role
        return (Limit(reading=Reading.COVERAGE, comparison="<", value=self.coverage, words="blind"),)

    def _blind_now(self, role: RoleView, reading: Reading) -> bool:
        if role.now(reading) is not None:
            return False
        return reading in _ALWAYS or above(role.now(Reading.REQUESTS), 0)

    def _unseen_since(self, role: RoleView, reading: Reading) -> datetime | None:
        """Since when it is unknown (and requests finish, for a percentile), when that is long enough."""
        column = role.series(reading).values
        traffic = role.series(Reading.REQUESTS).values
        since, seen = None, 0
        for i in range(len(role.ticks) - 1, -1, -1):
            if column[i] is not None or (reading not in _ALWAYS and not above(traffic[i], 0)):
                break
            since, seen = role.ticks[i], seen + 1
        if since is None or role.at - since < self.patience:
            return None
        return since if seen >= COMPLETE * (self.patience / role.step) else None

    def _silent_since(self, role: RoleView, beliefs: RoleBeliefs) -> datetime | None:
        """Since when some replicas do not answer; one that is still starting need not."""
        if help_is_coming(role, beliefs):
            return None
        return sustained(role, self.patience, lambda coverage: coverage < self.coverage, Reading.COVERAGE)

    def _advice(self, role: RoleView, blind: list[Reading], faults: list[str]) -> str:
        if faults:
            return f"{faults[0]}: {_FIXES.get(faults[0], _FIX_OTHERWISE)}"
        for reading in blind:
            if reading in role.missing:
                return role.missing[reading]
        if not role.replicas:
            return "no replica is known: give the role targets, a pod selector or a Prometheus"
        return _FIX_OTHERWISE


_ALWAYS = frozenset({Reading.RUNNING, Reading.WAITING, Reading.KV_USAGE_MAX})
"""Gauges that are there whether or not anybody asks."""


def _wanted(spec: RoleSpec) -> tuple[Reading, ...]:
    """What the role's promises need: its queue always, and what each objective is judged by."""
    slo = spec.slo
    wanted = [Reading.RUNNING, Reading.WAITING]
    if slo.itl_p95 is not None:
        wanted += [Reading.KV_USAGE_MAX, Reading.ITL_P95]
    if slo.ttft_p95 is not None:
        wanted.append(Reading.TTFT_P95)
    if slo.e2e_p95 is not None:
        wanted.append(Reading.E2E_P95)
    return tuple(wanted)


def _why(role: RoleView, reading: Reading, since: datetime) -> Evidence:
    why = role.missing.get(reading)
    question = f"What is {reading.about.words}?" + (f" ({why})" if why else "")
    return evidence(role, reading, question, since=since)
