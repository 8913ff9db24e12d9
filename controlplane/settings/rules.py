"""How recording rules are written: what a token of each kind weighs, and how much is kept per pod."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import model_validator

from controlplane.settings.part import Part
from controlplane.settings.values import Choice, Flag, Number, refuse

LARGE_FLEET = 500
"""Replicas above which ``auto`` keeps no histograms per pod."""

_WEIGHT = Number(at_least=0.001, at_most=1000, words="a weight", example="4")
_CACHED_WEIGHT = Number(at_least=0, at_most=1000, words="a weight", example="0.1")


class Weights(Part):
    """What a token of each kind costs, compared with the others. Only their ratios matter."""

    prompt: Annotated[float, _WEIGHT] = 1
    """A prompt token that was computed. The measure of the others, hence 1."""

    cached: Annotated[float, _CACHED_WEIGHT] = 0.1
    """A prompt token from the prefix cache. 0.1: what APIs charge for a cache read."""

    output: Annotated[float, _WEIGHT] = 4
    """A generated token. 4: between what APIs charge (4 to 5) and what a busy GPU spends."""

    @model_validator(mode="after")
    def _a_cached_token_is_no_dearer_than_a_computed_one(self) -> Self:
        if self.cached > self.prompt:
            raise refuse(
                f"cached weighs {self.cached:g}, more than prompt with {self.prompt:g}",
                f"write cached: {self.prompt:g} or less",
            )
        return self


class Cost(Part):
    """How money is divided among tokens."""

    weights: Weights = Weights()
    """What a token of each kind costs, compared with the others."""


class PodBuckets(StrEnum):
    """Whether latency histograms are recorded per pod."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Rules(Part):
    """How recording rules are written."""

    pod_buckets: Annotated[PodBuckets, Choice(PodBuckets)] = PodBuckets.AUTO
    """Latency histograms per pod, besides those per role: ``auto`` records them up to 500 replicas in all (the sum of
    ``replicas.max``). They are most of the recorded series, and only needed to look at one pod."""

    rewritten_names: Annotated[bool, Flag()] = False
    """Also read ``vllm_x`` for ``vllm:x`` and ``sglang_x`` for ``sglang:x``, in rules and where the control plane asks
    ``sources.prometheus``: some pipelines between engine and Prometheus replace the colon. In rules a pod that is there
    under both counts once, by its own names. Off by default, since everything then asks for two names; ``controlplane
    doctor`` says when it is needed. Ray's own spellings are always read."""

    def keeps_pod_buckets(self, replicas: int) -> bool:
        """Whether a fleet of at most so many replicas gets histograms per pod."""
        if self.pod_buckets is PodBuckets.AUTO:
            return replicas <= LARGE_FLEET
        return self.pod_buckets is PodBuckets.ALWAYS
