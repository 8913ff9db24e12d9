"""Dashboards for the three ways Grafana gets them: a sidecar, its operator, a folder of files.

One object per dashboard, in compact JSON: a client-side ``kubectl apply`` keeps a second copy of an object in an
annotation, and those end at 256 KiB. ``kubectl apply --server-side`` has no such end.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from controlplane.generate.request import Request
from controlplane.generate.text import yaml_text

SIDECAR = """\
For the sidecar of Grafana's Helm chart (sidecar.dashboards.enabled: true). The folder needs
sidecar.dashboards.folderAnnotation set to the annotation below, and provider.foldersFromFilesStructure: true.
Apply with: kubectl apply --server-side -f …"""

FILES = """\
Grafana reads this from provisioning/dashboards/. Copy dashboards/*.json into the folder named under `path`."""


def configmaps(request: Request, made: Mapping[str, str]) -> Mapping[str, str]:
    """A ConfigMap for each dashboard; file names differ, for the sidecar puts all of them into one folder."""
    grafana = request.settings.generate.grafana
    files = {}
    for name, dashboard in _dashboards(made):
        configmap = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"{name}-dashboard",
                "namespace": grafana.namespace,
                "labels": {"app.kubernetes.io/part-of": "llm-controlplane", grafana.sidecar_label: "1"},
                "annotations": {grafana.folder_annotation: grafana.folder},
            },
            "data": {f"{name}.json": dashboard},
        }
        files[f"manifests/grafana/configmap-{name}.yaml"] = yaml_text(request.source, configmap, note=SIDECAR)
    return files


def grafana_dashboards(request: Request, made: Mapping[str, str]) -> Mapping[str, str]:
    """A GrafanaDashboard for each dashboard, for the Grafana operator (5.x)."""
    grafana = request.settings.generate.grafana
    files = {}
    for name, dashboard in _dashboards(made):
        custom = {
            "apiVersion": "grafana.integreatly.org/v1beta1",
            "kind": "GrafanaDashboard",
            "metadata": {"name": name, "namespace": grafana.namespace},
            "spec": {
                "instanceSelector": {"matchLabels": dict(sorted(grafana.instance_labels.items()))},
                "allowCrossNamespaceImport": True,
                "folder": grafana.folder,
                "resyncPeriod": "10m",
                "json": dashboard,
            },
        }
        files[f"manifests/grafana/grafanadashboard-{name}.yaml"] = yaml_text(request.source, custom)
    return files


def provisioning(request: Request, made: Mapping[str, str]) -> Mapping[str, str]:
    """The provider that makes Grafana read a folder; nothing where there is no dashboard."""
    if not any(True for _ in _dashboards(made)):
        return {}
    grafana = request.settings.generate.grafana
    provider = {
        "name": "llm-fleet",
        "orgId": 1,
        "folder": grafana.folder,
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,  # a change made in Grafana would be gone with the next copy
        "updateIntervalSeconds": 30,
        "options": {"path": grafana.files, "foldersFromFilesStructure": False},
    }
    document = {"apiVersion": 1, "providers": [provider]}
    return {"manifests/grafana/provisioning.yaml": yaml_text(request.source, document, note=FILES)}


def _dashboards(made: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name and compact JSON of each dashboard."""
    for path, text in sorted(made.items()):
        if path.startswith("dashboards/") and path.endswith(".json"):
            compact = json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
            yield PurePosixPath(path).stem, compact + "\n"
