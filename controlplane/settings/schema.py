"""All of fleet.yaml, as one frozen value."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, NamedTuple

from pydantic import Field

from controlplane.decide.guardrail import Guardrail
from controlplane.decide.guardrails import DEFAULT_GUARDRAILS, FreezeWindow
from controlplane.decide.guardrails import Freeze as FreezeGuardrail
from controlplane.decide.law import ScalingLaw
from controlplane.detect import DEFAULT_DETECTORS, Detector
from controlplane.loop.sessions import SessionRules, served_by
from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind
from controlplane.model.role import RoleSpec
from controlplane.recommend import DEFAULT_RECOMMENDERS, Recommender
from controlplane.settings.alerts import Alerts
from controlplane.settings.gpus import LIST_PRICES
from controlplane.settings.names import GPU_TYPE, NAME
from controlplane.settings.outputs import Generate
from controlplane.settings.part import As, Part
from controlplane.settings.roles import Role
from controlplane.settings.rules import Cost, Rules
from controlplane.settings.scaling import Scaling
from controlplane.settings.sections import Budget, Freeze, Hands, Serve, Slack, Sources, Store
from controlplane.settings.sessions import Sessions
from controlplane.settings.thinking import overridden, section_for, with_overrides
from controlplane.settings.values import DOLLARS, Duration

DETECTORS = section_for("Detectors", DEFAULT_DETECTORS, may_be_off=True)
RECOMMENDERS = section_for("Recommenders", DEFAULT_RECOMMENDERS, may_be_off=True)
GUARDRAILS = section_for("Guardrails", DEFAULT_GUARDRAILS, may_be_off=False)


class PolicyParts(NamedTuple):
    """How the pure part thinks, with the file's settings applied."""

    detectors: tuple[Detector, ...]
    recommenders: tuple[Recommender, ...]
    guardrails: tuple[Guardrail, ...]


class Settings(Part):
    """Everything one fleet.yaml says."""

    fleet: Annotated[str, NAME] = Field(examples=["agents-prod"])
    """Name of the fleet."""

    prices: dict[Annotated[str, GPU_TYPE], Annotated[float, DOLLARS]] = Field(default={})
    """Dollars per hour of one whole GPU, by type. List prices fill in for known types."""

    sources: Sources = Sources()
    """Where we look."""

    roles: dict[Annotated[str, NAME], Role] = Field(examples=["{planner: {model: {name: …}}}"], min_length=1)
    """The pools of replicas, by what they do for the agents."""

    tick: Annotated[timedelta, Duration(timedelta(seconds=1), timedelta(minutes=10))] = timedelta(seconds=15)
    """How often the walk is walked. 15 s: a replica takes minutes to start, a queue half a minute to fill."""

    detectors: Annotated[Part, As(DETECTORS)] = DETECTORS()
    """What is found, and from when on."""

    recommenders: Annotated[Part, As(RECOMMENDERS)] = RECOMMENDERS()
    """What is proposed."""

    guardrails: Annotated[Part, As(GUARDRAILS)] = GUARDRAILS()
    """What holds a change back. None of them can be switched off."""

    freeze: tuple[Freeze, ...] = ()
    """Times in which nothing is changed."""

    generate: Generate = Generate()
    """What is written for Prometheus and Grafana, and where their operators look for it."""

    scaling: Scaling = Scaling()
    """How many replicas are wished for, and how the generated ScaledObjects follow."""

    hands: Hands = Hands()
    """How changes are made."""

    cost: Cost = Cost()
    """How money is divided among tokens."""

    rules: Rules = Rules()
    """How recording rules are written."""

    budget: Budget | None = None
    """What the fleet may cost. Without it nothing is refused for its price."""

    slack: Slack | None = None
    """Where messages go. Without it nobody is told; the pages show the same."""

    store: Store = Store()
    """The ledger."""

    serve: Serve = Serve()
    """The pages and the API."""

    sessions: Sessions | None = None
    """Runs of multi-agent tasks. Without it nobody hands in calls, and nothing is said about sessions."""

    alerts: Alerts = Alerts()
    """Who is told by Prometheus and Alertmanager, and when."""

    @property
    def price_list(self) -> Mapping[str, float]:
        """$ per GPU-hour by type: the file's, then list prices."""
        return {**LIST_PRICES, **self.prices}

    @property
    def promised(self) -> frozenset[str]:
        """Keys of ``slo`` that at least one role promises something under."""
        return frozenset(key for role in self.roles.values() for key, span in role.slo if span is not None)

    def role_specs(self) -> tuple[RoleSpec, ...]:
        """The roles as the walk knows them, in the file's order."""
        return tuple(role.spec(name, self.prices) for name, role in self.roles.items())

    def policy_parts(self) -> PolicyParts:
        """Detectors, recommenders and guardrails with the file's settings."""
        return PolicyParts(
            detectors=with_overrides(DEFAULT_DETECTORS, self.detectors),
            recommenders=with_overrides(DEFAULT_RECOMMENDERS, self.recommenders),
            guardrails=tuple(self._frozen(g) for g in with_overrides(DEFAULT_GUARDRAILS, self.guardrails)),
        )

    def scaling_law(self) -> ScalingLaw:
        """The scaling law with the file's settings."""
        return overridden(ScalingLaw(), self.scaling.law)

    def session_rules(self) -> SessionRules | None:
        """How calls of sessions are understood; ``None`` when the file names nobody who tells of them."""
        told, weights = self.sessions, self.cost.weights
        if told is None:
            return None
        names = {RoleName(name): role.served_as for name, role in self.roles.items()}
        return SessionRules(
            served=served_by(self.role_specs(), names),
            weights={
                TokenKind.PROMPT: weights.prompt,
                TokenKind.CACHED: weights.cached,
                TokenKind.OUTPUT: weights.output,
            },
            runaway_factor=told.runaway_factor,
            budget_dollars=told.budget_dollars,
            idle_after=told.idle_after,
            source=told.source,
        )

    def _frozen(self, guardrail: Guardrail) -> Guardrail:
        """The freeze guardrail gets its windows from ``freeze``."""
        if not isinstance(guardrail, FreezeGuardrail):
            return guardrail
        windows = (
            FreezeWindow(schedule=f.schedule, duration=f.duration, timezone=f.timezone, why=f.why) for f in self.freeze
        )
        return replace(guardrail, windows=tuple(windows))
