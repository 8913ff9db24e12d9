"""What fleet.yaml takes of an account at the API server, and whether it has it.

Reading takes what the generated Roles grant, less ``get``, which the eyes never use; hands take two verbs on each
ScaledObject they may change, and a look at its namespace.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from controlplane.collect.kubernetes_access import Access
from controlplane.doctor.rights import Needed
from controlplane.generate.manifests.rights import reading
from controlplane.generate.manifests.things import changeable
from controlplane.model.right import ACCOUNT, Right
from controlplane.settings.schema import Settings
from controlplane.settings.sections import HandsMode


def needed(settings: Settings) -> tuple[Needed, ...]:
    """Every right that fleet.yaml takes, each once."""
    eyes = (Needed(right=right, changing=False) for role in reading(settings) for right in _granted(role))
    hands = (Needed(right=right, changing=True) for right in _changing(settings))
    return tuple(dict.fromkeys([*eyes, *hands]))


def missing(access: Access, wanted: Sequence[Needed], *, ours: bool) -> tuple[str, tuple[Needed, ...]]:
    """Who the account is, and those of ``wanted`` that it lacks.

    ``ours``: asked about is the account of the generated manifests; else the one we ask with. Raises ``SourceError``.
    """
    account = ACCOUNT if ours else access.account()
    return account, tuple(one for one in wanted if not access.may(one.right, ACCOUNT if ours else ""))


def _granted(role: dict[str, Any]) -> Iterator[Right]:
    """The rights of a Role, but ``get``."""
    for rule in role.get("rules", ()):
        for group, resource, verb in (
            (g, r, v) for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]
        ):
            if verb != "get":
                namespace = role["metadata"].get("namespace", "")
                yield Right(verb=verb, group=group, resource=resource, namespace=namespace)


def _changing(settings: Settings) -> Iterator[Right]:
    if settings.hands.mode is not HandsMode.KUBERNETES:
        return
    for ref, _ in changeable(settings):
        for verb in ("get", "patch"):
            yield Right(verb=verb, group="keda.sh", resource="scaledobjects", namespace=ref.namespace, name=ref.name)
        yield Right(verb="get", resource="namespaces", namespace=ref.namespace, name=ref.namespace)
