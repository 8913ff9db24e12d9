"""What a real server is to us: a program, a version floor, where it lies, and how it is had."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class MissingError(Exception):
    """A server is not there and could not be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """One program: the pinned version (the floor for one that is already there), and how to get it."""

    name: str
    floor: tuple[int, ...]
    origin: str
    look: Callable[[], Path | None]
    fetch: Callable[[], None]
    by_hand: str
    version_arguments: tuple[str, ...] = ("--version",)
    """Empty where the program has no such flag: the folder in the cache carries the version then."""


def cache() -> Path:
    """Where what we unpack and build is kept between runs."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(root) / "llm-controlplane" / "real"


def on_path_or(program: str, *places: Path) -> Path | None:
    """The program of the machine, else the first of our places that has it."""
    found = shutil.which(program)
    candidates = [Path(found)] if found else []
    return next((p for p in (*candidates, *places) if p.is_file() and os.access(p, os.X_OK)), None)


def numbers(text: str) -> tuple[int, ...]:
    """The first dotted number in a text, to compare versions by."""
    found = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(n) for n in found.group().split(".")) if found else ()


def run(command: list[str], *, where: Path | None = None, env: dict[str, str] | None = None, limit: int = 900) -> str:
    """What a command says.

    Raises:
        MissingError: it cannot be run, takes longer than ``limit`` seconds or fails; with the end of what it said.
    """
    try:
        done = subprocess.run(
            command,
            cwd=where,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise MissingError(f"{command[0]}: {problem}") from problem
    if done.returncode:
        tail = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise MissingError(f"{' '.join(command[:3])}: exit status {done.returncode}: {tail}")
    return done.stdout + done.stderr
