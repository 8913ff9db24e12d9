"""The control plane itself in Kubernetes: what it runs as, what it may read, and nothing more.

Read only: one Role per namespace that fleet.yaml names, no cluster-wide rights, no secrets, no verb that
changes anything (changes leave as patch files). Pod Security ``restricted``.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from controlplane import __version__
from controlplane.errors import Problem, SettingsError
from controlplane.generate.text import yaml_text
from controlplane.settings.names import is_loopback
from controlplane.settings.schema import Settings

NAME = NAMESPACE = "llm-controlplane"
HOME = "/var/lib/controlplane"
"""Working folder: the ledger and the patch files live here, fleet.yaml is mounted into it."""
SECRET = f"{NAME}-secrets"
LABELS = {"app.kubernetes.io/name": NAME}
READ = ["get", "list", "watch"]
SHARED = {Path(HOME), Path("/run/secrets"), Path("/var/run/secrets"), Path("/")}
"""Folders that hold more than our secrets: the ledger, the service account's token."""

_KINDS = {
    "Deployment": ("apps", "deployments"),
    "StatefulSet": ("apps", "statefulsets"),
    "LeaderWorkerSet": ("leaderworkerset.x-k8s.io", "leaderworkersets"),
    "RayService": ("ray.io", "rayservices"),
    "ScaledObject": ("keda.sh", "scaledobjects"),
}


def manifests(settings: Settings, source: str, raw: str, folder: Path) -> Mapping[str, str]:
    """File name → text; nothing for a fleet that names no cluster. ``folder`` is where fleet.yaml lies.

    Raises:
        SettingsError: nobody outside the pod could reach the service as it is set up.
    """
    if settings.sources.kubernetes is None:
        return {}
    if is_loopback(settings.serve.host):
        what = f"{settings.serve.host} cannot be reached inside a pod, not even by its probes"
        fix = "write serve: {host: 0.0.0.0, token_file: /run/secrets/controlplane/token}"
        raise SettingsError([Problem(file=source, line=None, key="serve.host", what=what, fix=fix)])
    made: dict[str, list[object]] = {
        "namespace.yaml": [_namespace()],
        "configmap.yaml": [_configmap(raw)],
        "deployment.yaml": [_claim(), _deployment(settings, raw, folder)],
        "rbac.yaml": [_account(), *_rights(settings)],
        "service.yaml": [_service(settings)],
    }
    return {name: yaml_text(source, *documents) for name, documents in made.items()}


def _object(api: str, kind: str, name: str, namespace: str | None = NAMESPACE) -> dict[str, object]:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **place, "labels": dict(LABELS)}}


def _namespace() -> object:
    made = _object("v1", "Namespace", NAMESPACE, None)
    labels = {**LABELS, "pod-security.kubernetes.io/enforce": "restricted"}
    return {**made, "metadata": {"name": NAMESPACE, "labels": labels}}


def _configmap(raw: str) -> object:
    return {**_object("v1", "ConfigMap", NAME), "data": {"fleet.yaml": raw}}


def _account() -> object:
    return {**_object("v1", "ServiceAccount", NAME), "automountServiceAccountToken": False}


def _rights(settings: Settings) -> list[object]:
    """A Role and its binding in each namespace that a role lives in."""
    wanted: dict[str, set[str]] = {}
    for role in settings.roles.values():
        for ref in (role.scaled_object, role.workload):
            if ref is not None:
                wanted.setdefault(ref.namespace, set()).add(ref.kind)
        if role.pods is not None:
            wanted.setdefault(role.pods.namespace, set())
    made: list[object] = []
    for namespace, kinds in sorted(wanted.items()):
        rules = [
            {"apiGroups": [""], "resources": ["pods"], "verbs": READ},
            {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": READ},
            *({"apiGroups": [g], "resources": [r], "verbs": READ} for g, r in sorted(_KINDS[k] for k in kinds)),
        ]
        made.append({**_object("rbac.authorization.k8s.io/v1", "Role", NAME, namespace), "rules": rules})
        made.append(
            {
                **_object("rbac.authorization.k8s.io/v1", "RoleBinding", NAME, namespace),
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
                "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
            }
        )
    return made


def _service(settings: Settings) -> object:
    ports = [{"name": "http", "port": settings.serve.port, "targetPort": "http"}]
    return {**_object("v1", "Service", NAME), "spec": {"selector": dict(LABELS), "ports": ports}}


def _claim() -> object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
    return {**_object("v1", "PersistentVolumeClaim", NAME), "spec": spec}


def _deployment(settings: Settings, raw: str, folder: Path) -> object:
    mounts, volumes = _secret_files(settings, folder)
    container = {
        "name": "controlplane",
        "image": f"{NAME}:{__version__}",
        "args": ["serve", "fleet.yaml"],
        "workingDir": HOME,
        "ports": [{"name": "http", "containerPort": settings.serve.port}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 15, "failureThreshold": 4},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5},
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "home", "mountPath": HOME},
            {"name": "settings", "mountPath": f"{HOME}/fleet.yaml", "subPath": "fleet.yaml", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
            *mounts,
        ],
    }
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 30,
        "containers": [container],
        "volumes": [
            {"name": "home", "persistentVolumeClaim": {"claimName": NAME}},
            {"name": "settings", "configMap": {"name": NAME}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            *volumes,
        ],
    }
    digest = hashlib.sha256(raw.encode()).hexdigest()[:16]
    template = {"metadata": {"labels": dict(LABELS), "annotations": {"llm-controlplane/settings": digest}}, "spec": pod}
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},  # one writer of the ledger at a time
        "selector": {"matchLabels": dict(LABELS)},
        "template": template,
    }
    return {**_object("apps/v1", "Deployment", NAME), "spec": spec}


def _secret_files(settings: Settings, folder: Path) -> tuple[list[object], list[object]]:
    """Mounts for the secret files fleet.yaml names, under the paths it names.

    A folder of their own is mounted whole, so that Kubernetes can renew what is in it. A folder that holds other
    things too cannot be covered: its files are mounted one by one, and are renewed with the pod.
    """
    prometheus = settings.sources.prometheus
    named = {
        "prometheus-token": prometheus.bearer_token_file if prometheus else None,
        "serve-token": settings.serve.token_file,
        "slack-webhook-url": settings.slack.webhook_url_file if settings.slack else None,
    }
    folders: dict[Path, list[dict[str, str]]] = {}
    for key, path in named.items():
        if path is not None:
            place = Path(HOME) / path.relative_to(folder) if path.is_relative_to(folder) else path
            folders.setdefault(place.parent, []).append({"key": key, "path": place.name})
    mounts: list[object] = []
    volumes: list[object] = []
    for i, (place, items) in enumerate(sorted(folders.items())):
        volumes.append({"name": f"secrets-{i}", "secret": {"secretName": SECRET, "items": items}})
        if place in SHARED:
            mounts += [_secret_mount(i, place / item["path"], item["path"]) for item in items]
        else:
            mounts.append(_secret_mount(i, place, None))
    return mounts, volumes


def _secret_mount(index: int, path: Path, part: str | None) -> object:
    mount = {"name": f"secrets-{index}", "mountPath": path.as_posix(), "readOnly": True}
    return mount if part is None else {**mount, "subPath": part}
