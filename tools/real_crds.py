"""Operators' definitions (CRDs): what the objects we generate for them must look like, from released Go modules."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.real_go import ENVIRONMENT, HERE, toolchain
from tools.real_programs import MissingError, cache, run


@dataclass(frozen=True, slots=True)
class Definitions:
    """Those of one operator that we use."""

    operator: str
    """Also the folder of ours that pins its module, and its folder in the cache."""
    module: str
    version: str
    folder: str
    """Of the module."""
    files: tuple[str, ...]

    @property
    def name(self) -> str:
        """How tests ask for them."""
        return f"{self.operator}-crds"

    @property
    def home(self) -> Path:
        """Their folder; its parent's name is the version."""
        return cache() / self.operator / self.version / "crds"

    def look(self) -> Path | None:
        """The folder, if they are there."""
        return self.home if self.home.is_dir() else None

    def fetch(self) -> None:
        """Download the module, checked by our go.sum, and keep what we use."""
        command = [toolchain(), "mod", "download", "-json", self.module]
        said = run(command, where=HERE / self.operator, env=ENVIRONMENT)
        source = Path(json.loads(said[said.index("{") :])["Dir"]) / self.folder
        half = self.home.with_suffix(".half")
        half.mkdir(parents=True, exist_ok=True)
        for file in self.files:
            if not (source / file).is_file():
                raise MissingError(f"{self.module} {self.version} holds no {file}")
            shutil.copyfile(source / file, half / file)
        half.rename(self.home)


PROMETHEUS_OPERATOR = Definitions(
    operator="prometheus-operator",
    module="github.com/prometheus-operator/prometheus-operator",
    version="0.93.0",
    folder="example/prometheus-operator-crd",
    files=tuple(
        f"monitoring.coreos.com_{kind}.yaml"
        for kind in ("podmonitors", "prometheuses", "prometheusrules", "servicemonitors")
    ),
)

GRAFANA_OPERATOR = Definitions(
    operator="grafana-operator",
    module="github.com/grafana/grafana-operator/v5",
    version="5.18.0",
    folder="config/crd/bases",
    files=("grafana.integreatly.org_grafanadashboards.yaml",),
)

OPERATORS = (PROMETHEUS_OPERATOR, GRAFANA_OPERATOR)
