"""The image's recipe names what the package is built from, and is called what the Deployment asks for."""

import re
from pathlib import Path

import yaml

from controlplane import __version__
from tests.architecture.test_layout import ROOT, tracked

RECIPE = (ROOT / "Dockerfile").read_text()


def copied() -> set[str]:
    """What of the repository gets into the build."""
    lines = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", RECIPE)
    return {source for line in lines for source in line.split()}


def test_the_builder_is_handed_what_is_copied_and_nothing_else() -> None:
    allowed = (ROOT / ".dockerignore").read_text().split()
    assert allowed[0] == "*"
    assert {line.removeprefix("!") for line in allowed if line.startswith("!")} == copied()
    assert all((ROOT / source).exists() for source in copied())


def test_all_that_the_package_is_built_from_is_copied() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in tracked("tools/web")}
    project = (ROOT / "pyproject.toml").read_text()
    named = {name for name in ("README.md", "LICENSE", "tools/hatch_build.py") if f'"{name}"' in project}
    assert pages | named | {"pyproject.toml", "controlplane", "tools/constraints.txt"} <= copied()


def test_the_deployment_asks_for_the_image_that_is_built() -> None:
    text = (ROOT / "manifests/controlplane/base/deployment.yaml").read_text()
    (deployment,) = (d for d in yaml.safe_load_all(text) if d["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == f"llm-controlplane:{__version__}"
    assert f"docker build -t {container['image']} ." in RECIPE
    security = pod["securityContext"]
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in RECIPE
    assert f'ENTRYPOINT ["{Path(container.get("command", ["controlplane"])[0]).name}"]' in RECIPE
