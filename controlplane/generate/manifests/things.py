"""What every manifest of the control plane has: its name, its labels, the shape of an object."""

from collections.abc import Iterator

from controlplane.model.keys import MANAGER, ObjectRef
from controlplane.model.right import ACCOUNT
from controlplane.model.role import Mode
from controlplane.settings.roles import Role
from controlplane.settings.schema import Settings

NAME = NAMESPACE = MANAGER
LABELS = {"app.kubernetes.io/name": NAME}
SERVICE_ACCOUNT = ACCOUNT
"""Who we are to the API server."""

Manifest = dict[str, object]


def thing(api: str, kind: str, name: str = NAME, namespace: str | None = NAMESPACE, **parts: object) -> Manifest:
    """One object. ``namespace=None`` for what belongs to the whole cluster."""
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **place, "labels": dict(LABELS)}, **parts}


def changeable(settings: Settings) -> Iterator[tuple[ObjectRef, Role]]:
    """The ScaledObjects whose bounds may be changed, with the role they scale; not those that are only observed."""
    roles = [role for role in settings.roles.values() if role.mode is not Mode.OBSERVE]
    found = {role.scaled_object: role for role in roles if role.scaled_object is not None}
    yield from sorted(found.items())
