"""What the control plane may do: read what fleet.yaml names, and nothing else unless the apply overlay is chosen.

One Role per namespace, no wildcard, no secrets. Of the whole cluster only nodes are read, for their GPUs. The
apply overlay adds one verb, ``patch``, on the ScaledObjects by name; never create, delete or a scale subresource.
"""

from controlplane.generate.manifests.things import NAME, NAMESPACE, Manifest, changeable, thing
from controlplane.settings.schema import Settings

RBAC = "rbac.authorization.k8s.io"
READ = ["get", "list", "watch"]

_KINDS = {
    "Deployment": ("apps", "deployments"),
    "StatefulSet": ("apps", "statefulsets"),
    "LeaderWorkerSet": ("leaderworkerset.x-k8s.io", "leaderworkersets"),
    "RayService": ("ray.io", "rayservices"),
    "ScaledObject": ("keda.sh", "scaledobjects"),
}


def account() -> Manifest:
    """Whom we run as; its token goes into our own pods only."""
    return thing("v1", "ServiceAccount", automountServiceAccountToken=False)


def reading(settings: Settings) -> list[Manifest]:
    """A Role and its binding in each namespace that a role lives in, and the nodes."""
    made: list[Manifest] = []
    for namespace, kinds in sorted(_wanted(settings).items()):
        rules = [
            {"apiGroups": [""], "resources": ["pods"], "verbs": READ},
            {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": READ},
            *({"apiGroups": [g], "resources": [r], "verbs": READ} for g, r in sorted(_KINDS[k] for k in kinds)),
        ]
        made += _granted(NAME, namespace, rules)
    nodes = [{"apiGroups": [""], "resources": ["nodes"], "verbs": READ}]
    return made + _granted(f"{NAME}-nodes", None, nodes)


def changing(settings: Settings) -> list[Manifest]:
    """To patch the ScaledObjects that may be changed, by name, and to read the kill switch on their namespace."""
    names: dict[str, list[str]] = {}
    for ref, _ in changeable(settings):
        names.setdefault(ref.namespace, []).append(ref.name)
    made: list[Manifest] = []
    for namespace, objects in sorted(names.items()):
        rules = [
            {"apiGroups": ["keda.sh"], "resources": ["scaledobjects"], "resourceNames": objects, "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [namespace], "verbs": ["get"]},
        ]
        made += _granted(f"{NAME}-apply", namespace, rules)
    return made


def _wanted(settings: Settings) -> dict[str, set[str]]:
    """Kinds of objects by namespace."""
    wanted: dict[str, set[str]] = {}
    for role in settings.roles.values():
        for ref in (role.scaled_object, role.workload):
            if ref is not None:
                wanted.setdefault(ref.namespace, set()).add(ref.kind)
        if role.scaled_object is not None and role.workload is None:  # it is looked for by what is scaled
            wanted.setdefault(role.scaled_object.namespace, set()).update(("Deployment", "StatefulSet"))
        if role.pods is not None:
            wanted.setdefault(role.pods.namespace, set())
    return wanted


def _granted(name: str, namespace: str | None, rules: list[dict[str, list[str]]]) -> list[Manifest]:
    """Rules and their binding to our account; ``namespace=None`` for the whole cluster."""
    kind = "Role" if namespace else "ClusterRole"
    return [
        thing(f"{RBAC}/v1", kind, name, namespace, rules=rules),
        thing(
            f"{RBAC}/v1",
            f"{kind}Binding",
            name,
            namespace,
            roleRef={"apiGroup": RBAC, "kind": kind, "name": name},
            subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        ),
    ]
