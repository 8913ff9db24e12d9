"""Who acts, and what they may do. Each level may do what the ones before it may, and one thing more."""

from dataclasses import dataclass
from enum import StrEnum


class May(StrEnum):
    """What a person may do, from the least to the most."""

    LOOK = "look"
    """Read every page and the API."""
    OPERATE = "operate"
    """Also dismiss a recommendation, stop all changes, and hand in calls of sessions."""
    APPROVE = "approve"
    """Also approve a recommendation."""
    ADMINISTER = "administer"
    """Also let changes go again after they were stopped."""

    def covers(self, needed: "May") -> bool:
        """Whether who may do this may do ``needed``, too."""
        levels = list(May)
        return levels.index(self) >= levels.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who acts."""

    name: str
    may: May
    known: bool
    """Whether a token of their own says who they are. Otherwise the name is what they called themselves."""


LOCAL = Person(name="local", may=May.ADMINISTER, known=False)
"""Everybody, where there is no token and only this machine can reach us."""
