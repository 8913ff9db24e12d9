"""One patch file: read whole, written whole, with the change behind each field in its head.

Its bytes depend on nothing but the changes made. A reader never meets half a file: temporary file, sync, rename.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from controlplane.errors import ActError
from controlplane.model.change import Change

FIRST_LINE = "# Written by controlplane. Fields and the changes behind them:"
LARGEST = 256 * 1024
"""A patch file of more bytes is not one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchFile:
    """What is in the file. ``heads`` says of each field which change set it last."""

    document: Any = None
    heads: Mapping[str, str] = field(default_factory=dict)


def load(path: Path) -> PatchFile:
    """The file as it is; empty when there is none. Raises ``ActError`` when it is not ours any more."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1).decode()
        if len(text) > LARGEST:
            raise ActError(f"{path} is too large to be one of our patches")
        document = yaml.safe_load(text)
    except FileNotFoundError:
        return PatchFile()
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ActError(f"{path} is not YAML any more; repair or remove it") from error
    heads: dict[str, str] = {}
    for line in text.split("\n"):
        name, colon, words = line.removeprefix("# ").partition(": ")
        if line.startswith("# /") and colon:
            heads[name] = words
    return PatchFile(document=document, heads=heads)


def save(path: Path, file: PatchFile) -> None:
    """All of the file or none of it, on the disk before the name points to it."""
    lines = [FIRST_LINE, *(f"# {name}: {words}" for name, words in sorted(file.heads.items()))]
    text = "\n".join(lines) + "\n" + yaml.safe_dump(file.document, sort_keys=True, allow_unicode=True, width=120)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def head(change: Change, before: Any) -> str:
    """What the head says about one field: which change, what was there, why. One line whatever the words hold."""
    approved = f", approved by {change.approved_by}" if change.approved_by else ""
    why = one_line(f"{change.recommendation.title}{approved}", 200)
    return f"{change.id} (was {one_line(str(before), 60)}): {why}"


def is_by(words: str, change: Change) -> bool:
    """Whether a head's line names this change."""
    return words.startswith(f"{change.id} ")


def one_line(words: str, limit: int) -> str:
    """Text from anywhere as part of a comment: no line break of any kind, bounded."""
    kept = "".join(c if c.isprintable() else " " for c in words)
    return " ".join(kept.split())[:limit]
