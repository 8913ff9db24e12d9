"""The Prometheus operator's definitions (CRDs): what its objects must look like, from the released Go module."""

import json
import shutil
from pathlib import Path

from tools.real_go import ENVIRONMENT, HERE, toolchain
from tools.real_programs import MissingError, cache, run

MODULE, VERSION = "github.com/prometheus-operator/prometheus-operator", "0.93.0"
KINDS = ("podmonitors", "prometheuses", "prometheusrules", "servicemonitors")


def definitions() -> Path | None:
    """The folder of the definitions; its parent's name is the version."""
    home = cache() / "prometheus-operator" / VERSION / "crds"
    return home if home.is_dir() else None


def fetch_definitions() -> None:
    """Download the module, checked by our go.sum, and keep the definitions we use."""
    command = [toolchain(), "mod", "download", "-json", MODULE]
    said = run(command, where=HERE / "prometheus-operator", env=ENVIRONMENT)
    source = Path(json.loads(said[said.index("{") :])["Dir"]) / "example" / "prometheus-operator-crd"
    home = cache() / "prometheus-operator" / VERSION
    half = home / "crds.half"
    half.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        file = f"monitoring.coreos.com_{kind}.yaml"
        if not (source / file).is_file():
            raise MissingError(f"{MODULE} {VERSION} holds no {file}")
        shutil.copyfile(source / file, half / file)
    half.rename(home / "crds")
