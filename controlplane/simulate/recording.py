"""A recording of metrics pages: series of scrapes with their times, failures included.

A series is a folder with a ``manifest.jsonl``, one line a scrape: ``file`` (``null`` where it failed),
``t_unix``, ``status``, ``content_type``. A recording is a folder or ``.tar.gz`` that holds one or several.
"""

import json
import math
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from statistics import median

from controlplane.errors import SourceError
from controlplane.model.page import Fault

MANIFEST = "manifest.jsonl"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
DEEPEST = 4
"""Folders below the given one that are searched."""
LARGEST_FILE = 64 * 2**20
LARGEST_ARCHIVE = 1024 * 2**20
"""Bytes of one page and of a whole unpacked archive that are still read."""

Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One recorded scrape; ``body`` is ``None`` where nobody answered."""

    at: float
    """Seconds from the beginning of the recording."""
    file: str
    body: bytes | None
    status: int = 200
    content_type: str = TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What one server said over time."""

    name: str
    shots: tuple[Shot, ...]

    @property
    def step(self) -> float:
        """Usual seconds between two scrapes."""
        gaps = [b.at - a.at for a, b in zip(self.shots, self.shots[1:], strict=False)]
        return median(gaps) if gaps else 1.0

    @property
    def end(self) -> float:
        """When the recording has nothing more to say: a step after the last scrape."""
        return self.shots[-1].at + self.step

    def at(self, seconds: float) -> Shot | None:
        """The newest scrape made by then; ``None`` before the first and after the end."""
        if seconds >= self.end:
            return None
        return next((s for s in reversed(self.shots) if s.at <= seconds), None)

    @property
    def model(self) -> str | None:
        """The model the pages speak of."""
        for shot in self.shots:
            found = re.search(rb'model_name="([^"\\]{1,200})"', shot.body or b"")
            if found:
                return found[1].decode(errors="replace")
        return None


def read_recording(path: Path) -> tuple[Series, ...]:
    """All series under ``path``, by name, their times counted from the first scrape of all.

    Raises:
        SourceError: there is nothing to replay, or a manifest cannot be understood.
    """
    if path.is_dir():
        manifests = [m for depth in range(DEEPEST + 1) for m in sorted(path.glob("*/" * depth + MANIFEST))]
        names = [m.relative_to(path).as_posix() for m in manifests]
        read: Read = lambda name: _read_file(path / name)  # noqa: E731 - one of two ways to read
    elif path.is_file():
        files = _unpack(path)
        names = sorted(n for n in files if PurePosixPath(n).name == MANIFEST)
        read = lambda name: _member(files, name)  # noqa: E731
    else:
        raise SourceError(Fault.NAME, f"{path}: no such folder or archive")
    if not names:
        archives = sorted(p.name for p in path.glob("*.tar.gz")) if path.is_dir() else []
        hint = f"; it holds archives, name one: {', '.join(archives[:8])}" if archives else ""
        raise SourceError(Fault.EMPTY, f"{path}: no {MANIFEST} in it{hint}")
    raw = {name: _shots(name, read) for name in names}
    origin = min(shots[0].at for shots in raw.values())
    titles = _titles(names, path)
    return tuple(
        Series(
            name=titles[name],
            shots=tuple(replace(s, at=s.at - origin) for s in shots),
        )
        for name, shots in raw.items()
    )


def _titles(names: list[str], path: Path) -> dict[str, str]:
    """The folder's name where it tells the series apart, else the whole way to it."""
    fallback = path.name.removesuffix(".tar.gz")
    short = {n: PurePosixPath(n).parent.name or fallback for n in names}
    unique = len(set(short.values())) == len(names)
    return {n: _slug(title if unique else str(PurePosixPath(n).parent)) for n, title in short.items()}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "series"


def _shots(manifest: str, read: Read) -> list[Shot]:
    folder = PurePosixPath(manifest).parent
    shots = []
    for number, line in enumerate(read(manifest).splitlines(), 1):
        if not line.strip():
            continue
        shots.append(_shot(line, f"{manifest} line {number}", folder, read))
    if not shots:
        raise SourceError(Fault.EMPTY, f"{manifest} is empty")
    return sorted(shots, key=lambda s: s.at)


def _shot(line: bytes, where: str, folder: PurePosixPath, read: Read) -> Shot:
    try:
        row = json.loads(line)
        at, file, status = float(row["t_unix"]), row.get("file"), row.get("status")
        content_type = row.get("content_type")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(Fault.MALFORMED, f"{where}: {error}") from error
    if not math.isfinite(at) or not isinstance(file, str | None):
        raise SourceError(Fault.MALFORMED, f"{where}: t_unix is no time, or file no name")
    if file is not None and (file.startswith("/") or ".." in PurePosixPath(file).parts):
        raise SourceError(Fault.FORBIDDEN, f"{where}: {file!r} leads out of the folder")
    return Shot(
        at=at,
        file=file or str(row.get("would_be") or "?"),
        body=None if file is None else read(str(folder / file)),
        status=status if isinstance(status, int) else 200,
        content_type=content_type if isinstance(content_type, str) else TEXT,
    )


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise SourceError(Fault.TOO_LARGE, f"{path} is larger than {LARGEST_FILE} bytes")
        return path.read_bytes()
    except OSError as error:
        raise SourceError(Fault.NAME, f"{path}: {error.strerror}") from error


def _member(files: dict[str, bytes], name: str) -> bytes:
    if name not in files:
        raise SourceError(Fault.NAME, f"{name} is not in the archive")
    return files[name]


def _unpack(path: Path) -> dict[str, bytes]:
    """Regular files of an archive, in memory."""
    files: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                total += member.size
                if member.size > LARGEST_FILE or total > LARGEST_ARCHIVE:
                    raise SourceError(Fault.TOO_LARGE, f"{path}: {member.name} is too large")
                stream = archive.extractfile(member)
                assert stream is not None
                files[str(PurePosixPath(member.name))] = stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise SourceError(Fault.MALFORMED, f"{path} is not a tar archive: {error}") from error
    return files
