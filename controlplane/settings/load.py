"""Reads fleet.yaml. Everything that is wrong is told at once, one clear line each: file, line, key, fix."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from controlplane.errors import Problem, SettingsError
from controlplane.settings import document as yaml_document
from controlplane.settings.checks import CHECKS
from controlplane.settings.document import Document, Wrong
from controlplane.settings.part import Part, fields, inside, section
from controlplane.settings.schema import Settings
from controlplane.settings.values import nearest, shown

_SECRETS = {
    "webhook_url": "write the URL into a file and name it in webhook_url_file",
    "token": "write the token into a file and name it in token_file",
    "bearer_token": "write the token into a file and name it in bearer_token_file",
    "password": "remove it, and write a token into a file named in bearer_token_file",
    "api_key": "remove it, and write it into a file",
}
"""Keys people write because other programs take secrets in the file."""


MISSING = "is missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings, and where in the file each of them stands."""

    file: str
    settings: Settings
    document: Document


def load(path: str | Path) -> Settings:
    """Read and check ``path``.

    Raises:
        SettingsError: the file cannot be used; all its problems are in it.
    """
    return load_with_lines(path).settings


def load_with_lines(path: str | Path) -> Loaded:
    """Like :func:`load`, remembering lines."""
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        said = (error.strerror or "unknown error").lower()
        problem = Problem(file=str(path), line=None, key="", what=f"cannot be read ({said})", fix="check the path")
        raise SettingsError([problem]) from None
    return examine(raw, file=str(path), folder=path.parent)


def examine(raw: bytes, *, file: str = "fleet.yaml", folder: Path | None = None) -> Loaded:
    """Check the text of a settings file. Relative paths are placed in ``folder``.

    Raises:
        SettingsError: with every problem that could be found.
    """
    document = yaml_document.read(raw)
    wrong = list(document.wrong)
    settings: Settings | None = None
    if document.data:
        settings, more = _validate(document.data, {"folder": folder})
        wrong += more
    if wrong or settings is None:
        raise SettingsError(_problems(document, wrong, file))
    return Loaded(file=file, settings=settings, document=document)


def _validate(data: Mapping[str, object], context: Mapping[str, object]) -> tuple[Settings | None, list[Wrong]]:
    try:
        settings = Settings.model_validate(data, context=dict(context))
    except ValidationError as error:
        wrong = [_explained(details) for details in error.errors(include_url=False)]
        return None, [*wrong, *_checked_without(data, wrong)]
    return settings, [w for check in CHECKS for w in check(settings, ())]


def _checked_without(data: Mapping[str, object], wrong: list[Wrong]) -> list[Wrong]:
    """The cross checks on what remains when the parts that cannot be read are taken out."""
    roles = data.get("roles")
    rest: dict[str, Any] = {**data, "roles": dict(roles) if isinstance(roles, dict) else {}}
    unsure: set[str] = set()
    for w in wrong:
        top = str(w.path[0]) if w.path else ""
        if top == "roles" and len(w.path) > 1:
            rest["roles"].pop(w.path[1], None)
        elif top == "fleet":
            rest["fleet"] = "unnamed"
        else:
            rest.pop(top, None)
        unsure.add(top)
    try:
        settings = Settings.model_validate(rest)
    except ValidationError:
        return []
    return [w for check in CHECKS for w in check(settings, unsure)]


def _explained(error: ErrorDetails) -> Wrong:
    path = tuple(p for p in error["loc"] if p != "[key]")
    key = str(path[-1]) if path else ""
    context = error.get("ctx", {})
    match error["type"]:
        case "settings":
            return Wrong(path=path, what=context["what"], fix=context["fix"])
        case "extra_forbidden":
            if key in _SECRETS:
                return Wrong(path=path, what="a secret does not belong into this file", fix=_SECRETS[key])
            return Wrong(path=path, what="no such key", fix=nearest(key, _keys_at(path[:-1])))
        case "missing":
            return Wrong(path=path, what=MISSING, fix=f"add {key}: {_example(path)}")
        case "model_type" | "model_attributes_type" | "dict_type":
            keys = ", ".join(_keys_at(path)[:6]) or "name: value"
            what = f"{shown(error['input'])} stands where keys belong"
            return Wrong(path=path, what=what, fix=f"write keys under it: {keys}")
        case "tuple_type":
            return Wrong(path=path, what=f"{shown(error['input'])} is not a list", fix=f"write {key}: [{_item(error)}]")
        case "too_short":
            return Wrong(path=path, what="is empty", fix=f"add at least one: {_example(path)}")
        case _:
            return Wrong(path=path, what=error["msg"].lower(), fix=f"see controlplane config explain {key}".strip())


def _item(error: ErrorDetails) -> str:
    return shown(error["input"]) if isinstance(error["input"], str) else "…"


def _part_at(path: tuple[str | int, ...]) -> type[Part] | None:
    """The section at ``path``, by the schema."""
    part: type[Part] | None = Settings
    held: Any = None  # what a mapping or list on the way holds
    for step in path:
        if held is not None:
            part, held = section(held), None
        elif part is not None and str(step) in fields(part):
            info = fields(part)[str(step)]
            part, held = section(info), inside(info.annotation)
        else:
            return None
    return part


def _keys_at(path: tuple[str | int, ...]) -> list[str]:
    part = _part_at(path)
    return list(fields(part)) if part else []


def _example(path: tuple[str | int, ...]) -> str:
    part = _part_at(path[:-1])
    info = fields(part).get(str(path[-1])) if part else None
    return str(info.examples[0]) if info and info.examples else "…"


def _problems(document: Document, wrong: list[Wrong], file: str) -> list[Problem]:
    """In the file's order, one per place: what is wrong first hides what follows from it."""
    first: dict[tuple[str | int, ...], Problem] = {}
    for w in wrong:
        if any(_explains(other, w) for other in wrong):
            continue
        line = w.line if w.line is not None else document.line(w.path)
        problem = Problem(file=file, line=line, key=dotted(w.path), what=w.what, fix=w.fix)
        first.setdefault(w.path or (w.what,), problem)
    return sorted(first.values(), key=lambda p: (p.line or 0, p.key))


def _explains(other: Wrong, missing: Wrong) -> bool:
    """Whether a key is missing only because it was misspelt, or because its section could not be read."""
    if missing.what != MISSING or other is missing:
        return False
    parent, key = missing.path[:-1], str(missing.path[-1])
    return other.path == parent or (other.path[:-1] == parent and key in other.fix)


def dotted(path: tuple[str | int, ...]) -> str:
    """A place as people write it: ``roles.planner.targets[0]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if text else shown(step)
    return text
