"""Who may sign in, and what each of them may do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from controlplane.model.person import May
from controlplane.settings.names import LocalPath, Text
from controlplane.settings.part import Part
from controlplane.settings.values import Choice

NAME = Text(
    "[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])?", "a person's name (lower case letters, digits, dots, dashes)", "anna"
)
MOST = 100
"""People: each request reads all of their tokens."""

RESERVED: Mapping[str, str] = {
    "controlplane": "what is done by the control plane itself",
    "local": "whoever is on this machine where there is no token",
    "token": "whoever shows a token without a name",
}
"""Names that mean somebody else in the ledger."""


class Person(Part):
    """Somebody who may sign in."""

    token_file: Annotated[Path, LocalPath()] = Field(examples=["/run/secrets/controlplane/anna"])
    """File with the token of this person and of nobody else: whoever shows it is this person. Read again when it
    changes."""

    may: Annotated[May, Choice(May)] = Field(examples=["approve"])
    """``look``: read everything. ``operate``: also dismiss recommendations, stop all changes, hand in calls of
    sessions. ``approve``: also approve. ``administer``: also let changes go again. No default: it is yours to say."""
