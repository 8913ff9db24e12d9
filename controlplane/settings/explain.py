"""Every setting in force: its value as it would be written, where it comes from, and what it means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.settings.document import Path
from controlplane.settings.gpus import KNOWN_GPUS, LIST_PRICES
from controlplane.settings.load import Loaded, dotted
from controlplane.settings.part import Part, fields, inside, section
from controlplane.settings.schema import Settings

DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting in force."""

    key: str
    value: str
    origin: str
    """``line 12``, ``default``, or ``list price``."""
    words: str
    """What it means, its unit, and why the default is what it is."""


def rows(loaded: Loaded) -> tuple[Row, ...]:
    """All settings in force, in the order of the schema."""
    written = loaded.settings.model_dump(mode="json", by_alias=True)
    return (*_prices(loaded), *_rows(loaded, Settings, written, ()))


def _prices(loaded: Loaded) -> Iterator[Row]:
    """List prices in force: of the types that roles use and the file does not price."""
    used = {role.gpus.type for role in loaded.settings.roles.values() if role.gpus}
    for name in sorted(used & set(LIST_PRICES) - set(loaded.settings.prices)):
        words = f"Dollars per hour of one whole GPU: {KNOWN_GPUS[name].source}. What you pay may differ."
        yield Row(key=f"prices.{name}", value=f"{LIST_PRICES[name]:g}", origin="list price", words=words)


def _rows(loaded: Loaded, part: type[Part], written: Mapping[str, Any], at: Path) -> Iterator[Row]:
    for key, info in fields(part).items():
        value, here = written[key], (*at, key)
        inner, held = section(info), section(inside(info.annotation)) if inside(info.annotation) else None
        words = " ".join((info.description or "").split())
        if inner and value is not None:
            yield from _rows(loaded, inner, value, here)
        elif held and value:
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for name, item in items:
                yield from _rows(loaded, held, item, (*here, name))
        elif isinstance(value, dict) and value:
            for name, item in value.items():
                yield _row(loaded, (*here, name), item, words)
        else:
            yield _row(loaded, here, value, words)


def _row(loaded: Loaded, path: Path, value: object, words: str) -> Row:
    line = loaded.document.lines.get(path)
    if line is None and len(path) > 1 and path[:-1] in loaded.document.lines and _short_form(loaded, path):
        line = loaded.document.lines[path[:-1]]
    origin = DEFAULT if line is None else f"line {line}"
    return Row(key=dotted(path), value=written_text(value), origin=origin, words=words)


def _short_form(loaded: Loaded, path: Path) -> bool:
    """Whether the section was given as one value: ``prometheus: http://…``, whose key is ``url``."""
    return path[-1] == "url" and not any(
        p[: len(path) - 1] == path[:-1] and p != path[:-1] for p in loaded.document.lines
    )


def written_text(value: object) -> str:
    """A value as it would stand in the file; a dash where there is none."""
    if value is None or value in ([], {}, ()):
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + ", ".join(written_text(v) for v in value) + "]"
    return str(value)
