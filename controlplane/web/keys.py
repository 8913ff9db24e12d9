"""Whose token was shown.

``Authorization: Bearer`` for programs, HTTP Basic with the token as password for browsers. A person's own token says
who they are, whatever user name stands beside it. With the shared token everybody may do everything under the name
they give; it is marked where a person of that name has a token of their own. Where there is no token at all everybody
who reaches us is ``local``.
"""

import base64
import binascii
import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from controlplane.model.person import LOCAL, May, Person

log = logging.getLogger(__name__)

Token = Callable[[], str | None]
"""Reads a token anew; ``None`` where none is set."""

NAMELESS = "token"
"""Who shows a shared token without a name."""

LONGEST_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Every token that opens a door."""

    shared: Token = lambda: None
    """Opens everything."""

    intake: Token = lambda: None
    """Good for handing in calls of sessions, and for nothing else."""

    people: Mapping[Person, Token] = field(default_factory=lambda: MappingProxyType({}))
    """Each person's own."""

    def needed(self, *, intake: bool) -> bool:
        """Whether a door is closed to those who show nothing."""
        return bool(self.people) or self.shared() is not None or (intake and self.intake() is not None)

    def whose(self, headers: Mapping[str, str], *, intake: bool) -> Person | None:
        """Who asks; ``None`` for somebody who shows none of the tokens."""
        if not self.needed(intake=intake):
            return LOCAL
        user, given = shown(headers)
        if not given:
            return None
        doors: list[tuple[Person, str | None]] = [(person, token()) for person, token in self.people.items()]
        trusted = Person(name=self._on_trust(user), may=May.ADMINISTER, known=False)
        doors.append((trusted, self.shared()))
        if intake:
            doors.append((Person(name=trusted.name, may=May.OPERATE, known=False), self.intake()))
        # All are compared: how long it takes tells nothing of which one was near.
        fit = [person for person, token in doors if _same(given, token)]
        if len({person.known for person in fit}) > 1 or sum(person.known for person in fit) > 1:
            log.error("refused a token that belongs to several: %s", ", ".join(sorted(p.name for p in fit if p.known)))
            return None
        return fit[0] if fit else None

    def refuse_doubles(self) -> str | None:
        """Why nobody could tell two of them apart; ``None`` while each token is somebody's own."""
        people = [(f"serve.people.{person.name}", token()) for person, token in self.people.items()]
        doors = [("serve.token_file", self.shared()), ("sessions.token_file", self.intake()), *people]
        for owner, token in people:
            other = next((name for name, shows in doors if name != owner and shows == token), None)
            if other is not None:
                return f"{other} and {owner} have the same token: write another one into the file of {owner}"
        return None

    def _on_trust(self, user: str) -> str:
        name = user[:LONGEST_NAME] or NAMELESS
        return f"{name} (shared token)" if any(person.name == name for person in self.people) else name


def shown(headers: Mapping[str, str]) -> tuple[str, str]:
    """The user name and the token a request shows; empty what it does not."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return "", given.strip()
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _same(given: str, token: str | None) -> bool:
    return token is not None and hmac.compare_digest(given.encode(), token.encode())
