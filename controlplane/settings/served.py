"""By which names callers ask for a role, and who serves what they ask for.

A name belongs to one role, except where a pool for prompts and a pool for answers serve one model: what is asked
of either of them is served by both.
"""

from collections.abc import Iterator, Mapping

from controlplane.model.keys import RoleName
from controlplane.model.role import Phase
from controlplane.model.session import Served
from controlplane.settings.document import Wrong
from controlplane.settings.roles import Role


def served(roles: Mapping[str, Role]) -> Mapping[str, Served]:
    """Who serves each name callers may use: ``served_as``, else the role's own name and its model's name.

    What was written for a role goes before what is only assumed. A model's name that two roles without
    ``served_as`` share says nothing about either, so it is left out.
    """
    written = {name: _by(owner, roles) for owner, role in roles.items() for name in role.served_as}
    own = {owner: _by(owner, roles) for owner, role in roles.items() if not role.served_as}
    models: dict[str, set[Served]] = {}
    for owner, by in own.items():
        models.setdefault(roles[owner].model.name, set()).add(by)
    alone = {model: next(iter(by)) for model, by in models.items() if len(by) == 1}
    return {**alone, **own, **written}


def shared_names(roles: Mapping[str, Role]) -> Iterator[Wrong]:
    """Names that two roles claim, where nobody could say which of them served a call."""
    first = {owner: owner for owner, role in roles.items() if not role.served_as}
    for owner, role in roles.items():
        for at, name in enumerate(role.served_as):
            other = first.setdefault(name, owner)
            if _by(other, roles) != _by(owner, roles):
                said = "is the name" if name == other else "is also a name"
                path = ("roles", owner, "served_as", at)
                yield Wrong(path=path, what=f"{name} {said} of role {other}", fix="give each role its own names")


def _by(owner: str, roles: Mapping[str, Role]) -> Served:
    role = roles[owner]
    halves = {
        other.phase: RoleName(name)
        for name, other in reversed(list(roles.items()))
        if other.model.name == role.model.name and other.phase is not Phase.BOTH
    }
    if role.phase is Phase.BOTH or len(halves) < 2:
        return Served(prompt=RoleName(owner), output=RoleName(owner))
    return Served(prompt=halves[Phase.PREFILL], output=halves[Phase.DECODE])
