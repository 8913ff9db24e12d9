"""The planted faults: real-looking objects, each with what must be found in a comment at its top."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from controlplane.doctor.scaled_objects import Context

HERE = Path(__file__).parent
CONTEXT = Context(now=datetime(2026, 6, 1, 12, 0, tzinfo=UTC), answers={"llm/planner": 118.0, "llm/decode": 95.0})


@dataclass(frozen=True, slots=True)
class Planted:
    """One file."""

    path: Path

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Its objects."""
        return list(yaml.load_all(self.path.read_text(encoding="utf-8"), yaml.CSafeLoader))

    def said(self, key: str) -> str:
        """What a comment at its top says, such as ``finds``."""
        for line in self.path.read_text(encoding="utf-8").splitlines():
            if line.startswith(f"# {key}: "):
                return line.removeprefix(f"# {key}: ")
        return ""

    @property
    def finds(self) -> list[str]:
        """Ids of the checks that must find something, and no other."""
        return sorted(self.said("finds").split())


def planted(folder: str) -> list[Planted]:
    """The files of ``bad`` or ``good``."""
    return [Planted(path) for path in sorted((HERE / folder).glob("*.yaml"))]
