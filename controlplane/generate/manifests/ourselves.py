"""The control plane itself in Kubernetes: one pod with its ledger in a file, or two that share a PostgreSQL.

Pod Security ``restricted``: nobody in particular, nothing writable but its home, no capability.
"""

import hashlib
from pathlib import Path

from controlplane import __version__
from controlplane.errors import Problem, SettingsError
from controlplane.generate.manifests.things import LABELS, NAME, NAMESPACE, Manifest, thing
from controlplane.generate.request import Request
from controlplane.settings.names import is_loopback
from controlplane.settings.schema import Settings

HOME = "/var/lib/controlplane"
"""Working folder: the ledger and the patch files live here, fleet.yaml is mounted into it."""
SECRET = f"{NAME}-secrets"
SHARED = {Path(HOME), Path("/run/secrets"), Path("/var/run/secrets"), Path("/")}
"""Folders that hold more than our secrets: the ledger, the service account's token."""


def replicas(settings: Settings) -> int:
    """A SQLite file has one owner. On PostgreSQL a second process waits to take over."""
    return 2 if settings.store.url.startswith("postgresql") else 1


def refuse_unreachable(request: Request) -> None:
    """Raises ``SettingsError`` when nobody outside the pod could reach the service as it is set up."""
    host = request.settings.serve.host
    if is_loopback(host):
        what = f"{host} cannot be reached inside a pod, not even by its probes"
        fix = "write serve: {host: 0.0.0.0, token_file: /run/secrets/controlplane/token} (or people)"
        raise SettingsError([Problem(file=request.source, line=None, key="serve.host", what=what, fix=fix)])


def namespace() -> Manifest:
    """Ours, where nothing may run that is not restricted."""
    labels = {**LABELS, "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def configmap(raw: str) -> Manifest:
    """fleet.yaml as it was written."""
    return thing("v1", "ConfigMap", data={"fleet.yaml": raw})


def service(settings: Settings) -> Manifest:
    """The pages, the API and ``/metrics``."""
    ports = [{"name": "http", "port": settings.serve.port, "targetPort": "http"}]
    return thing("v1", "Service", spec={"selector": dict(LABELS), "ports": ports})


def claim() -> Manifest:
    """Where the ledger's file lies."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
    return thing("v1", "PersistentVolumeClaim", spec=spec)


def deployment(request: Request) -> Manifest:
    """The pods."""
    settings, count = request.settings, replicas(request.settings)
    mounts, volumes = _secret_files(settings, request.folder)
    home = {"persistentVolumeClaim": {"claimName": NAME}} if count == 1 else {"emptyDir": {"sizeLimit": "1Gi"}}
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
            {"name": "home", **home},
            {"name": "settings", "configMap": {"name": NAME}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            *volumes,
        ],
    }
    digest = hashlib.sha256(request.raw.encode()).hexdigest()[:16]
    template = {"metadata": {"labels": dict(LABELS), "annotations": {"llm-controlplane/settings": digest}}, "spec": pod}
    spec = {
        "replicas": count,
        "strategy": {"type": "Recreate" if count == 1 else "RollingUpdate"},  # a file has one writer at a time
        "selector": {"matchLabels": dict(LABELS)},
        "template": template,
    }
    return thing("apps/v1", "Deployment", spec=spec)


def _secret_files(settings: Settings, folder: Path) -> tuple[list[object], list[object]]:
    """Mounts for the secret files fleet.yaml names, under the paths it names.

    A folder of their own is mounted whole, so that Kubernetes can renew what is in it. A folder that holds other
    things too cannot be covered: its files are mounted one by one, and are renewed with the pod.
    """
    prometheus = settings.sources.prometheus
    named = {
        "prometheus-token": prometheus.bearer_token_file if prometheus else None,
        "serve-token": settings.serve.token_file,
        "sessions-token": settings.sessions.token_file if settings.sessions else None,
        "slack-webhook-url": settings.slack.webhook_url_file if settings.slack else None,
        **{f"person-{name}": person.token_file for name, person in settings.serve.people.items()},
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
