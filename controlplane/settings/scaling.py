"""How many replicas roles are wished to run, and what the generated ScaledObjects do with that wish."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from controlplane.decide.law import ScalingLaw
from controlplane.settings.names import NAME, SELECTOR, Text, Url
from controlplane.settings.part import As, Part
from controlplane.settings.thinking import part_of
from controlplane.settings.values import Choice, Duration

LAW = part_of(ScalingLaw())

Version = tuple[int, ...]

VERSION = Text(r"v?[0-9]{1,3}\.[0-9]{1,3}(\.[0-9]{1,3})?", "a version", "2.20.2")

KEEPS_TOLERANCE: Version = (1, 34)
"""Kubernetes from which an autoscaler honours its own tolerance without a feature gate."""

PLANNER_MAY_BE_ABSENT: Version = (2, 20, 1)
"""KEDA from which a formula sees that a trigger failed; 2.20.0 has the behaviour with a data race."""

FALLS_BACK_TO_CURRENT: Version = (2, 17)
"""KEDA from which a fallback may be "as many as there are"."""


class Signal(StrEnum):
    """What a generated ScaledObject follows."""

    NONE = "none"
    REACTIVE = "reactive"
    PLANNER = "planner"


class Followed(Part):
    """What one role's ScaledObject follows; the word alone is enough: ``scaling: planner``."""

    signal: Annotated[Signal, Choice(Signal)] | None = None
    """As ``scaling.signal`` of the fleet unless given."""

    pods: Annotated[str, SELECTOR] | None = None
    """Label selector of the role's pods, for KEDA to count them; that of the role's ``pods`` unless given."""

    @model_validator(mode="before")
    @classmethod
    def _the_word_is_enough(cls, given: Any) -> Any:
        return {"signal": given} if isinstance(given, str | bool) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """An editor may offer the word alone, too."""
        return {"anyOf": [Choice(Signal).schema(), handler.resolve_ref_schema(handler(schema))]}


class Scaling(Part):
    """The wish for replicas (``llm_fleet_desired_replicas``) and the ScaledObjects that follow it."""

    signal: Annotated[Signal, Choice(Signal)] = Signal.NONE
    """``planner`` follows our wish, with ``reactive`` rules behind it. ``none`` by default: nothing is generated."""

    prometheus: Annotated[str, Url()] | None = None
    """Address under which KEDA reaches the Prometheus with our rules; that of ``sources.prometheus`` unless given."""

    authentication: Annotated[str, NAME] | None = None
    """TriggerAuthentication with the Prometheus' bearer token, in each role's namespace. None by default."""

    keda: Annotated[str, VERSION] = "2.20.2"
    """KEDA in the cluster. Before 2.20.1 the simpler form with one query is generated; before 2.17 none is."""

    kubernetes: Annotated[str, VERSION] = "1.34"
    """Kubernetes of the cluster. Before 1.34 an autoscaler ignores changes below 10 %: the tolerance is left out."""

    down_window: Annotated[timedelta, Duration(timedelta(0), timedelta(hours=1))] = timedelta(minutes=5)
    """The autoscaler shrinks to the highest wish of this time: also when another law takes over or a gap ends."""

    law: Annotated[Part, As(LAW)] = LAW()
    """How the wish is made."""

    @property
    def sees_absence(self) -> bool:
        """Whether a formula may ask whether the planner is there."""
        return version(self.keda) >= PLANNER_MAY_BE_ABSENT

    @property
    def keeps_tolerance(self) -> bool:
        """Whether the cluster honours the autoscaler's own tolerance."""
        return version(self.kubernetes) >= KEEPS_TOLERANCE


def version(text: str) -> Version:
    """``v2.20.2`` as numbers."""
    return tuple(int(part) for part in text.removeprefix("v").split("."))
