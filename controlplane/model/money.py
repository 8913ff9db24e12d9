"""What the fleet costs and what it delivers for it. Every dollar is in exactly one bucket; unknown is not zero."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import fsum
from types import MappingProxyType

from controlplane.model.keys import RoleName


class Bucket(StrEnum):
    """Where a dollar went."""

    SERVING = "serving"
    """GPUs of a role while they work."""
    IDLE = "idle"
    """GPUs of a role while they do not: warm, loading, or forgotten."""
    OTHER = "other"
    """GPUs that pods outside our roles hold."""
    UNALLOCATED = "unallocated"
    """GPUs and slices nobody holds."""


class TokenKind(StrEnum):
    """What was delivered. A prompt is delivered once: a decode pool's prompts were counted by prefill."""

    PROMPT = "prompt"
    """Prompt tokens that had to be computed."""
    CACHED = "cached"
    """Prompt tokens found in the prefix cache."""
    OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Dollars per hour of one bucket at a tick."""

    role: RoleName | None
    """``None`` for what belongs to no role."""
    bucket: Bucket
    dollars_per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Tokens per second of one kind at a tick."""

    role: RoleName
    kind: TokenKind
    tokens_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A tick's money and tokens. A role whose spend is unknown is not in it."""

    charges: tuple[Charge, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMoney:
    """One role over a stretch of time; ``role`` is ``None`` for GPUs that belong to no role."""

    role: RoleName | None
    seconds: float
    """How much of the stretch its spend was known for."""
    dollars: Mapping[Bucket, float] = field(default_factory=lambda: MappingProxyType({}))
    tokens: Mapping[TokenKind, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def total(self) -> float:
        """Dollars of all buckets."""
        return fsum(self.dollars.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What a stretch of whole hours cost. Time in which nobody looked is not billed: it is unaccounted for."""

    since: datetime
    until: datetime
    """End of the newest hour, or the newest tick where that hour still runs."""
    roles: tuple[RoleMoney, ...] = ()

    @property
    def total(self) -> float:
        """Dollars of all roles and of what belongs to none."""
        return fsum(role.total for role in self.roles)

    def unaccounted_seconds(self, role: RoleMoney) -> float:
        """Seconds of the stretch for which a role's spend is unknown."""
        return max(0.0, (self.until - self.since).total_seconds() - role.seconds)
