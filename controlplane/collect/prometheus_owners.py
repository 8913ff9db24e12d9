"""Whose series is whose: each role names the labels its series carry; the rest of a Prometheus is not ours.

A series that two roles claim, or a role whose replicas lie in several namespaces without saying so, is a
mistake in fleet.yaml that would add strangers' load to a role: it makes the role unknown, not wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controlplane.collect.prometheus_api import Sample
from controlplane.model.keys import RoleName
from controlplane.model.page import Labels
from controlplane.model.role import RoleSpec


@dataclass(frozen=True, slots=True)
class Chosen:
    """A role and the labels its series carry in Prometheus."""

    spec: RoleSpec
    matchers: Labels

    @property
    def name(self) -> RoleName:
        """The role's name."""
        return self.spec.name


class Owners:
    """Finds the role of a series.

    Args:
        roles: the fleet.
    """

    def __init__(self, roles: Sequence[Chosen]) -> None:
        self._index: dict[tuple[str, ...], dict[tuple[str, ...], list[RoleName]]] = {}
        for role in roles:
            names, values = tuple(n for n, _ in role.matchers), tuple(v for _, v in role.matchers)
            self._index.setdefault(names, {}).setdefault(values, []).append(role.name)

    def of(self, labels: Mapping[str, str]) -> tuple[RoleName, ...]:
        """Roles that claim a series with these labels."""
        return tuple(
            role
            for names, by_values in self._index.items()
            for role in by_values.get(tuple(labels.get(n, "") for n in names), ())
        )

    def split(self, samples: Iterable[Sample]) -> tuple[dict[RoleName, list[Sample]], dict[RoleName, str]]:
        """The samples of each role, and the roles that share one with another, with the reason in words."""
        owned: dict[RoleName, list[Sample]] = {}
        contested: dict[RoleName, str] = {}
        for sample in samples:
            roles = self.of(sample.labels)
            for role in roles:
                owned.setdefault(role, []).append(sample)
                if len(roles) > 1:
                    both = " and ".join(roles[:3])
                    contested[role] = f"the same series belong to {both}: tell the roles apart by their select"
        return owned, contested
