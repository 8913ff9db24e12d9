"""What a process has used, as the kernel counts it, and programs of this folder to be measured."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGES = [HERE.parent / "collect" / "data" / f"vllm-0.32.0-planner-{n}.prom" for n in (1, 2)]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, from /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int, field: str = "VmRSS") -> float:
    """Resident memory in MB (``VmHWM``: the most there ever was)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1000
    raise AssertionError(f"no {field} of {pid}")


@dataclass(frozen=True, slots=True)
class Program:
    """A program of this folder, under way."""

    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self) -> dict[str, Any]:
        """Ask for its readings."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.line())
        return answer


@contextlib.contextmanager
def program(name: str, *arguments: object) -> Iterator[Program]:
    """Run a program of this folder until the block ends."""
    command = [sys.executable, str(HERE / name), *(str(a) for a in arguments)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


@contextlib.contextmanager
def engines(*, cpu: int = -1, roles: int = 1, plain: bool = False) -> Iterator[str]:
    """The page server; gives its URL."""
    with program("page_server.py", cpu, roles, "plain" if plain else "vllm", *PAGES) as server:
        yield f"http://127.0.0.1:{server.line()}"


def counts(url: str) -> dict[str, int]:
    """Pages fetched so far, by kind of client."""
    with urllib.request.urlopen(f"{url}/counts", timeout=10) as answer:
        found: dict[str, int] = json.load(answer)
    return found
