"""Read the fleet from a Prometheus that already scrapes it: at most 40 queries a tick, whatever its size.

All queries of a tick are about one instant of Prometheus' own clock. An answer that is late, partial or odd
takes its own readings away and no others; a Prometheus that is down is left alone for ever longer times.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.clock import Clock
from controlplane.collect.answers import Breaker
from controlplane.collect.prometheus_api import PrometheusApi, Sample
from controlplane.collect.prometheus_folds import EXPORTER_STALE
from controlplane.collect.prometheus_objects import workloads
from controlplane.collect.prometheus_owners import Chosen, Owners
from controlplane.collect.prometheus_questions import NOW, OBJECTS, Evidence, Question, questions, replica_labels
from controlplane.collect.prometheus_readings import sample, sources
from controlplane.collect.prometheus_trust import Trust, judge
from controlplane.errors import SourceError
from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec
from controlplane.model.sighting import RoleSample, WorkloadSighting

MOST_QUERIES = 40
"""Queries of one tick, kept by construction: what we ask does not grow with the fleet."""
AT_ONCE = 4
"""Queries on their way at the same time: a fifth of what Prometheus runs concurrently for everybody."""

GIVING_UP = frozenset(
    {Fault.REFUSED, Fault.UNREACHABLE, Fault.NAME, Fault.TIMEOUT, Fault.TLS, Fault.UNAUTHORISED, Fault.REDIRECT}
)
"""Faults after which the rest of a tick is not asked: it would fail alike, each after its own time-out."""

Answers = dict[Question, tuple[Sample, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusView:
    """What Prometheus says at a tick."""

    samples: Mapping[RoleName, RoleSample] = field(default_factory=lambda: MappingProxyType({}))
    workloads: Mapping[RoleName, WorkloadSighting] = field(default_factory=lambda: MappingProxyType({}))
    """From kube-state-metrics, where Prometheus scrapes it."""
    health: SourceHealth


class PrometheusSource:
    """The eyes on one Prometheus.

    Args:
        api: asks one question.
        roles: the fleet.
        select: labels of each role's series; ``model_name`` is the model's name unless given.
        clock: the service's time.
        interval: how often Prometheus scrapes the engines: what is older than two of these is stale.
        rewritten: it may hold engines' names as something on the way has rewritten them.
    """

    def __init__(
        self,
        api: PrometheusApi,
        roles: Sequence[RoleSpec],
        *,
        select: Mapping[RoleName, Mapping[str, str]],
        clock: Clock,
        interval: timedelta,
        rewritten: bool = False,
    ) -> None:
        self._api = api
        self._clock = clock
        self._interval = interval
        self._roles = tuple(
            Chosen(role, tuple(sorted((select.get(role.name) or {"model_name": role.model.name}).items())))
            for role in roles
        )
        self._owners = Owners(self._roles)
        self._replica = replica_labels([role.engine for role in roles])
        asked = questions(self._roles, interval=interval, fresh=EXPORTER_STALE, rewritten=rewritten) if roles else {}
        self._questions = asked
        assert len(self._questions) < MOST_QUERIES
        self._sources = {role.name: sources(role, interval) for role in self._roles}
        self._breaker = Breaker()
        self._last_good: datetime | None = None
        self._said: tuple[Fault | None, str] = (None, "")
        self._turn = threading.Lock()

    def look(self, now: datetime) -> PrometheusView:
        """Everything Prometheus can say now. Never raises for its sake."""
        with self._turn:
            begun = self._clock.monotonic()
            if self._breaker.open(begun):
                return PrometheusView(health=self._health(begun, 0))
            try:
                answers, problems = self._ask()
            except SourceError as problem:
                self._breaker.failed(self._clock.monotonic())
                self._said = (problem.fault, problem.detail)
                return PrometheusView(health=self._health(begun, 0))
            self._breaker.worked()
            self._last_good = now
            samples, doubts = self._read(answers, now)
            self._said = _summary(problems, doubts) or _silence(samples) or (None, "")
            return PrometheusView(
                samples=MappingProxyType(samples),
                workloads=MappingProxyType(workloads([r.spec for r in self._roles], answers, now)),
                health=self._health(begun, sum(map(len, answers.values()))),
            )

    def close(self) -> None:
        """Give connections back."""
        self._api.close()

    def _ask(self) -> tuple[Answers, dict[Question, SourceError]]:
        """All answers of this tick, and what became of the rest.

        Raises:
            SourceError: Prometheus cannot be used at all.
        """
        clock = self._api.query(NOW)
        if len(clock) != 1:
            raise SourceError(Fault.MALFORMED, "it does not know its own time")
        at = clock[0].value
        answers: Answers = {}
        problems: dict[Question, SourceError] = {}
        gone = threading.Event()

        def ask(question: Question, text: str) -> None:
            if gone.is_set():
                return
            try:
                answers[question] = self._api.query(text, at=at)
            except SourceError as problem:
                problems[question] = problem
                if problem.fault in GIVING_UP:
                    gone.set()

        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prometheus") as pool:
            for _ in pool.map(ask, *zip(*self._questions.items(), strict=True)):
                pass
        for problem in problems.values():
            if problem.fault in GIVING_UP:
                raise problem
        return answers, problems

    def _read(self, answers: Answers, now: datetime) -> tuple[dict[RoleName, RoleSample], dict[RoleName, str]]:
        rows: dict[RoleName, dict[Question, list[Sample]]] = {}
        contested: dict[RoleName, str] = {}
        everyones = {Question(Evidence.GPU_AGE)}
        for question, found in answers.items():
            if question.about in OBJECTS:
                continue
            owned, shared = self._owners.split(found) if question not in everyones else ({}, {})
            contested |= shared
            for role in self._roles:
                part = list(found) if question in everyones else owned.get(role.name, [])
                rows.setdefault(role.name, {})[question] = part
        samples, doubts = {}, {}
        for role in self._roles:
            mine = rows.get(role.name, {})
            trust = judge(mine, self._replica, self._interval)
            why = contested.get(role.name) or _spread(role, trust)
            if why:
                trust, doubts[role.name] = Trust(nothing=why), why
            samples[role.name] = sample(
                role, mine, trust, replica=self._replica, asked=self._sources[role.name], now=now
            )
        return samples, doubts

    def _health(self, begun: float, series: int) -> SourceHealth:
        fault, detail = self._said
        return SourceHealth(
            name="prometheus",
            kind="prometheus",
            last_good=self._last_good,
            fault=fault,
            detail=detail,
            took_seconds=self._clock.monotonic() - begun,
            series=series,
        )


def _spread(role: Chosen, trust: Trust) -> str | None:
    """Why the replicas cannot all be this role's: they lie in several namespaces, which nobody asked for."""
    if any(name == "namespace" for name, _ in role.matchers):
        return None
    spaces = sorted({s.labels.get("namespace", "") for s in (*trust.answered, *trust.missed)})
    if len(spaces) < 2:
        return None
    return f"its series lie in namespaces {', '.join(s or '(none)' for s in spaces[:3])}: add namespace to its select"


def _summary(problems: Mapping[Question, SourceError], doubts: Mapping[RoleName, str]) -> tuple[Fault, str] | None:
    """One word and one sentence for a tick that was not perfect."""
    if problems:
        question, problem = next(iter(problems.items()))
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return problem.fault, f"{question.about}: {problem.detail}{more}"
    if doubts:
        role, why = next(iter(doubts.items()))
        more = f" (and {len(doubts) - 1} more roles)" if len(doubts) > 1 else ""
        return Fault.PARTIAL, f"{role}: {why}{more}"
    return None


def _silence(samples: Mapping[RoleName, RoleSample]) -> tuple[Fault, str] | None:
    """What is wrong when Prometheus answers well and knows nothing of any role."""
    if not samples or any(s.values.get(Reading.COVERAGE) for s in samples.values()):
        return None
    role, first = next(iter(samples.items()))
    return Fault.STALE, f"{role}: {first.missing.get(Reading.RUNNING, '')}"
