"""All files that follow from a fleet.yaml, written, or held against what is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controlplane.generate.cost_rules import cost_group
from controlplane.generate.dashboards import fleet_dashboard
from controlplane.generate.manifests import manifests
from controlplane.generate.pod_rules import pod_group
from controlplane.generate.role_rules import role_group
from controlplane.generate.text import MARK, json_text, rules_text
from controlplane.settings.load import Loaded

FOLDERS = ("rules", "dashboards", "manifests")


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """A file that is not what fleet.yaml asks for."""

    path: str
    what: str


def files(loaded: Loaded, raw: str) -> Mapping[str, str]:
    """Path → text of everything generated. ``raw`` is the settings file's own text, for the ConfigMap."""
    settings, source = loaded.settings, Path(loaded.file).name
    engines = sorted({role.engine for role in settings.roles.values()})
    made = {f"rules/llm-pods-{engine}.yaml": rules_text(source, [pod_group(engine).as_yaml()]) for engine in engines}
    made["rules/llm-roles.yaml"] = rules_text(source, [role_group(settings).as_yaml(), cost_group(settings).as_yaml()])
    made["dashboards/llm-fleet.json"] = json_text(fleet_dashboard(settings, source))
    for name, text in manifests(settings, source, raw, Path(loaded.file).parent).items():
        made[f"manifests/controlplane/{name}"] = text
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
    paths = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in {".yaml", ".json"}]
    return [p.relative_to(root).as_posix() for p in paths if MARK in p.read_text(encoding="utf-8", errors="replace")]
