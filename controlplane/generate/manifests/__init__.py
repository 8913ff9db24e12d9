"""Kubernetes manifests of the control plane itself."""

from collections.abc import Mapping

from controlplane.generate.manifests.ourselves import manifests
from controlplane.generate.request import Request

__all__ = ["manifest_files"]


def manifest_files(request: Request) -> Mapping[str, str]:
    """Path → text of every manifest."""
    made = manifests(request.settings, request.source, request.raw, request.folder)
    return {f"manifests/controlplane/{name}": text for name, text in made.items()}
