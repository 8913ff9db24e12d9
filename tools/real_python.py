"""Programs that are Python packages: each in a virtual environment of its own, all versions fixed by a file of ours."""

import venv
from dataclasses import dataclass
from pathlib import Path

from tools.real_programs import cache, run

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class PythonProgram:
    """One program and all it is made of."""

    name: str
    """Also the folder of ours that holds its requirements.txt, and its folder in the cache."""
    version: str

    @property
    def home(self) -> Path:
        """Its folder in the cache; its name is the version."""
        return cache() / self.name / self.version

    def look(self) -> Path | None:
        """The program, if it is there whole."""
        program = self.home / self.name
        return program if program.exists() else None

    def install(self) -> None:
        """Install exactly what the file says; the program appears when all of it is there."""
        room = self.home / "venv"
        venv.create(room, clear=True, with_pip=True)
        exactly = ["--no-deps", "--only-binary=:all:", "-r", str(HERE / self.name / "requirements.txt")]
        run([str(room / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *exactly])
        (self.home / self.name).symlink_to(room / "bin" / self.name)


LITELLM = PythonProgram("litellm", "1.109.1")
