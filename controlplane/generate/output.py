"""All files that follow from a fleet.yaml, written, or held against what is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from controlplane.generate.alerts import alert_files
from controlplane.generate.dashboards import dashboard_files
from controlplane.generate.forms import form_files
from controlplane.generate.manifests import manifest_files
from controlplane.generate.manifests.scaled_objects import scaled_object_files
from controlplane.generate.request import Request, request_of
from controlplane.generate.rules import rule_files
from controlplane.generate.text import MARK
from controlplane.settings.load import Loaded

Generator = Callable[[Request], Mapping[str, str]]
"""Makes files: path below the output folder → text. No two generators make the same path."""

GENERATORS: tuple[Generator, ...] = (rule_files, alert_files, dashboard_files, scaled_object_files, manifest_files)
FOLDERS = ("rules", "dashboards", "manifests")


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """A file that is not what fleet.yaml asks for."""

    path: str
    what: str


def files(loaded: Loaded, raw: str) -> Mapping[str, str]:
    """Path → text of everything generated. ``raw`` is the settings file's own text, for the ConfigMap."""
    request = request_of(loaded, raw)
    made: dict[str, str] = {}
    generators: tuple[Generator, ...] = (*GENERATORS, partial(form_files, made=made))  # forms of what others made
    for generator in generators:
        for path, text in generator(request).items():
            if path in made:
                raise ValueError(f"two generators make {path}")
            made[path] = text
    return dict(sorted(made.items()))


def write(made: Mapping[str, str], root: Path) -> tuple[str, ...]:
    """Write what differs and remove what is old; returns the paths touched, sorted."""
    touched = drift(made, root)
    for item in touched:
        path = root / item.path
        if item.path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[item.path], encoding="utf-8", newline="\n")
        else:
            path.unlink()
    return tuple(item.path for item in touched)


def drift(made: Mapping[str, str], root: Path) -> tuple[Drift, ...]:
    """Every file under ``root`` that is not what ``made`` says: missing, different, or not generated any more."""
    found = []
    for name, text in made.items():
        path = root / name
        if not path.is_file():
            found.append(Drift(name, "is missing"))
        elif path.read_bytes() != text.encode():
            found.append(Drift(name, "differs from what fleet.yaml asks for"))
    found += [Drift(name, "is not generated any more") for name in _generated_before(root) if name not in made]
    return tuple(sorted(found))


def _generated_before(root: Path) -> list[str]:
    """Files in our folders that carry our mark; others are somebody else's and left alone."""
    paths = [
        path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in {".yaml", ".json", ".tmpl"}
    ]
    return [p.relative_to(root).as_posix() for p in paths if MARK in p.read_text(encoding="utf-8", errors="replace")]
