"""Kubernetes manifests of the control plane itself: a base that only reads, and an overlay for each rung of the ladder.

``kubectl apply -k manifests/controlplane/overlays/observe`` looks and proposes; ``overlays/apply`` adds the right to
patch, and the policy that holds us to it.
"""

from collections.abc import Mapping

from controlplane.generate.manifests import admission, network, ourselves, rights
from controlplane.generate.manifests.things import Manifest, changeable
from controlplane.generate.request import Request
from controlplane.generate.text import yaml_text

__all__ = ["manifest_files"]

KUSTOMIZE = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def manifest_files(request: Request) -> Mapping[str, str]:
    """Path → text of every manifest; nothing for a fleet that names no cluster.

    Raises:
        SettingsError: nobody outside the pod could reach the service as it is set up.
    """
    if request.settings.sources.kubernetes is None:
        return {}
    ourselves.refuse_unreachable(request)
    folders = {"base": _base(request), "overlays/observe": {}, "overlays/apply": _apply(request)}
    made: dict[str, str] = {}
    for folder, files in folders.items():
        listed = [*files] if folder == "base" else ["../../base", *files]
        kustomization: Manifest = {**KUSTOMIZE, "resources": listed}
        for name, documents in {"kustomization.yaml": [kustomization], **files}.items():
            made[f"manifests/controlplane/{folder}/{name}"] = yaml_text(request.source, *documents)
    return made


def _base(request: Request) -> dict[str, list[Manifest]]:
    settings, one = request.settings, ourselves.replicas(request.settings) == 1
    return {
        "namespace.yaml": [ourselves.namespace()],
        "configmap.yaml": [ourselves.configmap(request.raw)],
        "deployment.yaml": [*([ourselves.claim()] if one else []), ourselves.deployment(request)],
        **({} if one else {"disruption.yaml": [network.disruption_budget()]}),
        "network.yaml": [network.network_policy(settings)],
        "rbac.yaml": [rights.account(), *rights.reading(settings)],
        "service.yaml": [ourselves.service(settings)],
    }


def _apply(request: Request) -> dict[str, list[Manifest]]:
    """What it takes to change anything; nothing where nothing may be changed."""
    if not any(changeable(request.settings)):
        return {}
    return {"admission.yaml": admission.admission(request.settings), "rbac.yaml": rights.changing(request.settings)}
