"""How the pure part thinks, and that as text, so that a stored decision can be thought again.

The text holds every detector, recommender and guardrail by id with all its settings, and the roles as they
were declared. It is stable: the same policy gives the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from controlplane.decide.guardrail import Guardrail
from controlplane.decide.guardrails import DEFAULT_GUARDRAILS
from controlplane.decide.law import DEFAULT_LAW, ScalingLaw
from controlplane.detect import DEFAULT_DETECTORS, Detector
from controlplane.errors import NotFoundError
from controlplane.loop.plain import from_plain, to_plain
from controlplane.model.gpu import GpuKind
from controlplane.model.role import RoleSpec
from controlplane.recommend import DEFAULT_RECOMMENDERS, Recommender

P = TypeVar("P", Detector, Recommender, Guardrail, ScalingLaw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which detectors, recommenders and guardrails, with their settings; and the roles they are about."""

    fleet: str
    roles: tuple[RoleSpec, ...]
    detectors: tuple[Detector, ...] = DEFAULT_DETECTORS
    recommenders: tuple[Recommender, ...] = DEFAULT_RECOMMENDERS
    guardrails: tuple[Guardrail, ...] = DEFAULT_GUARDRAILS
    budget_dollars_per_hour: float | None = None
    law: ScalingLaw = DEFAULT_LAW
    """How many replicas a role is wished to run."""
    gpus: Mapping[str, GpuKind] = field(default_factory=lambda: MappingProxyType({}))
    """GPUs by the name their driver gives them, with their prices. No decision is made of them: not in the text."""


def policy_text(policy: Policy) -> str:
    """The policy as JSON, on one line, keys sorted."""
    plain = {
        "fleet": policy.fleet,
        "budget_dollars_per_hour": policy.budget_dollars_per_hour,
        "roles": [to_plain(role) for role in policy.roles],
        "detectors": _write(policy.detectors),
        "recommenders": _write(policy.recommenders),
        "guardrails": _write(policy.guardrails),
        "law": to_plain(policy.law),
    }
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def policy_from_text(
    text: str,
    *,
    detectors: Sequence[Detector] = DEFAULT_DETECTORS,
    recommenders: Sequence[Recommender] = DEFAULT_RECOMMENDERS,
    guardrails: Sequence[Guardrail] = DEFAULT_GUARDRAILS,
) -> Policy:
    """Read what :func:`policy_text` wrote. The sequences say which parts there are, by id.

    Raises:
        NotFoundError: the text names a part or a setting this version does not have.
        ValueError: the text is not a policy.
    """
    plain = json.loads(text)
    return Policy(
        fleet=plain["fleet"],
        roles=tuple(from_plain(RoleSpec, role) for role in plain["roles"]),
        detectors=_read(plain["detectors"], detectors),
        recommenders=_read(plain["recommenders"], recommenders),
        guardrails=_read(plain["guardrails"], guardrails),
        budget_dollars_per_hour=plain["budget_dollars_per_hour"],
        law=_read(({"id": ScalingLaw.id, "settings": plain.get("law", {})},), (ScalingLaw(),))[0],
    )


def _write(parts: Sequence[Detector] | Sequence[Recommender] | Sequence[Guardrail]) -> list[Any]:
    return [{"id": part.id, "settings": to_plain(part)} for part in parts]


def _read(plain: Sequence[Any], known: Sequence[P]) -> tuple[P, ...]:
    kinds = {part.id: type(part) for part in known}
    parts: list[P] = []
    for part in plain:
        kind = kinds.get(part["id"])
        if kind is None:
            raise NotFoundError(f"this version has no {part['id']}")
        try:
            parts.append(from_plain(kind, part["settings"]))
        except (KeyError, TypeError) as error:
            raise NotFoundError(f"the settings of {part['id']} are from another version: {error}") from error
    return tuple(parts)
